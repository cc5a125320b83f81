package enginetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var statePromises = []promise{
	{"a register holds the newest value", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("light", "on"))
		n.append(t, "e2", set("light", "off"), set("light", "dim"))
		n.wantCells(t, room, cell(plugins.Register, "light", "dim"))
	}},
	{"a removed register leaves a tombstone, until it is set again", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", set("light", "on"))
		id := n.append(t, "e2", unset("light"))
		n.wantCells(t, room, unset("light").Cell)
		if cells, _ := n.load(t, room); cells[0].Stamp.ID != id {
			t.Errorf("tombstone is stamped %s, want %s", cells[0].Stamp.ID, id)
		}
		n.append(t, "e3", set("light", "off"))
		n.wantCells(t, room, cell(plugins.Register, "light", "off"))
	}},
	{"a counter holds the site's total, also in the log", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", add("c", 5))
		n.append(t, "e2", add("c", -7), add("c", 1), add("other", 3))
		id := n.append(t, "e3", add("c", 0))
		n.wantCells(t, room, cell(plugins.Counter, "c", "-1"), cell(plugins.Counter, "other", "3"))
		var totals []string
		for _, d := range n.follow(t, nil).through(t, id) {
			for _, c := range d.Cells {
				if c.Field == "c" {
					totals = append(totals, c.Value)
				}
			}
		}
		if want := []string{"5", "-2", "-1", "-1"}; !slices.Equal(totals, want) {
			t.Errorf("totals in the log = %v, want %v", totals, want)
		}
	}},
	{"no addition of many at once is lost", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		const writers, each = 8, 25
		last := concurrently(t, n, writers, each, func(string, int) []engine.Change {
			return []engine.Change{add("c", 1), add("c", 2)}
		})
		n.wantCells(t, room, cell(plugins.Counter, "c", fmt.Sprint(3*writers*each)))
		total := 0
		for _, d := range f.through(t, last) {
			for i, c := range d.Cells {
				total += 1 + i%2
				if c.Value != fmt.Sprint(total) {
					t.Fatalf("cell %d of entry %s has total %s, want %d", i, d.ID, c.Value, total)
				}
			}
		}
	}},
	{"a counter stops at the ends of its range", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", add("up", math.MaxInt64-1), add("down", math.MinInt64+1))
		n.append(t, "e2", add("up", 5), add("down", -5))
		n.wantCells(t, room,
			cell(plugins.Counter, "down", fmt.Sprint(math.MinInt64)), cell(plugins.Counter, "up", fmt.Sprint(math.MaxInt64)))
		n.append(t, "e3", add("up", -7), add("down", 8))
		n.wantCells(t, room,
			cell(plugins.Counter, "down", fmt.Sprint(math.MinInt64+8)), cell(plugins.Counter, "up", fmt.Sprint(math.MaxInt64-7)))
	}},
	{"a list keeps its newest items, keyed by their stamps", func(t *testing.T, s Suite) {
		n := s.open(t)
		for i := range 7 {
			n.append(t, event("e", i), push("words", fmt.Sprint(i), 3))
		}
		cells, _ := n.load(t, room)
		if got, want := values(cells, "words"), []string{"4", "5", "6"}; !slices.Equal(got, want) {
			t.Errorf("items = %v, want %v", got, want)
		}
		for _, c := range cells {
			if c.Key != c.Stamp.Key() {
				t.Errorf("item %q has key %q, want %q", c.Value, c.Key, c.Stamp.Key())
			}
		}
	}},
	{"a list keeps its cap within a batch, and when the cap shrinks", func(t *testing.T, s Suite) {
		n := s.open(t)
		for _, step := range []struct {
			push []string
			keep int
			want []string
		}{
			{[]string{"a", "b", "c", "d", "e"}, 3, []string{"c", "d", "e"}},
			{[]string{"f", "g"}, 4, []string{"d", "e", "f", "g"}},
			{[]string{"h"}, 2, []string{"g", "h"}},
			{[]string{"i", "j", "k"}, 1, []string{"k"}},
			{[]string{"l"}, 5, []string{"k", "l"}},
		} {
			var changes []engine.Change
			for _, v := range step.push {
				changes = append(changes, push("words", v, step.keep))
			}
			n.append(t, "e-"+step.push[0], changes...)
			cells, _ := n.load(t, room)
			if got := values(cells, "words"); !slices.Equal(got, step.want) {
				t.Fatalf("items after %v with cap %d = %v, want %v", step.push, step.keep, got, step.want)
			}
		}
	}},
	{"lists of two fields and two rooms do not touch", func(t *testing.T, s Suite) {
		n := s.open(t)
		elsewhere := push("words", "there", 1)
		elsewhere.Cell.Room = "elsewhere"
		n.append(t, "e1", push("words", "here", 1), push("names", "me", 1), elsewhere)
		n.append(t, "e2", push("names", "you", 1))
		cells, _ := n.load(t, room)
		if w, m := values(cells, "words"), values(cells, "names"); !slices.Equal(w, []string{"here"}) || !slices.Equal(m, []string{"you"}) {
			t.Errorf("words = %v, names = %v", w, m)
		}
	}},
	{"a member is there from join to leave, and then without a trace", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", member("tab-1", "ann", false), member("tab-2", "bob", false))
		n.append(t, "e2", member("tab-1", "ann, idle", false))
		n.wantCells(t, room, member("tab-1", "ann, idle", false).Cell, member("tab-2", "bob", false).Cell)
		n.append(t, "e3", member("tab-1", "", true))
		n.wantCells(t, room, member("tab-2", "bob", false).Cell)
		id := n.append(t, "e4", member("tab-2", "", true), member("never-came", "", true))
		n.wantCells(t, room)
		got := n.follow(t, nil).through(t, id)
		if left := got[len(got)-1].Cells; len(left) != 2 || !left[0].Removed || left[0].Key != "tab-2" {
			t.Errorf("last entry = %+v, want both leaving", left)
		}
	}},
	{"rooms, features and fields do not mix", func(t *testing.T, s Suite) {
		n := s.open(t)
		var changes []engine.Change
		want := map[string]state.Cell{}
		for i, at := range [][3]string{{"a", "b", "c"}, {"a:b", "b", "c"}, {"a", "b-c", "c"}, {"a", "b", "c_c"}, {"東京 *?[", "b", "c"}} {
			c := state.Cell{Room: at[0], Feature: at[1], Field: at[2], Kind: plugins.Register, Value: fmt.Sprint(i)}
			changes = append(changes, engine.Change{Cell: c})
			want[c.Value] = c
		}
		n.append(t, "e1", changes...)
		n.wantCells(t, "a", want["0"], want["3"], want["2"])
		n.wantCells(t, "a:b", want["1"])
		n.wantCells(t, "東京 *?[", want["4"])
		n.wantCells(t, "b")
	}},
}
