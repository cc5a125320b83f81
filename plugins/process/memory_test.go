//go:build linux

package process_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestPlugin_MemoryLimit: a feature that takes memory for ever is ended, and comes
// back.
func TestPlugin_MemoryLimit(t *testing.T) {
	r := startUp(t, "echo", process.Config{MemoryLimit: 512 << 20, HandleTimeout: time.Hour, PingInterval: time.Hour})
	pid := r.pid(t)
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); err != nil || string(b) != "1000\n" {
		t.Errorf("oom_score_adj of the feature is %q, %v; want 1000", b, err)
	}
	if o := r.handle(t, plugins.Event{Name: "bomb"}); o.Err == nil {
		t.Error("a call that takes memory for ever was answered")
	}
	s := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if s.Err == nil || !strings.Contains(s.Err.Error(), "at most 512 are allowed") {
		t.Errorf("it ended with %v, want its memory as the reason", s.Err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
}

// TestDescribe_MemoryLimit: a program that takes memory before it says what it is.
func TestDescribe_MemoryLimit(t *testing.T) {
	_, err := process.Describe(t.Context(), process.Config{Args: []string{"bomb"}, MemoryLimit: 512 << 20, StartTimeout: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "at most 512 are allowed") {
		t.Errorf("Describe = %v, want its memory as the reason", err)
	}
}

// TestResident: what is told is of now, and of nobody when the process has ended.
func TestResident(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	pid := r.pid(t)
	resident, done := process.Resident(pid)
	defer done()
	before, ok := resident()
	if !ok || before < 1<<20 {
		t.Fatalf("a feature that has started holds %d bytes, %t; want a MiB at least", before, ok)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if told == nil {
		t.Fatalf("the system does not say what it holds: %s", b)
	}
	if kib, _ := strconv.ParseInt(string(told[1]), 10, 64); before < kib<<9 || before > kib<<11 {
		t.Errorf("a feature holds %d bytes, while the system says %d KiB", before, kib)
	}
	r.stop()
	if size, ok := resident(); ok && size > 0 {
		t.Errorf("a process that has ended holds %d bytes", size)
	}
}

func BenchmarkResident(b *testing.B) {
	resident, done := process.Resident(os.Getpid())
	defer done()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := resident(); !ok {
			b.Fatal("cannot be told")
		}
	}
}
