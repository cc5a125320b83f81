package state_test

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

const listCap = 3

var manifest = plugins.Manifest{
	Name: "demo",
	State: []plugins.Field{
		{Name: "light", Kind: plugins.Register},
		{Name: "count", Kind: plugins.Counter},
		{Name: "hi", Kind: plugins.List, Cap: listCap},
		{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion},
		{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser},
		{Name: "wave", Kind: plugins.Volatile},
	},
}

var (
	sites    = []string{"iad", "lhr", "syd"}
	users    = []string{"ann", "bob", "cyd"}
	sessions = []string{"s1", "s2", "s3", "s4"}
	binaries = []string{"b-iad", "b-lhr", "b-syd"}
)

func newRoom(live ...string) *state.Room {
	r := state.NewRoom(state.NewSchema(manifest))
	for _, b := range live {
		r.SetLive(b, true)
	}
	return r
}

func view(r *state.Room) plugins.State { return r.State("demo", users) }

// history draws what some sites wrote: for each site its cells with rising stamps,
// as its own log would hold them.
func history(t *rapid.T) []state.Cell {
	var cells []state.Cell
	for _, site := range sites {
		id, total := state.ID{}, int64(0)
		for range rapid.IntRange(0, 12).Draw(t, "entries") {
			id = state.ID{MS: id.MS + rapid.Int64Range(0, 2).Draw(t, "ms"), Seq: id.Seq + 1}
			for i := range rapid.IntRange(1, 3).Draw(t, "cells") {
				stamp := state.Stamp{ID: id, Site: site, Index: i}
				c := state.Cell{Room: "home", Feature: "demo", Stamp: stamp}
				value := rapid.StringN(0, 4, -1).Draw(t, "value")
				switch rapid.IntRange(0, 5).Draw(t, "kind") {
				case 0:
					c.Field, c.Kind, c.Value = "light", plugins.Register, value
				case 1:
					c.Field, c.Kind, c.Removed = "light", plugins.Register, true
				case 2:
					total += rapid.Int64Range(-3, 9).Draw(t, "delta")
					c.Field, c.Kind, c.Value = "count", plugins.Counter, strconv.FormatInt(total, 10)
				case 3:
					c.Field, c.Kind, c.Key, c.Value = "hi", plugins.List, stamp.Key(), value
				case 4:
					c = state.Join("home", site+rapid.SampledFrom(sessions).Draw(t, "session"), state.Member{
						User:   rapid.SampledFrom(users).Draw(t, "user"),
						Region: site,
						Binary: rapid.SampledFrom(binaries).Draw(t, "binary"),
					})
					c.Stamp = stamp
				case 5:
					c = state.Leave("home", site+rapid.SampledFrom(sessions).Draw(t, "session"))
					c.Stamp = stamp
				}
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// store returns what the sites' stores hold after all cells were written: the
// newest of each address.
func store(cells []state.Cell) map[string]map[state.Address]state.Cell {
	stores := map[string]map[state.Address]state.Cell{}
	for _, c := range cells {
		s := stores[c.Stamp.Site]
		if s == nil {
			s = map[state.Address]state.Cell{}
			stores[c.Stamp.Site] = s
		}
		s[c.Address()] = c // histories are in order of stamps within a site
	}
	return stores
}

// expected is the specification: what the kinds mean, written down again without
// regard to order or cost.
func expected(cells []state.Cell, live []string) plugins.State {
	var light *state.Cell
	var items []state.Cell
	sum, counted := int64(0), false
	tabs := map[[2]string]int{} // by region and user
	for _, s := range store(cells) {
		for _, c := range s {
			switch {
			case c.Field == "light" && (light == nil || c.Stamp.Compare(light.Stamp) > 0):
				light = &c
			case c.Field == "count":
				n, _ := strconv.ParseInt(c.Value, 10, 64)
				sum, counted = sum+n, true
			case c.Field == "hi":
				items = append(items, c)
			case c.Feature == state.People && !c.Removed:
				if m, _ := state.DecodeMember(c.Value); slices.Contains(live, m.Binary) {
					tabs[[2]string{m.Region, m.User}]++
				}
			}
		}
	}
	want := plugins.State{Registers: map[string]plugins.Item{}, Counters: map[string]int64{}, Lists: map[string][]plugins.Item{}}
	if light != nil && !light.Removed {
		want.Registers["light"] = toItem(*light)
	}
	if counted {
		want.Counters["count"] = sum
	}
	slices.SortFunc(items, func(a, b state.Cell) int { return b.Stamp.Compare(a.Stamp) })
	for _, c := range items[:min(len(items), listCap)] {
		want.Lists["hi"] = append(want.Lists["hi"], toItem(c))
	}
	here, mine := map[string]plugins.Group{}, map[string]plugins.Group{}
	for _, u := range users {
		mine[u] = plugins.Group{Key: u}
	}
	for k, n := range tabs {
		here[k[0]] = plugins.Group{Key: k[0], People: here[k[0]].People + 1, Tabs: here[k[0]].Tabs + n}
		mine[k[1]] = plugins.Group{Key: k[1], People: 1, Tabs: mine[k[1]].Tabs + n}
	}
	want.Presence = map[string][]plugins.Group{"here": byKey(here), "mine": byKey(mine)}
	return want
}

func toItem(c state.Cell) plugins.Item {
	return plugins.Item{ID: c.Stamp.Key(), Value: c.Value, At: c.Stamp.Time(), Site: c.Stamp.Site}
}

func byKey(groups map[string]plugins.Group) []plugins.Group {
	return slices.SortedFunc(maps.Values(groups), func(a, b plugins.Group) int { return cmp.Compare(a.Key, b.Key) })
}

func diff(want, got plugins.State) string {
	return gocmp.Diff(want, got, cmpopts.EquateEmpty())
}

// TestRoom_Merge_converges: any order, any repetition and any split into batches
// gives the view that the specification gives.
func TestRoom_Merge_converges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := history(t)
		live := rapid.SliceOfDistinct(rapid.SampledFrom(binaries), rapid.ID).Draw(t, "live")
		want := expected(cells, live)

		again := append(slices.Clone(cells), rapid.SliceOf(rapid.SampledFrom(append(cells, state.Cell{}))).Draw(t, "repeats")...)
		again = rapid.Permutation(again).Draw(t, "order")
		r := newRoom()
		for _, b := range rapid.Permutation(live).Draw(t, "leases") {
			split := rapid.IntRange(0, len(again)).Draw(t, "split")
			r.Merge(again[:split]...)
			again = again[split:]
			r.SetLive(b, true)
		}
		r.Merge(again...)
		if d := diff(want, view(r)); d != "" {
			t.Fatalf("view after merging in another order (-want +got):\n%s", d)
		}
	})
}

// TestRoom_Merge_tells: a view changes only if Merge said which field did.
func TestRoom_Merge_tells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRoom(binaries...)
		for _, c := range rapid.Permutation(history(t)).Draw(t, "order") {
			before := view(r)
			told := map[string]bool{}
			for _, ch := range r.Merge(c) {
				told[ch.Field] = true
			}
			after := view(r)
			for _, f := range manifest.State {
				if d := diff(only(before, f.Name), only(after, f.Name)); d != "" && !told[f.Name] {
					t.Fatalf("%s changed, but Merge(%+v) did not tell:\n%s", f.Name, c, d)
				}
			}
			if again := r.Merge(c); len(again) > 0 {
				t.Fatalf("merging %+v again told of %v, want nothing", c, again)
			}
		}
	})
}

