package e2e_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	seed        = flag.Uint64("seed", 0, "replay a crash test with this `seed`; 0 takes a new one")
	prebuilt    = flag.String("program", "", "test this `file` instead of building the program")
	screenshots = flag.String("screenshots", "", "save screenshots into this `folder`")
)

// run is what all tests of one run share.
var run struct {
	dir     string                 // gone when the run ends
	binary  func() (string, error) // builds the program once
	browser func() (*chromium, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "presence-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	run.dir = dir
	run.binary = sync.OnceValues(build)
	var started *chromium
	run.browser = sync.OnceValues(func() (c *chromium, err error) {
		started, err = startChromium(filepath.Join(dir, "chromium"))
		return started, err
	})
	code := m.Run()
	if started != nil {
		started.stop()
	}
	return code
}

// build makes the program and returns where it is.
func build() (string, error) {
	if *prebuilt != "" {
		return filepath.Abs(*prebuilt)
	}
	path := filepath.Join(run.dir, "presence")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "github.com/global-presence/presence")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// program returns the path of the program.
func program(tb testing.TB) string {
	tb.Helper()
	path, err := run.binary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// patience is how long a state of the page or the server may take to come. It is
// far longer than any should take, for machines that are busy.
const patience = 20 * time.Second

// waitFor calls look until it is satisfied. It fails with the last thing that look
// has seen.
func waitFor(tb testing.TB, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		saw, ok := look()
		if ok {
			return
		}
		if time.Since(began) > patience {
			tb.Fatalf("waited %v for %s; last saw %s", patience, what, saw)
		}
		<-tick.C
	}
}

// newRand returns the randomness of a test and prints how to have it again: its
// choices, not the machine's timing.
func newRand(tb testing.TB) *rand.Rand {
	tb.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	tb.Logf("replay with -run='^%s$' -seed=%d", tb.Name(), s)
	return rand.New(rand.NewPCG(s, 0))
}
