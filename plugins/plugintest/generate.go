package plugintest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

var (
	regions = rapid.SampledFrom([]string{"ams", "gru", "lhr", "nrt", "syd", "xyz"})
	// siteNames holds a region with two sites, and one that nobody knows.
	siteNames = rapid.SampledFrom([]string{"ams", "gru", "lhr", "lhr-2", "nrt", "syd", "xyz"})

	users   = rapid.SampledFrom([]string{"aaaaaaaaaaaaaaaa", "k7qf2abcdefghijk", "z2z3z4z5z6z7z2z3"})
	rooms   = rapid.SampledFrom([]string{"home", "product-42", `a "room" <` + canary + `>/ü?#%`})
	moments = rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(1_700_000_000_000, 1_900_000_000_000).Draw(t, "ms")).UTC()
	})
	people = rapid.Custom(func(t *rapid.T) plugins.Person {
		p := plugins.Person{User: users.Draw(t, "user"), Region: regions.Draw(t, "region"), Edge: regions.Draw(t, "edge")}
		if rapid.Bool().Draw(t, "socket") {
			p.Session = rapid.StringMatching(`[a-z2-7]{16}`).Draw(t, "session")
		}
		return p
	})
	items = rapid.Custom(func(t *rapid.T) plugins.Item {
		i := plugins.Item{Value: values().Draw(t, "value")}
		stamp(t, &i)
		return i
	})
)

// stamp gives an item what the host gives it.
func stamp(t *rapid.T, i *plugins.Item) {
	i.ID = rapid.StringMatching(`m[a-z0-9]{7}-[0-9]-[0-9]-lhr`).Draw(t, "id")
	i.At = moments.Draw(t, "at")
	i.Site = regions.Draw(t, "site")
}

// event makes an event in room that the host would let through, of a person, of one who
// comes or goes or of a watched key, or takes one of the author's.
func (s *suite) event(t *rapid.T, room string) plugins.Event {
	own := len(s.events)
	declared := own + len(s.manifest.Events)
	most := declared + len(s.manifest.Watches)
	type seat struct{ event, id string }
	var seats []seat // of people who come and go
	if s.manifest.Leaves != "" {
		seats = append(seats, seat{s.manifest.Leaves, "left"})
	}
	if s.manifest.Joins != "" {
		seats = append(seats, seat{s.manifest.Joins, "joined"})
	}
	most += len(seats)
	n := rapid.IntRange(0, most-1).Draw(t, "event")
	if n < own {
		ev := s.events[n]
		ev.Room = room
		return ev
	}
	if i := n - declared - len(s.manifest.Watches); i >= 0 {
		return plugins.Event{
			ID: rapid.StringMatching(seats[i].id+`-[a-z0-9]{16}`).Draw(t, "id"), Name: seats[i].event, Room: room,
			Person: people.Draw(t, "person"), Time: moments.Draw(t, "time"),
		}
	}
	if n >= declared {
		return keyEvent(t, s.manifest.Watches[n-declared], room)
	}
	kind := s.manifest.Events[n-own]
	raw := map[string]string{}
	for _, p := range kind.Fields {
		if !p.Optional || rapid.Bool().Draw(t, p.Name+" is sent") {
			raw[p.Name] = s.param(t, p)
		}
	}
	fields, err := s.manifest.CheckEvent(kind, raw)
	if err != nil {
		t.Fatalf("plugintest made an event %q that the manifest forbids, which is a fault of plugintest's: %v", kind.Name, err)
	}
	ev := plugins.Event{
		ID: rapid.StringMatching(`[a-z0-9]{16}`).Draw(t, "id"), Name: kind.Name, Room: room,
		Fields: fields, Time: moments.Draw(t, "time"),
	}
	if !kind.Admin {
		ev.Person = people.Draw(t, "person")
	}
	return ev
}

// keyEvent makes an event of a key that w watches.
func keyEvent(t *rapid.T, w plugins.Watch, room string) plugins.Event {
	fields := plugins.Fields{
		"key":     strings.Replace(w.Keys, "*", texts(0, 64, 256).Draw(t, "star"), 1),
		"command": rapid.SampledFrom([]string{"set", "del", "expired", "incrby", "sync"}).Draw(t, "command"),
	}
	if rapid.Bool().Draw(t, "key exists") {
		fields["value"] = texts(0, plugins.MaxValueSize, plugins.MaxValueSize).Draw(t, "value")
	}
	return plugins.Event{
		ID: rapid.StringMatching(`[a-z0-9]{16}`).Draw(t, "id"), Name: w.Event, Room: room,
		Fields: fields, Person: plugins.Person{Region: regions.Draw(t, "region")}, Time: moments.Draw(t, "time"),
	}
}

