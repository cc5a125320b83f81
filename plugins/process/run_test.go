//go:build unix

package process_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

func TestPlugin_Run_KillInMidCall(t *testing.T) {
	log, waiting := logWith("waiting")
	registry := prometheus.NewPedanticRegistry()
	// Neither a deadline nor a health check can be what notices.
	r := startUp(t, "echo", process.Config{
		HandleTimeout: time.Hour, PingInterval: time.Hour, Logger: log, Registerer: registry,
	})
	pid := r.pid(t)
	failed := make(chan error, 1)
	go func() {
		_, err := r.Handle(t.Context(), []plugins.Event{{Name: "wait"}}, nil)
		failed <- err
	}()
	<-waiting
	killed := time.Now()
	kill(t, pid)
	if err := <-failed; !errors.Is(err, plugins.ErrUnavailable) {
		t.Errorf("call under way: %v, want ErrUnavailable", err)
	}
	noticed := time.Since(killed)
	down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if down.Err == nil || !strings.Contains(down.Err.Error(), "signal: killed") {
		t.Errorf("status says %v, want that it was killed", down.Err)
	}
	up := r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
	if up.Restarts != 1 || up.Err != nil {
		t.Errorf("status %+v, want one restart and no error", up)
	}
	if again := r.pid(t); again == pid {
		t.Error("the same process answers")
	}
	t.Logf("noticed after %v, answering again after %v", noticed, time.Since(killed))
	if m := metric(t, registry, "presence_plugin_restarts_total"); len(m) != 1 || m[0].GetCounter().GetValue() != 1 {
		t.Errorf("presence_plugin_restarts_total is %v, want 1", m)
	}
}

func TestPlugin_Run_EndsByItself(t *testing.T) {
	for event, want := range map[string]string{
		"panic": "process ended: exit status 2: panic: boom",
		"exit":  "process ended: exit status 7",
	} {
		t.Run(event, func(t *testing.T) {
			r := startUp(t, "echo", process.Config{})
			if err := r.handle(t, plugins.Event{Name: event}).Err; !errors.Is(err, plugins.ErrUnavailable) {
				t.Errorf("call: %v, want ErrUnavailable", err)
			}
			down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
			if down.Err == nil || !strings.Contains(down.Err.Error(), want) {
				t.Errorf("status says %v, want %q", down.Err, want)
			}
			r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
			r.pid(t)
		})
	}
}

func TestPlugin_Run_Hung(t *testing.T) {
	// Each makes a call and reports whether the process was up for it.
	miss := func(event string) func(*testing.T, *running) bool {
		return func(t *testing.T, r *running) bool {
			err := r.handle(t, plugins.Event{Name: event}).Err
			if !errors.Is(err, plugins.ErrUnavailable) {
				t.Fatalf("call: %v, want ErrUnavailable", err)
			}
			return errors.Is(err, context.DeadlineExceeded)
		}
	}
	wait, late := miss("wait"), miss("late")
	cancelled := func(t *testing.T, r *running) bool {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Handle(ctx, []plugins.Event{{Name: "wait"}}, nil)
		return errors.Is(err, context.Canceled)
	}
	notSent := func(t *testing.T, r *running) bool {
		if err := r.handle(t, plugins.Event{Name: "\xff"}).Err; err == nil {
			t.Fatal("an event that cannot be sent has no error")
		}
		return true
	}
	for name, calls := range map[string][]func(*testing.T, *running) bool{
		"FeatureNoticesTheDeadline": {wait},
		"FeatureIsLate":             {late},
		"OthersInBetween":           {wait, cancelled, late, notSent},
	} {
		t.Run(name, func(t *testing.T) {
			const timeout = 200 * time.Millisecond
			r := startUp(t, "echo", process.Config{HandleTimeout: timeout})
			pid := r.pid(t)
			began := time.Now()
			for n, up := 0, true; up; n++ { // as many as the machine needs for the row
				if time.Since(began) > patience {
					t.Fatalf("%d calls were late, and the process is still up", n)
				}
				up = calls[n%len(calls)](t, r)
			}
			down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
			if lived := time.Since(began); lived < 5*timeout*9/10 { // a tenth less is what it is told
				t.Errorf("it was late for %v, want five times its timeout of %v: the machine may be busy", lived, timeout)
			}
			// On a machine that is busy an answer may be so late that it counts as none.
			if down.Err == nil || !strings.Contains(down.Err.Error(), "too many deadlines") && !strings.Contains(down.Err.Error(), "did not answer") {
				t.Errorf("status says %v, want that deadlines were missed", down.Err)
			}
			r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
			if again := r.pid(t); again == pid {
				t.Error("the same process answers")
			}
		})
	}
}