func only(s plugins.State, field string) plugins.State {
	keep := func(k string) bool { return k != field }
	s.Registers, s.Counters = maps.Clone(s.Registers), maps.Clone(s.Counters)
	s.Lists, s.Presence = maps.Clone(s.Lists), maps.Clone(s.Presence)
	maps.DeleteFunc(s.Registers, func(k string, _ plugins.Item) bool { return keep(k) })
	maps.DeleteFunc(s.Counters, func(k string, _ int64) bool { return keep(k) })
	maps.DeleteFunc(s.Lists, func(k string, _ []plugins.Item) bool { return keep(k) })
	maps.DeleteFunc(s.Presence, func(k string, _ []plugins.Group) bool { return keep(k) })
	return s
}

// TestRoom_Reset_heals: a room that missed any part of a site's log is right again
// after the site's state was loaded, even if newer entries came first.
func TestRoom_Reset_heals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := history(t)
		r := newRoom(binaries...)
		for _, c := range cells {
			if rapid.Bool().Draw(t, "seen") {
				r.Merge(c)
			}
		}
		for _, site := range sites {
			held := slices.Collect(maps.Values(store(cells)[site]))
			// The store may forget who left, but never that a register was unset: an
			// older value of another site would come back.
			held = slices.DeleteFunc(held, func(c state.Cell) bool {
				return c.Removed && c.Feature == state.People && rapid.Bool().Draw(t, "dropped")
			})
			r.Reset(map[string]bool{site: true}, map[string]state.ID{site: {MS: math.MaxInt64}}, rapid.Permutation(held).Draw(t, "order"))
		}
		if d := diff(expected(cells, binaries), view(r)); d != "" {
			t.Fatalf("view after loading again (-want +got):\n%s", d)
		}
	})
}

