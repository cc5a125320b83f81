package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var loadPromises = []promise{
	{"a room that nobody wrote to has no cells", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("a", "1"))
		n.wantCells(t, "elsewhere")
	}},
	{"the position is that of an entry which the cells contain", func(t *testing.T, s Suite) {
		n := s.open(t)
		for i := range 10 {
			id := n.append(t, event("e", i), add("c", 1))
			cells, at := n.load(t, room)
			if got := at[n.Site()]; got.Compare(id) < 0 || len(cells) != 1 || cells[0].Value != fmt.Sprint(i+1) {
				t.Fatalf("Load = %v at %s after entry %s, want total %d", cells, got, id, i+1)
			}
		}
	}},
	{"what is loaded while entries arrive ends right with what Tail adds", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "start", add("c", 0))
		type loaded struct {
			cells []state.Cell
			at    engine.Positions
		}
		var (
			loads   []loaded
			wg      sync.WaitGroup
			stopped = make(chan struct{})
		)
		wg.Go(func() {
			for {
				cells, at, err := n.Load(t.Context(), room)
				if err != nil {
					t.Errorf("Load: %v", err)
					return
				}
				if len(loads) < 64 {
					loads = append(loads, loaded{cells, at})
				}
				select {
				case <-stopped:
					return
				default:
				}
			}
		})
		last := concurrently(t, n, 4, 25, func(who string, i int) []engine.Change {
			r := set("r", event(who, i))
			if i%5 == 0 {
				r = unset("r")
			}
			return []engine.Change{add("c", 1), r, set(who, fmt.Sprint(i))}
		})
		close(stopped)
		wg.Wait()

		cells, _ := n.load(t, room)
		want := map[state.Address]state.Cell{}
		newest(want, cells)
		for _, l := range loads {
			view := map[state.Address]state.Cell{}
			newest(view, l.cells)
			if l.at[n.Site()].Compare(last) < 0 {
				for _, d := range n.follow(t, l.at).through(t, last) {
					newest(view, d.Cells)
				}
			}
			if diff := cmp.Diff(want, view); diff != "" {
				t.Fatalf("view loaded at %s (-state +view):\n%s", l.at[n.Site()], diff)
			}
		}
	}},
	{"a reader sees all of a batch or nothing", func(t *testing.T, s Suite) {
		n := s.open(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 50 {
				b := engine.Batch{Binary: binary, Changes: []engine.Change{set("x", fmt.Sprint(i)), add("n", 1), set("y", fmt.Sprint(i))}}
				if _, err := n.Append(t.Context(), b); err != nil {
					t.Errorf("Append: %v", err)
					return
				}
			}
		})
		for range 50 {
			cells, at := n.load(t, room)
			for _, c := range cells {
				if c.Stamp.ID != cells[0].Stamp.ID || c.Stamp.ID.Compare(at[n.Site()]) > 0 {
					t.Errorf("cells of entries %s and %s at %s", cells[0].Stamp.ID, c.Stamp.ID, at[n.Site()])
				}
			}
			if len(cells) != 0 && len(cells) != 3 {
				t.Errorf("%d cells, want none or 3", len(cells))
			}
		}
		wg.Wait()
	}},
	{"cells belong to who loaded them", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("a", "1"), push("words", "hello", 3))
		cells, _, err := n.Load(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		clear(cells)
		if again, _ := n.load(t, room); len(again) != 2 || again[0].Value != "1" || again[1].Kind != plugins.List {
			t.Errorf("cells = %+v after the first ones were overwritten", again)
		}
	}},
	{"an ended ctx ends it with the cause", func(t *testing.T, s Suite) {
		n := s.open(t)
		cause := errors.New("page closed")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, _, err := n.Load(ctx, room); !errors.Is(err, cause) {
			t.Errorf("Load = %v, want %v", err, cause)
		}
	}},
}