// hasEvents reports whether there is any event to make.
func (s *suite) hasEvents() bool {
	return len(s.events)+len(s.manifest.Events)+len(s.manifest.Watches) > 0
}

// param makes a value for a field of an event.
func (s *suite) param(t *rapid.T, p plugins.Param) string {
	bounded := p.Min != 0 || p.Max != 0
	switch p.Type {
	case plugins.Int:
		n := rapid.Int64()
		if bounded {
			n = rapid.Int64Range(p.Min, p.Max)
		}
		v := n.Draw(t, p.Name)
		text := strconv.FormatInt(v, 10)
		if v >= 0 && rapid.IntRange(0, 9).Draw(t, "written") == 9 {
			text = "+00" + text // the same number
		}
		return text
	case plugins.Bool:
		return strconv.FormatBool(rapid.Bool().Draw(t, p.Name))
	case plugins.Choice:
		return rapid.SampledFrom(p.Choices).Draw(t, p.Name)
	case plugins.Cells:
		board, _ := s.manifest.Field(p.Of)
		cell := rapid.Custom(func(t *rapid.T) plugins.Point {
			return plugins.Point{X: rapid.IntRange(0, board.Width-1).Draw(t, "x"), Y: rapid.IntRange(0, board.Height-1).Draw(t, "y")}
		})
		return plugins.FormatCells(rapid.SliceOfN(cell, 1, cmp.Or(int(p.Max), plugins.MaxCells)).Draw(t, p.Name))
	default:
		least, most := 0, plugins.MaxTextSize
		if bounded {
			least, most = int(p.Min), int(p.Max)
		}
		return texts(least, most, plugins.MaxTextSize).Draw(t, p.Name)
	}
}

// anyState makes a state of the declared fields with any values, or takes one of
// the author's. known says that the feature must cope with it.
func (s *suite) anyState(t *rapid.T) (state plugins.State, known bool) {
	n := rapid.IntRange(0, len(s.states)+3).Draw(t, "state")
	if n < len(s.states) {
		return clone(s.states[n]), true
	}
	if n == len(s.states) {
		return plugins.State{}, true // a room where nothing has happened yet
	}
	state = empty()
	for _, f := range s.manifest.State {
		if rapid.IntRange(0, 4).Draw(t, f.Name+" was written") == 0 {
			continue
		}
		switch f.Kind {
		case plugins.Register:
			state.Registers[f.Name] = items.Draw(t, f.Name)
		case plugins.Counter:
			state.Counters[f.Name] = rapid.Int64().Draw(t, f.Name)
		case plugins.List:
			state.Lists[f.Name] = rapid.SliceOfNDistinct(items, 0, min(f.Cap, 12),
				func(i plugins.Item) string { return i.ID }).Draw(t, f.Name)
		case plugins.Presence:
			if f.By == plugins.ByRegion {
				state.Presence[f.Name] = groups(regions, 6).Draw(t, f.Name)
			}
		case plugins.Sites:
			state.Sites[f.Name] = sites(t, f.Name)
		}
	}
	return state, false
}

// groups makes rows of a presence field, ordered by key.
func groups(keys *rapid.Generator[string], most int) *rapid.Generator[[]plugins.Group] {
	one := rapid.Custom(func(t *rapid.T) plugins.Group {
		people := rapid.IntRange(1, 1000).Draw(t, "people")
		return plugins.Group{
			Key: keys.Draw(t, "key"), People: people, Tabs: people + rapid.IntRange(0, 5).Draw(t, "more tabs"),
		}
	})
	return rapid.Map(
		rapid.SliceOfNDistinct(one, 0, most, func(g plugins.Group) string { return g.Key }),
		func(all []plugins.Group) []plugins.Group {
			slices.SortFunc(all, func(a, b plugins.Group) int { return strings.Compare(a.Key, b.Key) })
			return all
		})
}