// One call that never returns costs the process, however well others go and
// whoever stopped waiting for it.
func TestPlugin_Run_Stuck(t *testing.T) {
	const timeout = 200 * time.Millisecond
	for name, begin := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"PastItsDeadline": func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
		"PastTheCallersDeadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, timeout/4)
		},
		"CancelledByTheCaller": cancelAfter(timeout / 4),
	} {
		t.Run(name, func(t *testing.T) {
			r := startUp(t, "echo", process.Config{HandleTimeout: timeout})
			pid := r.pid(t)
			began := time.Now()
			ctx, cancel := begin(t.Context())
			defer cancel()
			if _, err := r.Handle(ctx, []plugins.Event{{Name: "loop"}}, nil); err == nil {
				t.Fatal("the call returned")
			}
			tick, end := time.NewTicker(20*time.Millisecond), time.After(patience)
			defer tick.Stop()
			var down plugins.Status
			for down.Err == nil {
				select {
				case <-tick.C: // the others go well
					_, _ = r.Render(t.Context(), plugins.View{})
				case down = <-r.statuses:
				case <-end:
					t.Fatalf("the call still burns a core in process %d", pid)
				}
			}
			if lived := time.Since(began); lived < 5*timeout {
				t.Errorf("it had %v, want five times its timeout of %v: the machine may be busy", lived, timeout)
			}
			if !strings.Contains(down.Err.Error(), "did not answer a call in time") {
				t.Errorf("status says %v, want that a call was never answered", down.Err)
			}
			r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
			if again := r.pid(t); again == pid {
				t.Error("the same process answers")
			}
			waitFor(t, "the process's end", func() bool { return !alive(pid) })
		})
	}
}

// TestPlugin_Run_Settling: a process whose start took long is not killed for being late
// before it has been up for as long: a busy machine would start it again and again. Nor
// does that time count as one in which it was well, so that restarts wait.
func TestPlugin_Run_Settling(t *testing.T) {
	late := func(t *testing.T, r *running) {
		for began := time.Now(); time.Since(began) < patience; {
			if o := r.handle(t, plugins.Event{Name: "late"}); !errors.Is(o.Err, context.DeadlineExceeded) {
				return
			}
		}
	}
	stuck := func(t *testing.T, r *running) { r.handle(t, plugins.Event{Name: "loop"}) }
	stopped := func(t *testing.T, r *running) {
		if err := syscall.Kill(r.pid(t), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		cfg     process.Config
		disturb func(*testing.T, *running)
	}{
		"Late":    {process.Config{HandleTimeout: 10 * time.Millisecond}, late},
		"Stuck":   {process.Config{HandleTimeout: 10 * time.Millisecond}, stuck},
		"Stopped": {process.Config{PingInterval: 10 * time.Millisecond}, stopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, _ := logWith("")
			tt.cfg.HealthyAfter, tt.cfg.Logger = 2*slowStart, log
			began := time.Now()
			r := startUp(t, "echo, slowly", tt.cfg)
			for life := 1; life <= 2; life++ {
				tt.disturb(t, r)
				down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
				if lived := time.Since(began); down.Err == nil || lived < 2*slowStart {
					t.Errorf("life %d ended after %v for %v, want it to have twice the %v of its start", life, lived, down.Err, slowStart)
				}
				began = time.Now()
				r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
			}
			if restarts := log.Handler().(*recorder).pauses(); len(restarts) < 2 || restarts[1] == 0 {
				t.Errorf("the restarts waited for %v, want the second to wait", restarts)
			}
		})
	}
}

// cancelAfter returns a context that is cancelled, without a deadline.
func cancelAfter(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(d, cancel)
		return ctx, func() { timer.Stop(); cancel() }
	}
}

