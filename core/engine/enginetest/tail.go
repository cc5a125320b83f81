package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var tailPromises = []promise{
	{"Past ends where the log does, and is no news to a Tail", func(t *testing.T, s Suite) {
		n := s.open(t)
		first := n.append(t, "e-0", set("a", "0"))
		var large []engine.Change // more than any store hands out at once
		for i := range 10 {
			large = append(large, set(fmt.Sprint("large", i), strings.Repeat("x", plugins.MaxValueSize)))
		}
		for i := range 220 {
			n.append(t, event("e", i+1), large...)
		}
		f := n.follow(t, nil)
		past := func(from engine.Positions) (got []engine.Delivery) {
			t.Helper()
			if err := n.Past(t.Context(), from, func(ds []engine.Delivery) error { got = append(got, ds...); return nil }); err != nil {
				t.Fatalf("Past: %v", err)
			}
			return got
		}
		got := events(past(engine.Positions{n.Site(): first}))
		if len(got) != 220 || got[0] != "e-1" || got[219] != "e-220" {
			t.Errorf("Past after the first entry has %d events, want e-1 to e-220", len(got))
		}
		if got := past(engine.Positions{"elsewhere": {}}); len(got) > 0 {
			t.Errorf("Past of another site has %d deliveries", len(got))
		}
		stop := errors.New("enough")
		if err := n.Past(t.Context(), engine.Positions{n.Site(): {}}, func([]engine.Delivery) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("Past = %v, want the error of deliver", err)
		}
		last := n.append(t, "e-221", set("a", "x"))
		if got := events(f.through(t, last)); len(got) != 222 {
			t.Errorf("a Tail has %d events, want 222", len(got))
		}
	}},
	{"from nothing it starts at the first entry", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("a", "1"))
		id := n.append(t, "e2", set("a", "2"))
		if got := events(n.follow(t, nil).through(t, id)); !slices.Equal(got, []string{"e1", "e2"}) {
			t.Errorf("events = %v", got)
		}
	}},
	{"from a position it goes on after that entry", func(t *testing.T, s Suite) {
		n := s.open(t)
		var ids []state.ID
		for i := range 6 {
			ids = append(ids, n.append(t, event("e", i), set("a", fmt.Sprint(i))))
		}
		got := n.follow(t, engine.Positions{n.Site(): ids[2]}).through(t, ids[5])
		if want := []string{"e-3", "e-4", "e-5"}; !slices.Equal(events(got), want) {
			t.Errorf("events = %v, want %v", events(got), want)
		}
		if got[0].Gap {
			t.Errorf("first delivery is a gap, want none after an entry that is there")
		}
	}},
	{"the position under the empty name holds for a site that is not named", func(t *testing.T, s Suite) {
		n := s.open(t)
		var ids []state.ID
		for i := range 6 {
			ids = append(ids, n.append(t, event("e", i), set("a", fmt.Sprint(i))))
		}
		got := n.follow(t, engine.Positions{"": ids[2]}).through(t, ids[5])
		if want := []string{"e-3", "e-4", "e-5"}; !slices.Equal(events(got), want) || got[0].Gap {
			t.Errorf("events = %v, the first is a gap: %t; want %v without one", events(got), got[0].Gap, want)
		}
	}},
	{"from the newest position it delivers only what comes", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("a", "1"))
		_, now := n.load(t, room)
		f := n.follow(t, now)
		id := n.append(t, "e2", set("a", "2"))
		if got := events(f.through(t, id)); !slices.Equal(got, []string{"e2"}) {
			t.Errorf("events = %v, want the new one", got)
		}
	}},
	{"a late Tail sees what an early one saw", func(t *testing.T, s Suite) {
		n := s.open(t)
		early := n.follow(t, nil)
		last := concurrently(t, n, 4, 20, func(who string, i int) []engine.Change {
			return []engine.Change{add("c", 1), push("words", event(who, i), 5), member("never-came", "", true)}
		})
		if diff := cmp.Diff(early.through(t, last), n.follow(t, nil).through(t, last)); diff != "" {
			t.Errorf("log (-early +late):\n%s", diff)
		}
	}},
	{"ids rise, without a gap", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		last := concurrently(t, n, 4, 20, func(string, int) []engine.Change { return []engine.Change{member("never-came", "", true)} })
		var before state.ID
		for _, d := range f.through(t, last) {
			if d.ID.Compare(before) <= 0 || d.Gap || d.Site != n.Site() {
				t.Fatalf("delivery %+v after %s", d, before)
			}
			before = d.ID
		}
	}},
	{"a Tail that does not return from deliver holds up nobody else", func(t *testing.T, s Suite) {
		n := s.open(t)
		first := n.append(t, "e-0", set("a", "0"))
		release := make(chan struct{})
		slow := n.followWith(t, nil, func() { <-release })
		quick := n.follow(t, nil)
		quick.through(t, first)
		var last state.ID
		for i := range 20 {
			last = n.append(t, event("e", i+1), set("a", fmt.Sprint(i)))
		}
		all := quick.through(t, last)
		if got := slow.deliveries(); len(got) != 0 {
			t.Fatalf("slow Tail has %d deliveries already", len(got))
		}
		close(release)
		if diff := cmp.Diff(all, slow.through(t, last)); diff != "" {
			t.Errorf("log (-quick +slow):\n%s", diff)
		}
	}},
	{"it returns the error of deliver", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("a", "1"))
		enough := errors.New("enough")
		if err := n.Tail(t.Context(), nil, func([]engine.Delivery) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("Tail = %v, want %v", err, enough)
		}
	}},
	{"it returns the cause when ctx ends, while it waits and before it starts", func(t *testing.T, s Suite) {
		n := s.open(t)
		id := n.append(t, "e1", set("a", "1"))
		cause := errors.New("moved on")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := n.Tail(ctx, nil, func(ds []engine.Delivery) error {
			if ds[len(ds)-1].ID == id {
				cancel(cause)
			}
			return nil
		})
		if !errors.Is(err, cause) {
			t.Errorf("Tail = %v, want %v", err, cause)
		}
		err = n.Tail(ctx, nil, func([]engine.Delivery) error { return errors.New("delivered after ctx ended") })
		if !errors.Is(err, cause) {
			t.Errorf("Tail with an ended ctx = %v, want %v", err, cause)
		}
	}},
	{"where the log was trimmed, one Gap says where it goes on", func(t *testing.T, s Suite) {
		n, first := s.trimmed(t)
		last := n.append(t, "last", set("a", "end"))
		got := n.follow(t, engine.Positions{n.Site(): first}).through(t, last)
		gap := got[0]
		if !gap.Gap || len(gap.Cells) > 0 || len(gap.Events) > 0 || gap.ID.Compare(first) <= 0 {
			t.Fatalf("first delivery = %+v, want an empty gap after %s", gap, first)
		}
		before := gap.ID
		for i, d := range got[1:] {
			if d.Gap || d.ID.Compare(before) < 0 || i > 0 && d.ID == before {
				t.Fatalf("delivery %d = gap %t at %s after %s", i+1, d.Gap, d.ID, before)
			}
			before = d.ID
		}
		if n := len(events(got)); n > 4*s.LogEntries {
			t.Errorf("%d events are left of a log with a cap of %d", n, s.LogEntries)
		}
		// A reader that comes for the first time has missed nothing.
		if fresh := n.follow(t, nil).through(t, last); fresh[0].Gap {
			t.Errorf("Tail from nothing starts with a gap")
		} else if diff := cmp.Diff(got[1:], fresh); diff != "" {
			t.Errorf("what is left (-after the gap +from nothing):\n%s", diff)
		}
	}},
	{"Load after a Gap repairs what was missed", func(t *testing.T, s Suite) {
		n, first := s.trimmed(t)
		last := n.append(t, "last", add("c", 1), set("end", "1"))
		view := map[state.Address]state.Cell{}
		for _, d := range n.follow(t, engine.Positions{n.Site(): first}).through(t, last) {
			if d.Gap {
				cells, _ := n.load(t, room)
				newest(view, cells)
			}
			newest(view, d.Cells)
		}
		want := map[state.Address]state.Cell{}
		cells, _ := n.load(t, room)
		newest(want, cells)
		if diff := cmp.Diff(want, durable(view)); diff != "" {
			t.Errorf("view (-state +repaired):\n%s", diff)
		}
	}},
	{"a Tail that is overtaken by the cap gets a Gap too", func(t *testing.T, s Suite) {
		if s.LogEntries == 0 {
			t.Skip("the suite was not told the cap of the log")
		}
		n := s.open(t)
		first := n.append(t, "first", set("a", "start"))
		release, entered := make(chan struct{}), make(chan struct{}, 1)
		slow := n.followWith(t, nil, func() {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-release
		})
		<-entered
		s.trim(t, n, first)
		last := n.append(t, "last", set("a", "end"))
		close(release)
		got := slow.through(t, last)
		gaps := 0
		for _, d := range got {
			if d.Gap {
				gaps++
			}
		}
		if got[0].ID != first || gaps != 1 {
			t.Errorf("%d gaps after an entry at %s, want one after %s", gaps, got[0].ID, first)
		}
	}},
}

