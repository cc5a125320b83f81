package wan_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// alone returns the store of a planet of one site, whose clock stands still.
func alone(t *testing.T, clock *int64) *wan.Store {
	t.Helper()
	p := start(t, wan.Config{Sites: three[:1], Now: func() time.Time { return time.UnixMilli(*clock) }})
	return p.Store("iad")
}

func TestStore_Write_ids(t *testing.T) {
	clock := int64(1000)
	s := alone(t, &clock)
	for i, step := range []struct {
		clock       int64
		after, want state.ID
	}{
		{1000, state.ID{}, state.ID{MS: 1000}},
		{1000, state.ID{}, state.ID{MS: 1000, Seq: 1}},
		{900, state.ID{MS: 990}, state.ID{MS: 1000, Seq: 2}},
		{900, state.ID{MS: 5000, Seq: 7}, state.ID{MS: 5000, Seq: 8}},
		{6000, state.ID{}, state.ID{MS: 6000}},
	} {
		clock = step.clock
		w, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{After: step.after, Events: []string{"e"}}})
		if err != nil || w.ID != step.want {
			t.Errorf("step %d: Write = %v, %v; want %v", i, w.ID, err, step.want)
		}
	}
	var prev state.ID
	for _, r := range read(t, s, "iad") {
		if r.Prev != prev {
			t.Errorf("entry %s follows %s, want %s", r.ID, r.Prev, prev)
		}
		prev = r.ID
	}
}

func TestStore_Write_lost(t *testing.T) {
	clock := int64(1000)
	s := alone(t, &clock)
	w := write(t, s, set("a", "1"))
	_, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Changes: []engine.Change{set("a", "2")}}, Last: state.ID{MS: w.ID.MS, Seq: w.ID.Seq + 1}})
	if !errors.Is(err, site.ErrLost) {
		t.Errorf("Write after an entry that is gone = %v, want ErrLost", err)
	}
	if got := values(t, s, "iad", "a"); got != "1" {
		t.Errorf("a = %q, want 1: a refused write left something", got)
	}
	if _, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Changes: []engine.Change{set("a", "3")}}, Last: w.ID}); err != nil {
		t.Errorf("Write after an entry that is there = %v", err)
	}
}

func TestStore_Write_totals(t *testing.T) {
	clock := int64(1000)
	s := alone(t, &clock)
	w := write(t, s, add("c", 5), add("c", -2), add("up", math.MaxInt64), add("down", math.MinInt64))
	if want := []string{"5", "3", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64)}; !slices.Equal(w.Totals, want) {
		t.Errorf("totals = %v, want %v", w.Totals, want)
	}
	known := func(total string, id state.ID) []state.Cell {
		c := cell(plugins.Counter, "c", total)
		c.Stamp = state.Stamp{ID: id, Site: "iad"}
		return []state.Cell{c}
	}
	for _, step := range []struct {
		name   string
		totals []state.Cell
		want   []string
	}{
		{"saturates", nil, []string{"4", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64)}},
		{"newer is known", known("100", state.ID{MS: 2500}), []string{"101", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64)}},
		{"older is known", known("7", state.ID{MS: 1}), []string{"102", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64)}},
	} {
		clock += 1000
		w, err := s.Write(t.Context(), site.Write{
			Batch:  engine.Batch{Changes: []engine.Change{add("c", 1), add("up", 1), add("down", -1)}},
			Totals: step.totals,
		})
		if err != nil || !slices.Equal(w.Totals, step.want) {
			t.Errorf("%s: totals = %v, %v; want %v", step.name, w.Totals, err, step.want)
		}
	}
}

func TestStore_Restore(t *testing.T) {
	clock := int64(5000)
	s := alone(t, &clock)
	w := write(t, s, set("newer", "now"), set("same", "x"), add("c", 3), push("words", "c", 3), push("words", "d", 3))
	at := func(c state.Cell, ms int64, index int) state.Cell {
		c.Stamp = state.Stamp{ID: state.ID{MS: ms}, Site: "iad", Index: index}
		if c.Kind == plugins.List {
			c.Key = c.Stamp.Key()
		}
		return c
	}
	tombstone := at(cell(plugins.Register, "gone", ""), 4000, 1)
	tombstone.Removed = true
	cells := []state.Cell{
		at(cell(plugins.List, "words", "a"), 1000, 0), at(cell(plugins.List, "words", "b"), 2000, 0),
		at(cell(plugins.Register, "newer", "then"), 4000, 0), tombstone,
		at(cell(plugins.Register, "same", "x"), 5000, 1), at(cell(plugins.Counter, "c", "9"), 9000, 0),
	}
	clock = 6000
	done, err := s.Restore(t.Context(), site.Restore{Binary: "b1", Cells: cells, Events: []string{"e1"}})
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if want := (state.ID{MS: 9000, Seq: 1}); done.ID != want || done.Prev != w.ID {
		t.Errorf("Restore = %s after %s, want %s after %s", done.ID, done.Prev, want, w.ID)
	}
	for name, want := range map[string]string{"newer": "now", "same": "x", "c": "9", "words": "b c d", "gone": ""} {
		if got := values(t, s, "iad", name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if !slices.ContainsFunc(load(t, s, "iad"), func(c state.Cell) bool { return c.Field == "gone" && c.Removed }) {
		t.Error("no tombstone was put back")
	}
	got := read(t, s, "iad")[1].Entry
	want := engine.Entry{Site: "iad", ID: done.ID, Binary: "b1", Events: []string{"e1"}, Cells: cells, Restores: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}

func TestStore_Restore_member(t *testing.T) {
	clock := int64(5000)
	s := alone(t, &clock)
	join := state.Join(room, "tab", state.Member{User: "ann", Region: "iad", Binary: "b1"})
	w := write(t, s, engine.Change{Cell: join})
	leave := state.Leave(room, "tab")
	for _, step := range []struct {
		ms   int64
		want int
	}{{w.ID.MS - 1, 1}, {w.ID.MS + 1, 0}} {
		leave.Stamp = state.Stamp{ID: state.ID{MS: step.ms}, Site: "iad"}
		if _, err := s.Restore(t.Context(), site.Restore{Cells: []state.Cell{leave}}); err != nil {
			t.Fatalf("Restore: %v", err)
		}
		if got := len(load(t, s, "iad")); got != step.want {
			t.Errorf("%d members after a leave at %d was put back, want %d", got, step.ms, step.want)
		}
	}
}

func TestStore_ctx(t *testing.T) {
	clock := int64(1000)
	s := alone(t, &clock)
	cause := errors.New("moved on")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	errs := map[string]error{}
	_, errs["Write"] = s.Write(ctx, site.Write{})
	_, errs["Restore"] = s.Restore(ctx, site.Restore{})
	_, errs["Read"] = s.Read(ctx, nil, 1)
	_, errs["Sites"] = s.Sites(ctx)
	_, _, errs["Load"] = s.Load(ctx, room)
	_, errs["Health"] = s.Health(ctx)
	for name, err := range errs {
		if !errors.Is(err, cause) {
			t.Errorf("%s = %v, want the cause for which ctx ended", name, err)
		}
	}
	if got := len(read(t, s, "iad")); got != 0 {
		t.Errorf("%d entries in the log, want none", got)
	}
}