// What a feature has started ends with it, also when it ended by itself.
func TestPlugin_Run_ChildrenEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can tell that a process has ended while its number is still its own")
	}
	for name, end := range map[string]func(*testing.T, *running){
		"ByItself": func(t *testing.T, r *running) { r.handle(t, plugins.Event{Name: "exit"}) },
		"Panic":    func(t *testing.T, r *running) { r.handle(t, plugins.Event{Name: "panic"}) },
		"Stopped":  func(_ *testing.T, r *running) { r.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			r := startUp(t, "echo", process.Config{Env: []string{"PATH=" + os.Getenv("PATH")}})
			o := r.handle(t, plugins.Event{Name: "child"})
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			child, err := strconv.Atoi(o.Mutations[0].Value)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
			end(t, r)
			waitFor(t, "the end of the feature's child", func() bool { return !alive(child) })
		})
	}
}

func TestPlugin_Run_DeadlinesThatDoNotCount(t *testing.T) {
	const timeout = 400 * time.Millisecond
	for name, call := range map[string]func(*testing.T, *running){
		"NotInARow": func(t *testing.T, r *running) {
			r.handle(t, plugins.Event{Name: "wait"})
			r.handle(t, plugins.Event{Name: "wait"})
			if _, err := r.Render(t.Context(), plugins.View{}); err != nil { // an answer in time
				t.Fatal(err)
			}
		},
		"OfTheCaller": func(t *testing.T, r *running) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err := r.Handle(ctx, []plugins.Event{{Name: "late"}}, nil)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, plugins.ErrUnavailable) {
				t.Fatalf("call: %v, want ErrUnavailable and DeadlineExceeded", err)
			}
		},
		"CancelledByTheCaller": func(t *testing.T, r *running) {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(20*time.Millisecond, cancel).Stop()
			defer cancel()
			_, err := r.Handle(ctx, []plugins.Event{{Name: "wait"}}, nil)
			if !errors.Is(err, context.Canceled) || errors.Is(err, plugins.ErrUnavailable) {
				t.Fatalf("call: %v, want context.Canceled", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := startUp(t, "echo", process.Config{HandleTimeout: timeout})
			started := time.Since(began)
			for up := time.Now(); time.Since(up) < started+8*timeout; { // longer than a row may be
				call(t, r)
			}
			r.pid(t)
			select {
			case s := <-r.statuses:
				t.Errorf("status changed to %+v", s)
			default:
			}
		})
	}
}

func TestPlugin_Handle_CancelReachesTheFeature(t *testing.T) {
	log, letGo := logWith("let go")
	r := startUp(t, "echo", process.Config{HandleTimeout: time.Hour, Logger: log})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := r.Handle(ctx, []plugins.Event{{Name: "wait"}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("call: %v, want context.Canceled", err)
	}
	select {
	case <-letGo:
	case <-time.After(patience):
		t.Error("the feature still works on a call that nobody waits for")
	}
}

func TestPlugin_Run_FailedHealthCheck(t *testing.T) {
	r := startUp(t, "echo", process.Config{PingInterval: 100 * time.Millisecond, HandleTimeout: time.Hour})
	pid := r.pid(t)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	down := r.waitStatus(t, func(s plugins.Status) bool { return !s.Up })
	if down.Err == nil || !strings.Contains(down.Err.Error(), "check health") {
		t.Errorf("status says %v, want a failed health check", down.Err)
	}
	r.waitStatus(t, func(s plugins.Status) bool { return s.Up })
	r.pid(t)
}

func TestPlugin_Run_StopsAStoppedProcess(t *testing.T) {
	r := startUp(t, "echo", process.Config{StopTimeout: 50 * time.Millisecond})
	if err := syscall.Kill(r.pid(t), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.stop() // fails the test when it does not return
}

func TestPlugin_Run_CannotStart(t *testing.T) {
	for _, tt := range []struct {
		name, feature string
		cfg           process.Config
		want          string
	}{
		{"Exits", "exit", process.Config{}, "process ended: exit status 3"},
		{"ExitsAfterHandshake", "exit-later", process.Config{}, "process ended: exit status 4"},
		{"BreaksTheHandshake", "chatty", process.Config{}, "hello"},
		{"NeverFinishesItsHandshake", "silent", process.Config{StartTimeout: 100 * time.Millisecond}, "no manifest after 100ms"},
		{"InvalidManifest", "nameless", process.Config{}, "name \"\""},
		{"AnotherFeature", "echo", process.Config{Name: "lamp"}, `the process is feature "echo", want "lamp"`},
		{"NoSuchProgram", "", process.Config{Path: "/nowhere/feature"}, "no such file"},
		{"WrongChecksum", "echo", process.Config{Checksum: make([]byte, sha256.Size)}, "does not have the checksum"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.BackoffMin, tt.cfg.BackoffMax = time.Millisecond, 4*time.Millisecond
			r := startPlugin(t, tt.feature, tt.cfg)
			for restarts := range 3 { // an error state, tried again and again
				s := r.waitStatus(t, func(plugins.Status) bool { return true })
				if s.Up || s.Restarts != restarts || s.Err == nil || !strings.Contains(s.Err.Error(), tt.want) {
					t.Errorf("status %+v, want down after %d restarts because of %q", s, restarts, tt.want)
				}
			}
			_, err := r.Render(t.Context(), plugins.View{})
			if !errors.Is(err, plugins.ErrUnavailable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Render: %v, want ErrUnavailable with the reason", err)
			}
		})
	}
}

func TestPlugin_Run_Checksum(t *testing.T) {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("needs Linux:", err)
	}
	sum := sha256.Sum256(own)
	startUp(t, "echo", process.Config{Checksum: sum[:]}).pid(t)
}

