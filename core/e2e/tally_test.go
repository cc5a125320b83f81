package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// tallies are the versions of testdata/tally that were built in this run, by kind,
// title and step.
var tallies = struct {
	sync.Mutex
	files map[[3]string]string
}{files: map[[3]string]string{}}

// tally builds a version of testdata/tally, as a process or as a module that a server
// finds compiled, and returns its file.
func tally(tb testing.TB, kind, title, step string) string {
	tb.Helper()
	tallies.Lock()
	defer tallies.Unlock()
	key := [3]string{kind, title, step}
	if file := tallies.files[key]; file != "" {
		return file
	}
	file := filepath.Join(run.dir, fmt.Sprintf("tally-%d", len(tallies.files)))
	args, env := []string{"build", "-o", file}, os.Environ()
	if kind == "wasm" {
		args, env = append(args, "-trimpath", "-buildmode=c-shared"), append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	args = append(args, "-ldflags", fmt.Sprintf("-s -w -X 'main.title=%s' -X main.step=%s", title, step), "./testdata/tally")
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build tally: %v\n%s", err, out)
	}
	if kind == "wasm" {
		if err := compile(file); err != nil {
			tb.Fatal(err)
		}
	}
	tallies.files[key] = file
	return file
}
