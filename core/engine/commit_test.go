package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// store is a WriteFunc that takes its time and remembers.
type store struct {
	takes time.Duration
	fail  error // of the next write

	mu     sync.Mutex
	writes []engine.Batch
}

func (s *store) write(_ context.Context, b engine.Batch) (state.ID, error) {
	time.Sleep(s.takes) // the bubble's clock
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail; err != nil {
		s.fail = nil
		return state.ID{}, err
	}
	s.writes = append(s.writes, b)
	return state.ID{MS: int64(len(s.writes))}, nil
}

// events returns the events of each write, joined.
func (s *store) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, b := range s.writes {
		all = append(all, strings.Join(b.Events, " "))
	}
	return all
}

// run runs a committer in a bubble until the test's function returns.
func run(t *testing.T, s *store, cfg engine.CommitConfig, test func(c *engine.Committer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := engine.NewCommitter(s.write, cfg)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		test(c)
		cancel()
		wg.Wait()
	})
}

// batch returns a batch of one event with changes.
func batch(event string, changes int) engine.Batch {
	b := engine.Batch{Binary: "b1", Events: []string{event}}
	for i := range changes {
		b.Changes = append(b.Changes, engine.Add("home", "demo", fmt.Sprint("f", i), 1))
	}
	return b
}

// arrive has batches appended in their order, without waiting for the outcome.
func arrive(t *testing.T, c *engine.Committer, batches ...engine.Batch) (wait func()) {
	t.Helper()
	var wg sync.WaitGroup
	for _, b := range batches {
		wg.Go(func() {
			if _, err := c.Append(context.Background(), b); err != nil {
				t.Errorf("Append of %v: %v", b.Events, err)
			}
		})
		synctest.Wait() // it is in the queue before the next one
	}
	return wg.Wait
}

func TestCommitter_Append_loneCallWaitsForNothing(t *testing.T) {
	s := &store{takes: 3 * time.Millisecond}
	run(t, s, engine.CommitConfig{}, func(c *engine.Committer) {
		for i := range 3 {
			start := time.Now()
			id, err := c.Append(context.Background(), batch("e", 1))
			if took := time.Since(start); err != nil || id.MS != int64(i+1) || took != s.takes {
				t.Errorf("Append = %s, %v after %v; want entry %d after one write of %v", id, err, took, i+1, s.takes)
			}
		}
	})
}