func TestPlugin_Run_HundredFailedStarts(t *testing.T) {
	const least, most = 2 * time.Millisecond, 20 * time.Millisecond
	r := startPlugin(t, "exit", process.Config{BackoffMin: least, BackoffMax: most})
	var before time.Time
	var short int
	for restarts := range 100 {
		s := r.waitStatus(t, func(plugins.Status) bool { return true })
		if s.Up || s.Restarts != restarts {
			t.Fatalf("status %+v, want down after %d restarts", s, restarts)
		}
		// From the sixth start on, each pause is at least half the longest.
		if now := time.Now(); restarts > 6 && now.Sub(before) < most/2 {
			short++
		}
		before = time.Now()
	}
	if short > 10 { // the test's own delays may shorten what it sees
		t.Errorf("%d pauses were shorter than %v", short, most/2)
	}
}

func TestPlugin_Run_ManyFeaturesShareMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	var wg sync.WaitGroup
	for _, name := range []string{"echo", "foreign"} {
		r := startUp(t, name, process.Config{Name: name, Registerer: registry})
		wg.Go(func() { r.handle(t, plugins.Event{Name: "ok"}) })
	}
	wg.Wait()
	if m := metric(t, registry, "presence_plugin_up"); len(m) != 2 || m[0].GetGauge().GetValue() != 1 {
		t.Errorf("presence_plugin_up is %v, want 1 for each of 2 features", m)
	}
}

// A plugin that is forgotten leaves nothing in the registry, and the next one of its
// name begins anew.
func TestPlugin_Forget(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	r := startUp(t, "echo", process.Config{Registerer: registry})
	r.handle(t, plugins.Event{Name: "ok"})
	r.Forget()
	r.handle(t, plugins.Event{Name: "ok"})
	families, err := registry.Gather()
	if err != nil || len(families) != 0 {
		t.Errorf("metrics of a plugin that is forgotten are %v, %v", families, err)
	}
	startUp(t, "echo", process.Config{Registerer: registry})
	if m := metric(t, registry, "presence_plugin_up"); len(m) != 1 || m[0].GetGauge().GetValue() != 1 {
		t.Errorf("presence_plugin_up of the next one is %v, want 1", m)
	}
	process.New(process.Config{Name: "echo"}).Forget()
}

func TestConfig_Check(t *testing.T) {
	if err := (process.Config{Name: "echo"}).Check(); err != nil {
		t.Errorf("Check() = %v, want nil", err)
	}
	err := process.Config{StopTimeout: -1, Nice: 20}.Check()
	if err == nil || !strings.Contains(err.Error(), "no Name") || !strings.Contains(err.Error(), "stop timeout") || !strings.Contains(err.Error(), "nice of 20") {
		t.Errorf("Check() with three faults = %v, want all", err)
	}
}

// metric returns what a metric holds, by label.
func metric(tb testing.TB, g prometheus.Gatherer, name string) []*dto.Metric {
	tb.Helper()
	families, err := g.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	tb.Fatalf("no metric %s", name)
	return nil
}
