package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core"
)

// diary keeps what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// steady returns a stage that tells when it starts, and takes a second to stop.
func (d *diary) steady(name string) core.Stage {
	runs := make(chan struct{})
	return core.Stage{
		Name: name,
		Run: func(ctx context.Context) error {
			d.write(name + " runs")
			close(runs)
			<-ctx.Done()
			d.write(name + " stops")
			<-time.After(time.Second)
			d.write(name + " has stopped")
			return nil
		},
		Started: func(context.Context) {
			<-runs
			d.write(name + " is up")
		},
	}
}

// start runs stages and returns where their end will be told.
func start(ctx context.Context, timeout time.Duration, stages ...core.Stage) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- core.RunStages(ctx, timeout, stages...) }()
	return ended
}

func TestRunStages_Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var d diary
		ended := start(ctx, time.Minute, d.steady("a"), d.steady("b"), d.steady("c"))
		synctest.Wait()
		want := []string{"a runs", "a is up", "b runs", "b is up", "c runs", "c is up"}
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Errorf("start (-want +got):\n%s", diff)
		}
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("runStages() = %v, want nil", err)
		}
		want = append(want, "c stops", "c has stopped", "b stops", "b has stopped", "a stops", "a has stopped")
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Errorf("start and stop (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("three stops of a second took %v, one after the other they take 3s", took)
		}
	})
}

func TestRunStages_Failure(t *testing.T) {
	broken := errors.New("disk is full")
	for _, tt := range []struct {
		name string
		end  error  // of the stage in the middle
		want string // of the error
	}{
		{"Err", broken, "run b: disk is full"},
		{"EndedByItself", nil, "run b: ended by itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				fails := core.Stage{Name: "b", Run: func(ctx context.Context) error {
					<-time.After(time.Minute)
					return tt.end
				}}
				began := time.Now()
				err := core.RunStages(t.Context(), time.Hour, d.steady("a"), fails, d.steady("c"))
				if err == nil || err.Error() != tt.want || tt.end != nil && !errors.Is(err, tt.end) {
					t.Errorf("runStages() = %v, want %s", err, tt.want)
				}
				want := []string{"a runs", "a is up", "c runs", "c is up", "c stops", "c has stopped", "a stops", "a has stopped"}
				if diff := cmp.Diff(want, d.read()); diff != "" {
					t.Errorf("what happened (-want +got):\n%s", diff)
				}
				if took := time.Since(began); took != time.Minute+2*time.Second {
					t.Errorf("it took %v, want the rest to stop at once", took)
				}
			})
		})
	}
}

// A stage that fails while a later one waits to start must not leave it waiting.
func TestRunStages_FailureAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		fails := core.Stage{
			Name:    "b",
			Run:     func(context.Context) error { return errors.New("no such host") },
			Started: func(ctx context.Context) { <-ctx.Done() },
		}
		err := core.RunStages(t.Context(), time.Hour, d.steady("a"), fails, d.steady("never"))
		if err == nil || err.Error() != "run b: no such host" {
			t.Errorf("runStages() = %v, want the error of b", err)
		}
		if diff := cmp.Diff([]string{"a runs", "a is up", "a stops", "a has stopped"}, d.read()); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
	})
}

// What goes wrong while stopping is told too, every one of it.
func TestRunStages_ErrorsAtStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := func(name string) core.Stage {
			return core.Stage{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New(name + " is sad")
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := start(ctx, time.Minute, fails("a"), fails("b"))
		synctest.Wait()
		cancel()
		if err := <-ended; err == nil || err.Error() != "run b: b is sad\nrun a: a is sad" {
			t.Errorf("runStages() = %v, want both errors, in the order of stopping", err)
		}
	})
}

func TestRunStages_Timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		busy := core.Stage{Name: "b", Run: func(context.Context) error { <-release; return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		ended := start(ctx, 5*time.Second, d.steady("a"), busy, d.steady("c"))
		synctest.Wait()
		began := time.Now()
		cancel()
		err := <-ended
		if err == nil || err.Error() != "stop b: still busy after 5s" {
			t.Errorf("runStages() = %v, want the busy one named", err)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("the stop took %v, want 1s for each that stops and 5s for the busy one", took)
		}
		if got := d.read(); got[len(got)-1] != "a has stopped" {
			t.Errorf("the stages before the busy one were not stopped: %s", strings.Join(got, ", "))
		}
		close(release) // else the bubble never ends
	})
}

func TestRunStages_EndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var d diary
		if err := core.RunStages(ctx, time.Minute, d.steady("a"), d.steady("never")); err != nil {
			t.Errorf("runStages() with an ended context = %v, want nil", err)
		}
		if slices.Contains(d.read(), "never runs") {
			t.Error("a stage was started after the end")
		}
	})
}

// Each stage must outlive those after it, whatever ends the whole.
func TestRunStages_StagesOutliveLaterOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := start(ctx, time.Minute,
			core.Stage{Name: "first", Run: func(ctx context.Context) error { <-ctx.Done(); close(first); return nil }},
			core.Stage{Name: "second", Run: func(ctx context.Context) error {
				<-ctx.Done()
				<-time.After(30 * time.Second)
				select {
				case <-first:
					return errors.New("the stage below is gone")
				default:
					return nil
				}
			}},
		)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