func TestCommitter_Append_groups(t *testing.T) {
	beat := func(b engine.Batch) engine.Batch { b.Beat = &engine.Beat{Region: "lhr"}; return b }
	from := func(binary string, b engine.Batch) engine.Batch { b.Binary = binary; return b }
	for _, c := range []struct {
		name    string
		cfg     engine.CommitConfig
		batches []engine.Batch
		want    []string
	}{
		{
			"what arrives during a write forms the next",
			engine.CommitConfig{},
			[]engine.Batch{batch("a", 1), batch("b", 1), batch("c", 2), batch("d", 0)},
			[]string{"a", "b c d"},
		},
		{
			"changes are bounded",
			engine.CommitConfig{MaxChanges: 4},
			[]engine.Batch{batch("a", 1), batch("b", 2), batch("c", 2), batch("d", 1)},
			[]string{"a", "b c", "d"},
		},
		{
			"events are bounded",
			engine.CommitConfig{MaxChanges: 2},
			[]engine.Batch{batch("a", 0), batch("b", 0), batch("c", 0), batch("d", 0)},
			[]string{"a", "b c", "d"},
		},
		{
			"bytes are bounded",
			engine.CommitConfig{MaxBytes: 2*batch("b", 3).Size() + 1},
			[]engine.Batch{batch("a", 3), batch("b", 3), batch("c", 3), batch("d", 3)},
			[]string{"a", "b c", "d"},
		},
		{
			"one larger than the bound goes alone",
			engine.CommitConfig{MaxChanges: 2},
			[]engine.Batch{batch("a", 1), batch("b", 3), batch("c", 1), batch("d", 1)},
			[]string{"a", "b", "c d"},
		},
		{
			"a second beat begins a write",
			engine.CommitConfig{},
			[]engine.Batch{batch("a", 1), beat(batch("b", 1)), batch("c", 1), beat(batch("d", 1))},
			[]string{"a", "b c", "d"},
		},
		{
			"another binary begins a write",
			engine.CommitConfig{},
			[]engine.Batch{batch("a", 1), batch("b", 1), from("b2", batch("c", 1)), batch("d", 1)},
			[]string{"a", "b", "c", "d"},
		},
		{
			"what is durable and what is not take turns",
			engine.CommitConfig{Durable: func(b engine.Batch) bool { return len(b.Changes) > 0 }},
			[]engine.Batch{batch("a", 1), batch("b", 1), batch("c", 0), batch("d", 1), batch("e", 0), batch("f", 1)},
			[]string{"a", "c e", "b d f"},
		},
		{
			"and a full write keeps their order",
			engine.CommitConfig{MaxChanges: 2, Durable: func(b engine.Batch) bool { return len(b.Changes) > 0 }},
			[]engine.Batch{batch("a", 0), batch("b", 0), batch("c", 1), batch("d", 0), batch("e", 2), batch("f", 0), batch("g", 1)},
			[]string{"a", "c", "b d", "e", "f", "g"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{takes: time.Millisecond}
			run(t, s, c.cfg, func(committer *engine.Committer) { arrive(t, committer, c.batches...)() })
			if diff := cmp.Diff(c.want, s.events()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommitter_Append_groupIsOneBatch(t *testing.T) {
	s := &store{takes: time.Millisecond}
	a, b, c := batch("a", 1), batch("b", 2), batch("c", 1)
	b.After, c.After = state.ID{MS: 9}, state.ID{MS: 8, Seq: 5}
	c.Beat = &engine.Beat{Region: "lhr"}
	run(t, s, engine.CommitConfig{}, func(committer *engine.Committer) { arrive(t, committer, a, b, c)() })
	want := []engine.Batch{a, {
		Binary: "b1", Events: []string{"b", "c"}, Beat: c.Beat, After: b.After,
		Changes: []engine.Change{b.Changes[0], b.Changes[1], c.Changes[0]},
	}}
	if diff := cmp.Diff(want, s.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestCommitter_Append_writeErrorIsOfItsGroup(t *testing.T) {
	s := &store{takes: time.Millisecond}
	run(t, s, engine.CommitConfig{}, func(c *engine.Committer) {
		first := arrive(t, c, batch("a", 1))
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := c.Append(context.Background(), batch("b", 1))
				errs <- err
			}()
		}
		synctest.Wait()
		first()
		broken := fmt.Errorf("%w: disk full", engine.ErrUnavailable)
		s.mu.Lock()
		s.fail = broken
		s.mu.Unlock()
		for range 2 {
			if err := <-errs; !errors.Is(err, broken) {
				t.Errorf("Append = %v, want %v", err, broken)
			}
		}
		arrive(t, c, batch("c", 1))()
	})
	if diff := cmp.Diff([]string{"a", "c"}, s.events()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestCommitter_Append_ctxEnds(t *testing.T) {
	cause := errors.New("left")
	s := &store{takes: 10 * time.Millisecond}
	run(t, s, engine.CommitConfig{}, func(c *engine.Committer) {
		leave := func(b engine.Batch, after time.Duration) {
			ctx, cancel := context.WithTimeoutCause(context.Background(), after, cause)
			defer cancel()
			start := time.Now()
			if _, err := c.Append(ctx, b); !errors.Is(err, cause) || time.Since(start) != after {
				t.Errorf("Append of %v = %v after %v, want %v after %v", b.Events, err, time.Since(start), cause, after)
			}
		}
		leave(batch("in flight", 1), 2*time.Millisecond)
		leave(batch("waiting", 1), 2*time.Millisecond)
		arrive(t, c, batch("next", 1))()
	})
	if diff := cmp.Diff([]string{"in flight", "next"}, s.events()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestCommitter_Run_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: 10 * time.Millisecond}
		c := engine.NewCommitter(s.write, engine.CommitConfig{})
		appendOne := func(outcome chan<- error) {
			_, err := c.Append(context.Background(), batch("e", 1))
			outcome <- err
		}
		inFlight, waits := make(chan error, 1), make(chan error, 1)
		go appendOne(inFlight) // before Run: waits for it
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		go func() {
			time.Sleep(time.Millisecond)
			appendOne(waits)
		}()
		start := time.Now()
		if err := c.Run(ctx); err != nil || time.Since(start) != s.takes {
			t.Errorf("Run = %v after %v, want nil after the write in flight of %v", err, time.Since(start), s.takes)
		}
		if err := <-inFlight; err != nil {
			t.Errorf("Append in flight = %v", err)
		}
		if err := <-waits; !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append that waited = %v, want ErrUnavailable", err)
		}
		if _, err := c.Append(t.Context(), batch("late", 1)); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append after Run = %v, want ErrUnavailable", err)
		}
	})
}

func TestCommitter_metrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	s := &store{takes: time.Millisecond}
	run(t, s, engine.CommitConfig{Registerer: r}, func(c *engine.Committer) {
		arrive(t, c, batch("a", 1), batch("b", 2), batch("c", 3))()
		if _, err := c.Append(context.Background(), engine.Batch{}); !errors.Is(err, engine.ErrRefused) {
			t.Errorf("Append of nothing = %v, want ErrRefused", err)
		}
	})
	engine.NewCommitter(s.write, engine.CommitConfig{Registerer: r}) // shares them
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				got[f.GetName()] = fmt.Sprintf("%d, sum %.3f", h.GetSampleCount(), h.GetSampleSum())
			} else {
				got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = fmt.Sprint(m.GetCounter().GetValue())
			}
		}
	}
	want := map[string]string{
		"presence_engine_appends_total taken":       "3",
		"presence_engine_appends_total refused":     "1",
		"presence_engine_appends_total unavailable": "0",
		"presence_engine_appends_total left":        "0",

		"presence_engine_append_seconds": "3, sum 0.005", // 1 ms, and twice until the second write ends
		"presence_engine_write_appends":  "2, sum 3.000",
		"presence_engine_write_changes":  "2, sum 6.000",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// A store that refuses one batch takes those of its neighbours.
func TestCommitter_Append_neighboursOfARefused(t *testing.T) {
	s := &store{takes: time.Millisecond}
	poisoned := &poison{store: s, event: "bad"}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := engine.NewCommitter(poisoned.write, engine.CommitConfig{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		var calls sync.WaitGroup
		for _, event := range []string{"first", "a", "bad", "b"} {
			calls.Go(func() {
				_, err := c.Append(context.Background(), batch(event, 1))
				if want := event == "bad"; errors.Is(err, engine.ErrRefused) != want || !want && err != nil {
					t.Errorf("Append of %s = %v", event, err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		cancel()
		wg.Wait()
	})
	if diff := cmp.Diff([]string{"first", "a", "b"}, s.events()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// poison is a WriteFunc that refuses what holds an event.
type poison struct {
	*store
	event string
}

func (p *poison) write(ctx context.Context, b engine.Batch) (state.ID, error) {
	if slices.Contains(b.Events, p.event) {
		return state.ID{}, engine.ErrRefused
	}
	return p.store.write(ctx, b)
}