func TestRoom_Reset_keepsNewer(t *testing.T) {
	r := newRoom()
	stamp := state.Stamp{ID: state.ID{MS: 5}, Site: "lhr"}
	r.Merge(state.Cell{Feature: "demo", Field: "light", Kind: plugins.Register, Stamp: stamp, Value: "on"})
	r.Reset(map[string]bool{"lhr": true}, map[string]state.ID{"lhr": {MS: 4}}, nil)
	if got := view(r).Registers["light"].Value; got != "on" {
		t.Errorf("light = %q after a reset up to an earlier id, want on", got)
	}
}

func TestRoom_SetLive(t *testing.T) {
	r := newRoom("b-lhr")
	join := state.Join("home", "s1", state.Member{User: "ann", Region: "lhr", Binary: "b-lhr"})
	join.Stamp = state.Stamp{ID: state.ID{MS: 1}, Site: "lhr"}
	if got := len(r.Merge(join)); got != 2 {
		t.Errorf("a join told of %d changes, want one for each of the 2 presence fields", got)
	}
	people := func() int {
		n := 0
		for _, g := range view(r).Presence["here"] {
			n += g.People
		}
		return n
	}
	for _, tc := range []struct {
		live    bool
		changes int
		people  int
	}{{true, 0, 1}, {false, 2, 0}, {false, 0, 0}, {true, 2, 1}} {
		if got := len(r.SetLive("b-lhr", tc.live)); got != tc.changes {
			t.Errorf("SetLive(%v) told of %d changes, want %d", tc.live, got, tc.changes)
		}
		if got := people(); got != tc.people {
			t.Errorf("%d people after SetLive(%v), want %d", got, tc.live, tc.people)
		}
	}
}

func TestRoom_Merge_passesOver(t *testing.T) {
	stamp := state.Stamp{ID: state.ID{MS: 1}, Site: "lhr"}
	for name, c := range map[string]state.Cell{
		"unknown feature": {Feature: "other", Field: "light", Kind: plugins.Register},
		"unknown field":   {Feature: "demo", Field: "other", Kind: plugins.Register},
		"another kind":    {Feature: "demo", Field: "light", Kind: plugins.Counter, Value: "3"},
		"broken member":   {Feature: state.People, Key: "s1", Kind: plugins.Presence, Value: "{"},
		"member, no kind": {Feature: state.People, Key: "s1", Kind: plugins.Register, Value: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Stamp = stamp
			r := newRoom(binaries...)
			if got := r.Merge(c); got != nil {
				t.Errorf("Merge told of %v, want nothing", got)
			}
			if d := diff(view(newRoom(binaries...)), view(r)); d != "" {
				t.Errorf("the view changed:\n%s", d)
			}
		})
	}
}

// TestRoom_Merge_volatile: what is shown once is in no log and changes no room.
func TestRoom_Merge_volatile(t *testing.T) {
	r := newRoom()
	c := state.Cell{Feature: "demo", Field: "wave", Kind: plugins.Volatile, Value: "hey", Stamp: state.Stamp{ID: state.ID{MS: 1}, Site: "lhr"}}
	if got := r.Merge(c); got != nil {
		t.Errorf("Merge of a volatile cell = %v, want nothing", got)
	}
}

func TestRoom_State_counterEnds(t *testing.T) {
	for _, tc := range []struct {
		totals []int64
		want   int64
	}{
		{[]int64{math.MaxInt64, 1}, math.MaxInt64},
		{[]int64{math.MinInt64, -1}, math.MinInt64},
		{[]int64{math.MaxInt64, math.MaxInt64, math.MinInt64}, math.MaxInt64 - 1},
		{[]int64{-5, 3, -1}, -3},
		{[]int64{1 << 33, -1}, 1<<33 - 1},
	} {
		for shift := range tc.totals {
			r := newRoom()
			for i := range tc.totals {
				site := sites[(i+shift)%len(tc.totals)]
				r.Merge(state.Cell{
					Feature: "demo", Field: "count", Kind: plugins.Counter,
					Stamp: state.Stamp{ID: state.ID{MS: 1}, Site: site}, Value: strconv.FormatInt(tc.totals[i], 10),
				})
			}
			if got := view(r).Counters["count"]; got != tc.want {
				t.Errorf("sum of %v = %d, want %d", tc.totals, got, tc.want)
			}
		}
	}
}