// sites makes rows of a sites field, as the host does: ordered by name, with pings
// in the same order, of which some may not be known yet.
func sites(t *rapid.T, field string) []plugins.Site {
	names := rapid.SliceOfNDistinct(siteNames, 0, 6, rapid.ID[string]).Draw(t, field)
	slices.Sort(names)
	all := make([]plugins.Site, len(names))
	for i, name := range names {
		all[i] = plugins.Site{Name: name, Region: name[:3]}
		if rapid.IntRange(0, 3).Draw(t, name+" is cut off") == 0 {
			all[i].CutOff = moments.Draw(t, "since").Truncate(time.Second)
			continue
		}
		for _, to := range names {
			if to != name && rapid.IntRange(0, 4).Draw(t, name+" knows "+to) > 0 {
				us := rapid.Int64Range(1, 10_000_000).Draw(t, "round trip")
				all[i].Pings = append(all[i].Pings, plugins.Ping{To: to, RTT: time.Duration(us) * time.Microsecond})
			}
		}
	}
	return all
}

// anyView makes a view of a state: of everything, of one person's part, or of
// changes in any of its fields.
func (s *suite) anyView(t *rapid.T, state plugins.State) plugins.View {
	v := plugins.View{Feature: s.manifest.Name, Room: rooms.Draw(t, "room"), State: state}
	kind := rapid.SampledFrom([]string{"everything", "one person", "changes"}).Draw(t, "view of")
	switch {
	case kind == "one person" && s.manifest.Personal:
		v.Viewer = people.Draw(t, "viewer")
		v.Viewer.Session = "" // what one person sees is the same in all their tabs
		s.giveOwnGroups(t, v)
	case kind == "changes":
		v.Changes = []plugins.Change{}
		if len(s.manifest.State) > 0 {
			v.Changes = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plugins.Change {
				return s.anyChange(t, v.State)
			}), 0, 5).Draw(t, "changes")
		}
	}
	return v
}

// giveOwnGroups adds what the host adds for one viewer: their own group.
func (s *suite) giveOwnGroups(t *rapid.T, v plugins.View) {
	for _, f := range s.manifest.State {
		if f.By == plugins.ByUser && rapid.Bool().Draw(t, f.Name+" has the viewer") && v.State.Presence != nil {
			tabs := rapid.IntRange(1, 9).Draw(t, "tabs")
			v.State.Presence[f.Name] = []plugins.Group{{Key: v.Viewer.User, People: 1, Tabs: tabs}}
		}
	}
}

// anyChange makes a change of one field that fits the state, to which it adds the
// group that changed.
func (s *suite) anyChange(t *rapid.T, state plugins.State) plugins.Change {
	rendered := slices.DeleteFunc(slices.Clone(s.manifest.State), unrendered)
	if len(rendered) == 0 {
		return plugins.Change{Field: rapid.SampledFrom(s.manifest.State).Draw(t, "changed").Name}
	}
	f := rapid.SampledFrom(rendered).Draw(t, "changed")
	c := plugins.Change{Field: f.Name}
	switch f.Kind {
	case plugins.List:
		added := items.Draw(t, "added") // and gone again, unless it is
		if list := state.Lists[f.Name]; len(list) > 0 {
			added = list[0]
		}
		c.ID, c.Value = added.ID, added.Value
	case plugins.Volatile:
		c.Value = values().Draw(t, "shown")
	case plugins.Presence:
		c.Group = regions.Draw(t, "group")
		if f.By == plugins.ByUser {
			c.Group = users.Draw(t, "group")
			here := rapid.Bool().Draw(t, "is here")
			has := slices.ContainsFunc(state.Presence[f.Name], func(g plugins.Group) bool { return g.Key == c.Group })
			if here && !has && state.Presence != nil {
				all := append(state.Presence[f.Name], plugins.Group{Key: c.Group, People: 1, Tabs: 2})
				slices.SortFunc(all, func(a, b plugins.Group) int { return strings.Compare(a.Key, b.Key) })
				state.Presence[f.Name] = all
			}
		}
	}
	return c
}

// unrendered reports whether a field's changes go to the page without a render.
func unrendered(f plugins.Field) bool {
	return f.Direct || f.Kind == plugins.Grid || f.Kind == plugins.Traffic
}

// describe names an input in a failure.
func describe(v any) string { return fmt.Sprintf("%+v", v) }
