package enginetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

var errTestEnded = errors.New("test ended")

// follower collects what one Tail delivers of the node's own site.
type follower struct {
	site   string
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when Tail has returned
	err    error         // what it returned; read after ended

	mu    sync.Mutex
	got   []engine.Delivery // guarded by mu
	grown chan struct{}     // closed and replaced when got grows; guarded by mu
}

// follow starts a Tail from a position until the test ends.
func (n *node) follow(tb testing.TB, from engine.Positions) *follower {
	tb.Helper()
	return n.followWith(tb, from, func() {})
}

// followWith calls before at the start of every delivery.
func (n *node) followWith(tb testing.TB, from engine.Positions, before func()) *follower {
	tb.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	f := &follower{site: n.Site(), cancel: cancel, ended: make(chan struct{}), grown: make(chan struct{})}
	var busy atomic.Bool
	go func() {
		defer close(f.ended)
		f.err = n.Tail(ctx, from, func(ds []engine.Delivery) error {
			if busy.Swap(true) {
				tb.Error("Tail called deliver while it had not returned")
			}
			defer busy.Store(false)
			if len(ds) == 0 {
				tb.Error("Tail called deliver with nothing")
			}
			before()
			f.collect(ds)
			return nil
		})
	}()
	tb.Cleanup(func() {
		cancel(errTestEnded)
		<-f.ended
	})
	return f
}

// collect keeps deliveries of the site, except what the engine itself may add: beats,
// and entries that put back what is there already.
func (f *follower) collect(ds []engine.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range ds {
		if d.Site == f.site && !d.Restores && (d.Gap || d.Beat == nil || d.Binary == binary) {
			f.got = append(f.got, d)
		}
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// deliveries returns what came so far.
func (f *follower) deliveries() []engine.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// until waits until done is true of what came and returns that.
func (f *follower) until(tb testing.TB, what string, done func([]engine.Delivery) bool) []engine.Delivery {
	tb.Helper()
	deadline := time.After(patience)
	for {
		f.mu.Lock()
		got, grown := slices.Clone(f.got), f.grown
		f.mu.Unlock()
		if done(got) {
			return got
		}
		select {
		case <-grown:
		case <-f.ended:
			tb.Fatalf("Tail ended with %v, waiting for %s; got %d deliveries", f.err, what, len(got))
		case <-deadline:
			tb.Fatalf("no %s after %v; got %d deliveries", what, patience, len(got))
		}
	}
}

// through waits for the entry at id and returns all deliveries up to it.
func (f *follower) through(tb testing.TB, id state.ID) []engine.Delivery {
	tb.Helper()
	got := f.until(tb, "entry "+id.String(), func(ds []engine.Delivery) bool {
		return len(ds) > 0 && ds[len(ds)-1].ID.Compare(id) >= 0 && !ds[len(ds)-1].Gap
	})
	return slices.DeleteFunc(got, func(d engine.Delivery) bool { return d.ID.Compare(id) > 0 })
}

// events returns the events in ds in their order.
func events(ds []engine.Delivery) []string {
	var ids []string
	for _, d := range ds {
		ids = append(ids, d.Events...)
	}
	return ids
}

// newest merges cells into m as a reader does: by address, newest stamp.
func newest(m map[state.Address]state.Cell, cells []state.Cell) {
	for _, c := range cells {
		if old, ok := m[c.Address()]; !ok || c.Stamp.Compare(old.Stamp) > 0 {
			m[c.Address()] = c
		}
	}
}
