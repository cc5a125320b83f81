package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// badBatches are batches that break one rule each.
func badBatches() map[string]engine.Batch {
	one := func(c engine.Change) engine.Batch {
		return engine.Batch{Binary: binary, Events: []string{"bad"}, Changes: []engine.Change{set("fine", "1"), c}}
	}
	with := func(c engine.Change, change func(*engine.Change)) engine.Batch {
		change(&c)
		return one(c)
	}
	bad := map[string]engine.Batch{
		"nothing to write":          {Binary: binary},
		"a room without a name":     with(set("a", "1"), func(c *engine.Change) { c.Cell.Room = "" }),
		"a room name with a tab":    with(set("a", "1"), func(c *engine.Change) { c.Cell.Room = "ho\tme" }),
		"a room name too long":      with(set("a", "1"), func(c *engine.Change) { c.Cell.Room = strings.Repeat("r", state.MaxRoomSize+1) }),
		"no feature":                with(set("a", "1"), func(c *engine.Change) { c.Cell.Feature = "" }),
		"no field":                  with(set("a", "1"), func(c *engine.Change) { c.Cell.Field = "" }),
		"a field with a NUL":        one(set("a\x00b", "1")),
		"no kind":                   with(set("a", "1"), func(c *engine.Change) { c.Cell.Kind = 0 }),
		"an unknown kind":           with(set("a", "1"), func(c *engine.Change) { c.Cell.Kind = plugins.Traffic + 1 }),
		"a volatile value":          with(set("a", "1"), func(c *engine.Change) { c.Cell.Kind = plugins.Volatile }),
		"a patch of nothing":        with(paint(1, dot(0, 0)), func(c *engine.Change) { c.Cell.Value = "1 ann" }),
		"a tile":                    with(paint(1, dot(0, 0)), func(c *engine.Change) { c.Cell.Key = "0.0" }),
		"a removed board":           with(paint(1, dot(0, 0)), func(c *engine.Change) { c.Cell.Removed = true }),
		"a cell far off":            one(paint(1, dot(plugins.MaxGridSide, 0))),
		"a value too long":          one(set("a", strings.Repeat("x", plugins.MaxValueSize+1))),
		"a value that is not UTF-8": one(set("a", "\xff")),
		"a register with a key":     with(set("a", "1"), func(c *engine.Change) { c.Cell.Key = "k" }),
		"a removed value":           with(set("a", "1"), func(c *engine.Change) { c.Cell.Removed = true }),
		"a delta of a register":     with(set("a", "1"), func(c *engine.Change) { c.Delta = 1 }),
		"a counter with a value":    with(add("a", 1), func(c *engine.Change) { c.Cell.Value = "1" }),
		"a removed counter":         with(add("a", 1), func(c *engine.Change) { c.Cell.Removed = true }),
		"a list without a cap":      one(push("a", "1", 0)),
		"a list with a huge cap":    one(push("a", "1", plugins.MaxListSize+1)),
		"a list with a key":         with(push("a", "1", 1), func(c *engine.Change) { c.Cell.Key = "k" }),
		"a cap of a register":       with(set("a", "1"), func(c *engine.Change) { c.Cap = 1 }),
		"a member without a key":    one(member("", "x", false)),
		"an empty event id":         {Binary: binary, Events: []string{""}},
		"an event id too long":      {Binary: binary, Events: []string{strings.Repeat("e", engine.MaxNameSize+1)}},
		"a binary too long":         {Binary: strings.Repeat("b", engine.MaxNameSize+1), Events: []string{"bad"}},
		"an After nothing follows":  {Binary: binary, Events: []string{"bad"}, After: state.ID{MS: 1, Seq: math.MaxInt64}},
	}
	many, large := engine.Batch{Binary: binary}, engine.Batch{Binary: binary}
	for i := range engine.MaxBatchChanges + 1 {
		many.Changes = append(many.Changes, set(fmt.Sprint("f", i), ""))
	}
	for i := range engine.MaxBatchSize / plugins.MaxValueSize {
		large.Changes = append(large.Changes, set(fmt.Sprint("f", i), strings.Repeat("x", plugins.MaxValueSize)))
	}
	cells := engine.Batch{Binary: binary}
	for i := range 1 + engine.MaxBatchCells/2048 {
		cells.Changes = append(cells.Changes, paint(1, state.Run{Y: i, N: 2048}))
	}
	bad["too many cells"] = cells
	bad["too many changes"], bad["too many bytes"] = many, large
	return bad
}

var refusedPromises = []promise{
	{"a batch that breaks a rule gets ErrRefused and leaves no trace", func(t *testing.T, s Suite) {
		n := s.open(t)
		for name, b := range badBatches() {
			if id, err := n.Append(t.Context(), b); !errors.Is(err, engine.ErrRefused) || errors.Is(err, engine.ErrUnavailable) || !id.IsZero() {
				t.Errorf("Append with %s = %s, %v; want ErrRefused alone", name, id, err)
			}
		}
		n.wantCells(t, room)
		id := n.append(t, "good", set("a", "1"))
		if got := n.follow(t, nil).through(t, id); len(got) != 1 {
			t.Errorf("log has %d entries, want the good one", len(got))
		}
	}},
	{"a refused batch does not fail its neighbours", func(t *testing.T, s Suite) {
		n := s.open(t)
		const each = 50
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range each {
					if _, err := n.Append(t.Context(), engine.Batch{Binary: binary, Changes: []engine.Change{add("c", 1)}}); err != nil {
						t.Errorf("Append of a good batch: %v", err)
					}
				}
			})
			wg.Go(func() {
				for range each {
					bad := engine.Batch{Binary: binary, Changes: []engine.Change{add("c", 1), push("list", "x", 0)}}
					if _, err := n.Append(t.Context(), bad); !errors.Is(err, engine.ErrRefused) {
						t.Errorf("Append of a bad batch: %v, want ErrRefused", err)
					}
				}
			})
		}
		wg.Wait()
		n.wantCells(t, room, cell(plugins.Counter, "c", fmt.Sprint(4*each)))
	}},
	{"an Append whose ctx has ended returns its cause and leaves no trace", func(t *testing.T, s Suite) {
		n := s.open(t)
		cause := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := n.Append(ctx, engine.Batch{Binary: binary, Changes: []engine.Change{add("c", 1)}}); !errors.Is(err, cause) {
			t.Errorf("Append = %v, want %v", err, cause)
		}
		n.append(t, "e1", add("c", 10))
		n.wantCells(t, room, cell(plugins.Counter, "c", "10"))
	}},
}
