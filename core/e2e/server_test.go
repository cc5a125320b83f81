package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a program that serves.
type server struct {
	tb    testing.TB
	cmd   *exec.Cmd
	out   *lines
	url   string // of the page, such as "http://127.0.0.1:41234"
	admin string // of the admin side
	ended chan struct{}
	gone  bool // it was stopped or killed

	// worries are parts of the warnings that the test brings about. Any other is
	// an error.
	worries []string
}

var served = regexp.MustCompile(`msg=serving url=(\S+) admin=(\S+)`)

// startServer starts the program on free ports, or on those that args name, and
// waits until it takes events: on a busy machine it serves before its features are
// up. It is stopped when the test ends.
func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	s := startServing(tb, args...)
	s.waitReady()
	return s
}

// startServing is startServer for a program that others are needed for, before it
// takes events: it waits until it serves.
func startServing(tb testing.TB, args ...string) *server {
	tb.Helper()
	args = append([]string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--region=lhr"}, args...)
	s := launchWith(tb, []string{"XDG_CACHE_HOME=" + cacheDir()}, carried(tb, args)...)
	found := s.waitSaid(served)
	s.url, s.admin = found[1], found[2]
	return s
}

// launch starts the program. It is stopped when the test ends.
func launch(tb testing.TB, args ...string) *server {
	tb.Helper()
	return launchWith(tb, nil, args...)
}

// launchWith is launch with variables.
func launchWith(tb testing.TB, env []string, args ...string) *server {
	tb.Helper()
	s := &server{tb: tb, out: newLines(tb), ended: make(chan struct{})}
	s.cmd = command(program(tb), args...)
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	tieToTests(s.cmd)
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // ProcessState has the outcome
	}()
	tb.Cleanup(func() {
		if !s.gone {
			s.stop()
		}
	})
	return s
}

// waitSaid waits until the log has a line that matches, and returns the match.
func (s *server) waitSaid(line *regexp.Regexp) (found []string) {
	s.tb.Helper()
	waitFor(s.tb, "the log to say "+line.String(), func() (string, bool) {
		select {
		case <-s.ended:
			s.tb.Fatalf("server ended: %v", s.cmd.ProcessState)
		default:
		}
		found = line.FindStringSubmatch(s.out.String())
		return "its log:\n" + s.out.String(), found != nil
	})
	return found
}

// waitReady waits until the server takes events.
func (s *server) waitReady() {
	s.tb.Helper()
	admin := newVisitor(s.tb, s.admin)
	waitFor(s.tb, "the server to be ready", func() (string, bool) {
		a, err := admin.try("GET", "/readyz", "")
		if err != nil {
			return err.Error(), false
		}
		return a.body, a.StatusCode == 200
	})
}

// freeAddress returns an address that a server can take again after another one had
// it: its port is none of those that systems hand out by themselves.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	var last error
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err != nil {
			last = err
			continue
		}
		defer ln.Close()
		return ln.Addr().String()
	}
	tb.Fatal(last)
	return ""
}

// command prepares a start of the program without settings from outside.
func command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PRESENCE_") && !strings.HasPrefix(v, "FLY_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // or each ends a second later
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// address returns the host and port of the page.
func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// stop asks the server to end, as an operator does, and checks how it did.
func (s *server) stop() {
	s.tb.Helper()
	children := s.features()
	s.terminate()
	s.wait()
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.tb.Errorf("server ended with %v, want exit code 0", s.cmd.ProcessState)
	}
	s.checkGone(children)
}

// terminate sends SIGTERM and does not wait.
func (s *server) terminate() {
	s.tb.Helper()
	s.gone = true
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatal(err)
	}
}

// kill ends the server without a chance to say anything.
func (s *server) kill() {
	s.tb.Helper()
	s.aim()()
}

// aim returns kill, ready to be done at once.
func (s *server) aim() (kill func()) {
	children := s.features()
	return func() {
		s.tb.Helper()
		s.gone = true
		if err := s.cmd.Process.Kill(); err != nil {
			s.tb.Fatal(err)
		}
		s.wait()
		s.checkGone(children)
	}
}

// wait waits for the end of a server that was told to and reads its log.
func (s *server) wait() {
	s.tb.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.tb.Fatalf("server still runs %v after it was told to end", patience)
	}
	for line := range strings.Lines(s.out.String()) {
		worry := strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") ||
			strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic")
		expected := slices.ContainsFunc(s.worries, func(part string) bool { return strings.Contains(line, part) }) ||
			strings.Contains(line, "feature unavailable: context deadline exceeded") // how slow the machine is; pages show what is wrong
		if worry && !expected {
			s.tb.Errorf("server said %s", line)
		}
	}
}

// checkGone sees to it that a server that ended leaves no feature behind.
func (s *server) checkGone(children map[string]int) {
	s.tb.Helper()
	waitFor(s.tb, "the features to end with their server", func() (string, bool) {
		var left []string
		for name, pid := range children {
			if cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && featureOf(cmdline) == name {
				left = append(left, name)
			}
		}
		return strings.Join(left, ", "), len(left) == 0
	})
}

// features returns the process ids of the server's features, by name. Without
// /proc there are none.
func (s *server) features() map[string]int {
	pids := map[string]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …; only the name may hold spaces.
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(s.cmd.Process.Pid) {
			continue
		}
		dir := filepath.Dir(path)
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if name := featureOf(cmdline); err == nil && name != "" {
			pids[name], _ = strconv.Atoi(filepath.Base(dir))
		}
	}
	return pids
}

// featureOf returns the name of the feature that a command line starts, or "".
func featureOf(cmdline []byte) string {
	words := strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	switch {
	case len(words) == 3 && words[1] == "feature":
		return words[2]
	case len(words) > 3 && words[1] == "feature" && words[2] == "--wasm":
		return strings.TrimSuffix(filepath.Base(words[3]), ".wasm")
	}
	return ""
}

// killFeature ends the process of a feature without a chance to say anything.
func (s *server) killFeature(name string) {
	s.tb.Helper()
	pid, ok := s.features()[name]
	if !ok {
		s.tb.Skipf("no process of feature %q below process %d: this needs Linux", name, s.cmd.Process.Pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.tb.Fatal(err)
	}
}

// killAnyFeature is killFeature for one drawn by chance; none where there is no /proc.
func (s *server) killAnyFeature(rnd *rand.Rand) {
	s.tb.Helper()
	pids := slices.Sorted(maps.Values(s.features()))
	if len(pids) == 0 {
		return
	}
	if err := syscall.Kill(pids[rnd.IntN(len(pids))], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		s.tb.Error(err)
	}
}

// metrics reads a server's metrics: values by name, those with labels added up.
func (s *server) metrics() map[string]float64 {
	s.tb.Helper()
	admin := newVisitor(s.tb, s.admin)
	defer admin.client.CloseIdleConnections()
	sums := map[string]float64{}
	for line := range strings.Lines(admin.get("/metrics").body) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, _, _ := strings.Cut(series, "{")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			sums[name] += n
		}
	}
	return sums
}

// lines keeps what a program prints and shows it with the test.
type lines struct {
	show io.Writer
	mu   sync.Mutex
	b    strings.Builder
}

func newLines(tb testing.TB) *lines {
	if _, ok := tb.(*testing.B); ok {
		return &lines{show: io.Discard} // it would stand between the numbers
	}
	return &lines{show: tb.Output()}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	return l.show.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
