package e2e_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	plain   func() (string, error) // and without the race detector
	browser func() (*chromium, error)
	modules func() (string, error) // builds the features' modules once, with -carrier=wasm
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *carrier != "process" && *carrier != "wasm" {
		fmt.Fprintf(os.Stderr, "-carrier is %q; want process or wasm\n", *carrier)
		os.Exit(2)
	}
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
	run.binary = sync.OnceValues(func() (string, error) { return build("presence", race && *carrier != "wasm") })
	run.plain = sync.OnceValues(func() (string, error) { return build("plain", false) })
	run.modules = sync.OnceValues(buildModules)
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
func build(name string, race bool) (string, error) {
	if *prebuilt != "" {
		return filepath.Abs(*prebuilt)
	}
	path := filepath.Join(run.dir, name)
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

// raced are the tests whose servers run with the race detector: those in which the most
// happens at once. With it a server and its features take four times as long to start,
// which is most of what the others would do, and each part has tests of its own with it.
var raced = []string{
	"TestAway", "TestBoard", "TestCrash", "TestNetwork", "TestTogether",
}

// program returns the path of the program for a test.
func program(tb testing.TB) string {
	tb.Helper()
	name, _, _ := strings.Cut(tb.Name(), "/")
	name, _, _ = strings.Cut(name, "_")
	builder := run.plain
	if slices.Contains(raced, name) || !race || *carrier == "wasm" {
		builder = run.binary
	}
	path, err := builder()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// patience is how long a state of the page or the server may take to come. It is
// far longer than any should take, for machines that are busy.
const patience = 2 * time.Minute

// waitFor calls look until it is satisfied. It fails with the last thing that look
// has seen.
func waitFor(tb testing.TB, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	waitWithin(tb, patience, what, look)
}

// waitWithin is waitFor for what may take longer. It looks often at first, and ten times
// a second in the end: a look costs a browser or a server something.
func waitWithin(tb testing.TB, within time.Duration, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	began := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(pause*3/2, 100*time.Millisecond) {
		saw, ok := look()
		if ok {
			return
		}
		if time.Since(began) > within {
			tb.Fatalf("waited %v for %s; last saw %s", within, what, saw)
		}
		time.Sleep(pause)
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
