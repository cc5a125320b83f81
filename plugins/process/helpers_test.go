package process_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// patience is how long a test waits for what should happen at once.
const patience = 2 * time.Minute

// running is a plugin whose Run is under way.
type running struct {
	*process.Plugin
	statuses chan plugins.Status
	stop     func() // ends Run and waits for it
}

// startPlugin runs feature, a name that serve knows, until the test ends.
func startPlugin(tb testing.TB, feature string, cfg process.Config) *running {
	tb.Helper()
	// A test that is about none of these is not about how busy the machine is.
	cfg.StartTimeout = cmp.Or(cfg.StartTimeout, patience)
	cfg.HandleTimeout = cmp.Or(cfg.HandleTimeout, patience)
	cfg.RenderTimeout = cmp.Or(cfg.RenderTimeout, patience)
	if cfg.Name == "" {
		cfg.Name = "echo"
	}
	cfg.Args = []string{feature}
	if cfg.BackoffMin == 0 {
		cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 8*time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(quiet(tb), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	r := &running{statuses: make(chan plugins.Status, 10_000)}
	cfg.OnStatus = func(s plugins.Status) { r.statuses <- s }
	r.Plugin = process.New(cfg)
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				tb.Errorf("Run: %v", err)
			}
			done <- nil // for whoever stops it again
		case <-time.After(patience):
			tb.Error("Run does not return")
		}
	}
	tb.Cleanup(r.stop)
	return r
}

// quiet is where a test's log goes: nowhere in a benchmark.
func quiet(tb testing.TB) io.Writer {
	if t, ok := tb.(*testing.T); ok {
		return t.Output()
	}
	return io.Discard
}

// startUp is startPlugin for one that is up when it returns.
func startUp(tb testing.TB, feature string, cfg process.Config) *running {
	tb.Helper()
	r := startPlugin(tb, feature, cfg)
	r.waitStatus(tb, func(s plugins.Status) bool { return s.Up })
	return r
}

// waitStatus takes statuses until one is as wanted, and returns it.
func (r *running) waitStatus(tb testing.TB, wanted func(plugins.Status) bool) plugins.Status {
	tb.Helper()
	timeout := time.After(patience)
	var last plugins.Status
	for {
		select {
		case last = <-r.statuses:
			if wanted(last) {
				return last
			}
		case <-timeout:
			tb.Fatalf("the status that was waited for did not come; the last was %+v", last)
		}
	}
}

// handle asks one event.
func (r *running) handle(tb testing.TB, ev plugins.Event) plugins.Outcome {
	tb.Helper()
	outcomes, err := r.Handle(tb.Context(), []plugins.Event{ev}, nil)
	if err != nil {
		return plugins.Outcome{Err: err}
	}
	if len(outcomes) != 1 {
		tb.Fatalf("Handle returned %d outcomes, want 1", len(outcomes))
	}
	return outcomes[0]
}

// pid returns the feature's process id, which it may be late with.
func (r *running) pid(tb testing.TB) int {
	tb.Helper()
	var o plugins.Outcome
	for began := time.Now(); ; {
		o = r.handle(tb, plugins.Event{Name: "pid"})
		if o.Err == nil {
			break
		}
		if !errors.Is(o.Err, context.DeadlineExceeded) || time.Since(began) > patience {
			tb.Fatalf("ask for pid: %v", o.Err)
		}
	}
	pid, err := strconv.Atoi(o.Mutations[0].Value)
	if err != nil {
		tb.Fatal(err)
	}
	return pid
}

// kill ends a process as kill -9 does.
func kill(tb testing.TB, pid int) {
	tb.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// waitFor asks ok every few milliseconds until it says yes.
func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			tb.Fatalf("waited too long for %s", what)
		}
	}
}
