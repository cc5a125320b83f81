package process_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins/process"
)

// niceness returns how far the threads of a process give way, in ascending order.
func niceness(t *testing.T, pid string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/" + pid + "/task/*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("process %s has no threads: %v", pid, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		// The name, in parentheses, may hold anything; nice is the 17th field after it.
		// Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		seen[fields[16]] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestConfig_Nice: a feature gives way to its host in all that it does, and its host to nobody.
func TestConfig_Nice(t *testing.T) {
	own := niceness(t, "self")
	if len(own) != 1 {
		t.Fatalf("the threads of the host have %v, want one for all", own)
	}
	base, err := strconv.Atoi(own[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, nice := range []int{0, 7} {
		r := startUp(t, "echo", process.Config{Nice: nice})
		want := []string{strconv.Itoa(min(base+nice, 19))}
		if got := niceness(t, strconv.Itoa(r.pid(t))); !slices.Equal(got, want) {
			t.Errorf("with Nice %d the threads of the feature have %v, want %v", nice, got, want)
		}
		r.stop()
	}
	if got := niceness(t, "self"); !slices.Equal(got, own) {
		t.Errorf("the threads of the host have %v, want %v as before", got, own)
	}
}