func BenchmarkRoom_Merge(b *testing.B) {
	cells := make([]state.Cell, 1024)
	for i := range cells {
		stamp := state.Stamp{ID: state.ID{MS: int64(i)}, Site: sites[i%3]}
		cells[i] = state.Cell{Room: "home", Feature: "demo", Field: "light", Kind: plugins.Register, Stamp: stamp, Value: "on"}
		if i%2 == 0 {
			cells[i].Field, cells[i].Kind, cells[i].Value = "count", plugins.Counter, "7"
		}
	}
	b.ReportAllocs()
	i, r := 0, newRoom()
	for b.Loop() {
		r.Merge(cells[i])
		if i++; i == len(cells) {
			i, r = 0, newRoom()
		}
	}
}

func TestRoom_SetSites(t *testing.T) {
	r := state.NewRoom(state.NewSchema(
		plugins.Manifest{Name: "map", State: []plugins.Field{{Name: "far", Kind: plugins.Sites}, {Name: "near", Kind: plugins.Sites}}},
		plugins.Manifest{Name: "light", State: []plugins.Field{{Name: "on", Kind: plugins.Register}}},
	))
	if got := r.State("map", nil); got.Sites != nil {
		t.Errorf("before the host has told of sites: %v", got.Sites)
	}
	sites := []plugins.Site{{Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd", Pings: []plugins.Ping{{To: "lhr", RTT: 1}}}}
	want := []state.Change{
		{Feature: "map", Change: plugins.Change{Field: "far"}},
		{Feature: "map", Change: plugins.Change{Field: "near"}},
	}
	if diff := gocmp.Diff(want, r.SetSites(sites)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(map[string][]plugins.Site{"far": sites, "near": sites}, r.State("map", nil).Sites); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if got := r.State("light", nil); got.Sites != nil {
		t.Errorf("a feature without a field for them sees %v", got.Sites)
	}
	cell := state.Cell{Room: "home", Feature: "map", Field: "far", Kind: plugins.Sites, Value: "x", Stamp: state.Stamp{ID: state.ID{MS: 1}}}
	if got := r.Merge(cell); got != nil {
		t.Errorf("a cell of a kind that nobody writes changes %v", got)
	}
}

// TestRoom_Redefine: a feature with other fields begins anew, and the others keep what
// they have.
func TestRoom_Redefine(t *testing.T) {
	clock := plugins.Manifest{Name: "clock", State: []plugins.Field{{Name: "word", Kind: plugins.Register}}}
	r := state.NewRoom(state.NewSchema(manifest, clock))
	r.SetLive("b-lhr", true)
	at := state.Stamp{ID: state.ID{MS: 5}, Site: "lhr"}
	word := state.Cell{Feature: "clock", Field: "word", Kind: plugins.Register, Stamp: at, Value: "noon"}
	r.Merge(word,
		state.Cell{Feature: "demo", Field: "light", Kind: plugins.Register, Stamp: at, Value: "on"},
		state.Cell{Feature: "demo", Field: "hi", Kind: plugins.List, Stamp: at, Value: "hi"},
		state.Join("home", "s1", state.Member{User: "ann", Region: "lhr", Binary: "b-lhr"}),
	)
	others := view(r)

	clock.State = append(clock.State, plugins.Field{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion}, plugins.Field{Name: "far", Kind: plugins.Sites})
	r.Redefine(state.NewSchema(manifest, clock), "clock")
	if d := diff(others, view(r)); d != "" {
		t.Errorf("another feature (-want +got):\n%s", d)
	}
	if got := r.State("clock", nil); len(got.Registers) != 0 || len(got.Presence["here"]) != 1 {
		t.Errorf("with other fields it has %+v, want who is there and nothing else", got)
	}
	if got := r.SetSites([]plugins.Site{{Name: "lhr"}}); len(got) != 1 || got[0].Feature != "clock" {
		t.Errorf("news of sites changes %v, want its new field", got)
	}
	if got := r.Merge(word); len(got) != 1 || r.State("clock", nil).Registers["word"].Value != "noon" {
		t.Errorf("what the store has of it changes %v", got)
	}

	r.Redefine(state.NewSchema(manifest), "clock")
	if got := r.Merge(word); got != nil || len(r.State("clock", nil).Registers) != 0 {
		t.Errorf("a feature that is gone takes %v", got)
	}
	if got := r.SetSites(nil); len(got) != 0 {
		t.Errorf("news of sites changes %v of a feature that is gone", got)
	}
	if d := diff(others, view(r)); d != "" {
		t.Errorf("another feature after it went (-want +got):\n%s", d)
	}
}