// trimmed returns an engine whose log has lost its first entry, which is what it
// also returns.
func (s Suite) trimmed(t *testing.T) (*node, state.ID) {
	t.Helper()
	if s.LogEntries == 0 {
		t.Skip("the suite was not told the cap of the log")
	}
	n := s.open(t)
	first := n.append(t, "first", set("a", "start"), add("c", 100))
	s.trim(t, n, first)
	return n, first
}

// trim appends until the log no longer holds the entry at id.
func (s Suite) trim(t *testing.T, n *node, id state.ID) {
	t.Helper()
	for i := 0; i <= 4*s.LogEntries; i++ {
		n.append(t, event("fill", i), member("never-came", "", true))
		if i%s.LogEntries != s.LogEntries-1 {
			continue
		}
		stop := errors.New("seen")
		var oldest state.ID
		err := n.Tail(t.Context(), nil, func(ds []engine.Delivery) error {
			oldest = ds[0].ID
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatalf("Tail = %v", err)
		}
		if oldest.Compare(id) > 0 {
			return
		}
	}
	t.Fatalf("the log still holds entry %s after %d more, with a cap of %d", id, 4*s.LogEntries, s.LogEntries)
}

// durable returns what of a view the state keeps too.
func durable(view map[state.Address]state.Cell) map[state.Address]state.Cell {
	kept := map[state.Address]state.Cell{}
	for a, c := range view {
		if state.Durable(c.Kind) {
			kept[a] = c
		}
	}
	return kept
}
