package enginetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

const (
	binary  = "binary-1" // who writes in these tests
	room    = "home"
	feature = "demo"

	// patience is how long something may take that should take no time.
	patience = 30 * time.Second
)

// node is an engine that runs.
type node struct {
	engine.Engine
	stop func() // ends Run and waits for it; may be called twice
}

// open starts an engine from s.Open.
func (s Suite) open(tb testing.TB) *node {
	tb.Helper()
	return start(tb, s.Open(tb))
}

// start runs e until the test ends and waits until it is ready.
func start(tb testing.TB, e engine.Engine) *node {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil && ctx.Err() == nil {
			tb.Errorf("Run ended early: %v", err)
		}
	})
	n := &node{Engine: e, stop: func() { cancel(); wg.Wait() }}
	tb.Cleanup(func() {
		n.stop()
		if c, ok := e.(io.Closer); ok {
			if err := c.Close(); err != nil {
				tb.Errorf("Close: %v", err)
			}
		}
	})
	waitReady(tb, e)
	return n
}

// waitReady waits until e takes writes.
func waitReady(tb testing.TB, e engine.Engine) {
	tb.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for {
		err := e.Ready()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			tb.Fatalf("engine is not ready after %v: %v", patience, err)
		}
	}
}

// append adds changes as one batch of one event and returns the id of its entry.
func (n *node) append(tb testing.TB, event string, changes ...engine.Change) state.ID {
	tb.Helper()
	return n.appendBatch(tb, engine.Batch{Binary: binary, Events: []string{event}, Changes: changes})
}

func (n *node) appendBatch(tb testing.TB, b engine.Batch) state.ID {
	tb.Helper()
	id, err := n.Append(tb.Context(), b)
	if err != nil {
		tb.Fatalf("Append: %v", err)
	}
	return id
}

// load returns the cells of a room in the order of their addresses, and the
// position of the node's own site.
func (n *node) load(tb testing.TB, room string) ([]state.Cell, engine.Positions) {
	tb.Helper()
	cells, at, err := n.Load(tb.Context(), room)
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return sorted(cells), at
}

// wantCells compares what the room holds with want, stamps aside.
func (n *node) wantCells(tb testing.TB, room string, want ...state.Cell) {
	tb.Helper()
	got, _ := n.load(tb, room)
	if diff := cmp.Diff(sorted(want), got, cmpopts.IgnoreFields(state.Cell{}, "Stamp"), cmpopts.EquateEmpty()); diff != "" {
		tb.Errorf("cells of room %q (-want +got):\n%s", room, diff)
	}
}

// sorted returns cells by address, and items of a list by their stamp.
func sorted(cells []state.Cell) []state.Cell {
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(a, b state.Cell) int {
		if c := cmpStrings(a.Room, b.Room, a.Feature, b.Feature, a.Field, b.Field); c != 0 {
			return c
		}
		if a.Kind == plugins.List {
			return a.Stamp.Compare(b.Stamp)
		}
		return cmpStrings(a.Key, b.Key)
	})
	return cells
}

// values returns the values of the items of a list, oldest first.
func values(cells []state.Cell, field string) []string {
	var vs []string
	for _, c := range sorted(cells) {
		if c.Field == field {
			vs = append(vs, c.Value)
		}
	}
	return vs
}

func cmpStrings(pairs ...string) int {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			if pairs[i] < pairs[i+1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// event returns a name for the i-th event of somebody.
func event(who string, i int) string { return fmt.Sprintf("%s-%d", who, i) }

// cell returns a cell of the test's feature in the test's room.
func cell(kind plugins.Kind, field, value string) state.Cell {
	return state.Cell{Room: room, Feature: feature, Field: field, Kind: kind, Value: value}
}

func set(field, value string) engine.Change {
	return engine.Change{Cell: cell(plugins.Register, field, value)}
}

func unset(field string) engine.Change {
	c := cell(plugins.Register, field, "")
	c.Removed = true
	return engine.Change{Cell: c}
}

func add(field string, delta int64) engine.Change { return engine.Add(room, feature, field, delta) }

func push(field, value string, keep int) engine.Change {
	return engine.Change{Cell: cell(plugins.List, field, value), Cap: keep}
}

func member(session, value string, left bool) engine.Change {
	return engine.Change{Cell: state.Cell{
		Room: room, Feature: state.People, Key: session, Kind: plugins.Presence, Value: value, Removed: left,
	}}
}
