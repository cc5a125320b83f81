package plugintest

import (
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// room is one room as a host keeps it: what a feature answered becomes state and
// changes. Only what a feature itself has written is in it.
type room struct {
	manifest plugins.Manifest
	state    plugins.State
	changes  []plugins.Change // since the last render
}

func empty() plugins.State {
	return plugins.State{
		Registers: map[string]plugins.Item{}, Counters: map[string]int64{},
		Lists: map[string][]plugins.Item{}, Presence: map[string][]plugins.Group{},
		Sites: map[string][]plugins.Site{},
	}
}

// clone copies a state, so that a feature's write to it does not go unseen.
func clone(s plugins.State) plugins.State {
	s.Registers, s.Counters = maps.Clone(s.Registers), maps.Clone(s.Counters)
	s.Lists, s.Presence, s.Sites = maps.Clone(s.Lists), maps.Clone(s.Presence), maps.Clone(s.Sites)
	for name, list := range s.Lists {
		s.Lists[name] = slices.Clone(list)
	}
	for name, groups := range s.Presence {
		s.Presence[name] = slices.Clone(groups)
	}
	for name, sites := range s.Sites {
		s.Sites[name] = slices.Clone(sites)
		for i, site := range sites {
			s.Sites[name][i].Pings = slices.Clone(site.Pings)
		}
	}
	return s
}

// apply does what mutations say.
func (r *room) apply(t *rapid.T, mutations []plugins.Mutation) {
	for _, m := range mutations {
		field, _ := r.manifest.Field(m.Field)
		if unrendered(field) {
			continue
		}
		item := plugins.Item{Value: m.Value}
		stamp(t, &item)
		change := plugins.Change{Field: m.Field}
		switch m.Op {
		case plugins.OpSet:
			r.state.Registers[m.Field] = item
		case plugins.OpUnset:
			delete(r.state.Registers, m.Field)
		case plugins.OpAdd:
			r.state.Counters[m.Field] += m.Delta
		case plugins.OpPush:
			list := append([]plugins.Item{item}, r.state.Lists[m.Field]...)
			r.state.Lists[m.Field] = list[:min(len(list), field.Cap)]
			change.ID, change.Value = item.ID, m.Value
		case plugins.OpSignal:
			change.Value = m.Value
		}
		r.changes = append(r.changes, change)
	}
}

// move lets somebody come, go, or open another tab in a presence field, or the
// host tell of the sites.
func (r *room) move(t *rapid.T, f plugins.Field) {
	if f.Kind == plugins.Sites {
		r.state.Sites[f.Name] = sites(t, f.Name)
		r.changes = append(r.changes, plugins.Change{Field: f.Name})
		return
	}
	keys := regions
	if f.By == plugins.ByUser {
		keys = users
	}
	key := keys.Draw(t, "who moves")
	all := slices.Clone(r.state.Presence[f.Name])
	all = slices.DeleteFunc(all, func(g plugins.Group) bool { return g.Key == key })
	if n := rapid.IntRange(0, 3).Draw(t, "tabs"); n > 0 {
		g := plugins.Group{Key: key, People: 1, Tabs: n}
		if f.By == plugins.ByRegion {
			g.People = n
		}
		all = append(all, g)
		slices.SortFunc(all, func(a, b plugins.Group) int { return strings.Compare(a.Key, b.Key) })
	}
	r.state.Presence[f.Name] = all
	r.changes = append(r.changes, plugins.Change{Field: f.Name, Group: key})
}

// view returns the state as a feature sees it: of users, only those of keep.
func (r *room) view(keep func(field, user string) bool) plugins.State {
	s := clone(r.state)
	for _, f := range r.manifest.State {
		if f.By == plugins.ByUser {
			s.Presence[f.Name] = slices.DeleteFunc(s.Presence[f.Name], func(g plugins.Group) bool { return !keep(f.Name, g.Key) })
		}
	}
	return s
}

// changed reports whether somebody in a presence field is among the changes.
func (r *room) changed(field, user string) bool {
	return slices.Contains(r.changes, plugins.Change{Field: field, Group: user})
}

// shownOnce reports whether a change is of a volatile field, which no later
// render can show again.
func (r *room) shownOnce() bool {
	return slices.ContainsFunc(r.changes, func(c plugins.Change) bool {
		f, _ := r.manifest.Field(c.Field)
		return f.Kind == plugins.Volatile
	})
}
