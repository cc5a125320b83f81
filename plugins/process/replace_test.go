//go:build unix

package process_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestPlugin_Replace: another program takes over while calls go on, and none of them
// is lost.
func TestPlugin_Replace(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	old := r.pid(t)
	waiting := make(chan error, 1)
	go func() { // under way when the other one comes
		_, err := r.Handle(t.Context(), []plugins.Event{{Name: "nap"}}, nil)
		waiting <- err
	}()

	var (
		callers sync.WaitGroup
		stop    atomic.Bool
		calls   atomic.Int64
	)
	for range 8 {
		callers.Go(func() {
			for !stop.Load() {
				if o := r.handle(t, plugins.Event{Name: "say", Fields: plugins.Fields{"text": "x"}}); o.Err != nil {
					t.Errorf("a call failed: %v", o.Err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for range 3 {
		if err := r.Replace(t.Context(), process.Config{Args: []string{"echo-2"}}); err != nil {
			t.Fatal(err)
		}
		s := r.waitStatus(t, func(s plugins.Status) bool { return s.Manifest.Title == "Echo, the second" })
		if !s.Up || s.Restarts != 0 {
			t.Errorf("after the replacement the status is %+v, want up and not restarted", s)
		}
		seen := calls.Load()
		waitFor(t, "calls to go on", func() bool { return calls.Load() > seen+8 })
	}
	stop.Store(true)
	callers.Wait()
	if err := <-waiting; err != nil {
		t.Errorf("a call that the old one was asked failed: %v", err)
	}
	if pid := r.pid(t); pid == old {
		t.Error("the old process is still asked")
	}
	waitFor(t, "the old process to end", func() bool { return !alive(old) })

	// The new program is what is started again.
	kill(t, r.pid(t))
	if s := r.waitStatus(t, func(s plugins.Status) bool { return s.Up }); s.Manifest.Title != "Echo, the second" {
		t.Errorf("after a restart the title is %q, want the new program's", s.Manifest.Title)
	}
}

// TestPlugin_Replace_broken: a program that does not start costs the old one nothing.
func TestPlugin_Replace_broken(t *testing.T) {
	r := startUp(t, "echo", process.Config{})
	pid := r.pid(t)
	for args, want := range map[string]string{"exit": "exit status 3", "nameless": `name ""`, "foreign": `"foreign"`} {
		err := r.Replace(t.Context(), process.Config{Args: []string{args}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Replace by %q = %v, want an error with %q", args, err, want)
		}
	}
	wrong := sha256.Sum256([]byte("another program"))
	if err := r.Replace(t.Context(), process.Config{Args: []string{"echo"}, Checksum: wrong[:]}); err == nil {
		t.Error("a program with another checksum took over")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Replace(ctx, process.Config{Args: []string{"echo"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Replace with a context that has ended = %v", err)
	}
	if got := r.pid(t); got != pid {
		t.Errorf("the process is %d, want still %d", got, pid)
	}
	select {
	case s := <-r.statuses:
		t.Errorf("a status was told: %+v", s)
	default:
	}
}

// TestPlugin_Replace_down: a program that cannot start is replaced by one that can.
func TestPlugin_Replace_down(t *testing.T) {
	r := startPlugin(t, "exit", process.Config{BackoffMin: 1 << 40, BackoffMax: 1 << 40}) // for ever
	r.waitStatus(t, func(s plugins.Status) bool { return s.Restarts == 1 && s.Err != nil })
	if err := r.Replace(t.Context(), process.Config{Args: []string{"echo"}}); err != nil {
		t.Fatal(err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
}

func TestPlugin_Replace_notRunning(t *testing.T) {
	p := process.New(process.Config{Name: "echo"})
	if err := p.Replace(t.Context(), process.Config{Args: []string{"echo"}}); err == nil {
		t.Error("Replace works without Run")
	}
}

func TestDescribe(t *testing.T) {
	d, err := process.Describe(t.Context(), process.Config{Args: []string{"echo"}})
	if err != nil {
		t.Fatal(err)
	}
	if d.Manifest.Name != "echo" || d.SDK == "" {
		t.Errorf("Describe = %+v", d)
	}
	for args, want := range map[string]string{
		"exit": "exit status 3", "nameless": `name ""`,
		"from the future": "built for protocol 2, this presence speaks 1: update presence",
	} {
		if _, err := process.Describe(t.Context(), process.Config{Args: []string{args}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Describe %q = %v, want an error with %q", args, err, want)
		}
	}
	if _, err := process.Describe(t.Context(), process.Config{Args: []string{"echo"}, Name: "other"}); err == nil {
		t.Error("a feature of another name was taken")
	}
}

// TestPlugin_Replace_startTimeout: another kind of program may need another time to
// start.
func TestPlugin_Replace_startTimeout(t *testing.T) {
	r := startUp(t, "echo", process.Config{StartTimeout: time.Minute})
	err := r.Replace(t.Context(), process.Config{Args: []string{"silent"}, StartTimeout: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("Replace by a silent program = %v, want it to be given 50ms", err)
	}
}
