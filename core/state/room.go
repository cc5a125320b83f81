package state

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/global-presence/presence/plugins"
)

// Schema says which fields each feature keeps, by the feature's name and the
// field's. Cells of others are passed over.
type Schema map[string]map[string]plugins.Field

// NewSchema returns the schema of the features that are running.
func NewSchema(manifests ...plugins.Manifest) Schema {
	s := make(Schema, len(manifests))
	for _, m := range manifests {
		fields := make(map[string]plugins.Field, len(m.State))
		for _, f := range m.State {
			fields[f.Name] = f
		}
		s[m.Name] = fields
	}
	return s
}

// Change is one difference that people in a room may see.
type Change struct {
	Feature string
	plugins.Change

	// Cells are those of a Grid that look different now. Where a cell is among them
	// twice, the last one counts.
	Cells []Painted
}

// Room is the merged state of one room.
type Room struct {
	schema   Schema
	values   map[fieldKey]map[string]Cell // registers and counters, by site
	lists    map[fieldKey][]Cell          // newest first, at most Cap
	grids    map[string]*Grid             // by feature
	people   people
	watchers []Change // a template for each Presence field of the schema
	sites    []plugins.Site
	mapped   []Change // one for each Sites field of the schema
}

type fieldKey struct{ feature, field string }

// NewRoom returns a room in which nothing has happened.
func NewRoom(schema Schema) *Room {
	r := &Room{
		values: map[fieldKey]map[string]Cell{},
		lists:  map[fieldKey][]Cell{},
		grids:  map[string]*Grid{},
		people: newPeople(),
	}
	r.setSchema(schema)
	return r
}

// setSchema makes schema the room's, and finds the fields that the host fills in.
func (r *Room) setSchema(schema Schema) {
	r.schema, r.watchers, r.mapped = schema, nil, nil
	for _, feature := range slices.Sorted(maps.Keys(schema)) {
		for _, field := range slices.Sorted(maps.Keys(schema[feature])) {
			change := Change{Feature: feature, Change: plugins.Change{Field: field}}
			switch schema[feature][field].Kind {
			case plugins.Presence:
				r.watchers = append(r.watchers, change)
			case plugins.Sites:
				r.mapped = append(r.mapped, change)
			}
		}
	}
}

// Redefine makes schema the room's, in which one feature has other fields than
// before, or none any more. What the room holds of that feature is dropped: whoever
// wants what the store has of it merges that again. The others keep what they have.
func (r *Room) Redefine(schema Schema, feature string) {
	r.setSchema(schema)
	maps.DeleteFunc(r.values, func(k fieldKey, _ map[string]Cell) bool { return k.feature == feature })
	maps.DeleteFunc(r.lists, func(k fieldKey, _ []Cell) bool { return k.feature == feature })
	delete(r.grids, feature)
}

// Merge takes cells of any sites in any order and returns what changed for the
// people in the room. Cells that are older than what the room holds, or are in it
// already, change nothing. The cells of an entry's board are merged in their order.
func (r *Room) Merge(cells ...Cell) []Change {
	var changed []Change
	for _, c := range cells {
		changed = append(changed, r.merge(c)...)
	}
	return changed
}

func (r *Room) merge(c Cell) []Change {
	if c.Feature == People {
		if c.Kind != plugins.Presence {
			return nil
		}
		return r.watched(r.people.merge(c))
	}
	field, ok := r.schema[c.Feature][c.Field]
	if !ok || field.Kind != c.Kind {
		return nil
	}
	key := fieldKey{c.Feature, c.Field}
	change := Change{Feature: c.Feature, Change: plugins.Change{Field: c.Field}}
	switch c.Kind {
	case plugins.Grid:
		if c.Key == "" {
			change.Cells = r.Grid(c.Feature).mergePatch(c)
		} else {
			change.Cells = r.Grid(c.Feature).mergeTile(c)
		}
		if len(change.Cells) > 0 {
			return []Change{change}
		}
	case plugins.Register, plugins.Counter:
		if r.mergeValue(key, c) {
			return []Change{change}
		}
	case plugins.List:
		if r.mergeItem(key, c, field.Cap) {
			change.ID, change.Value = c.Stamp.Key(), c.Value
			return []Change{change}
		}
	case plugins.Presence, plugins.Sites, plugins.Traffic: // not written by a feature
	case plugins.Volatile: // not in a log
	}
	return nil
}

// mergeValue keeps the newest cell of each site and reports whether the merged
// value may be another one.
func (r *Room) mergeValue(key fieldKey, c Cell) bool {
	sites := r.values[key]
	if sites == nil {
		sites = map[string]Cell{}
		r.values[key] = sites
	}
	if old, ok := sites[c.Stamp.Site]; ok && c.Stamp.Compare(old.Stamp) <= 0 {
		return false
	}
	newest, ok := newestOf(sites)
	sites[c.Stamp.Site] = c
	return c.Kind == plugins.Counter || !ok || c.Stamp.Compare(newest.Stamp) > 0
}

// mergeItem puts an item into its place and reports whether it is shown.
func (r *Room) mergeItem(key fieldKey, c Cell, limit int) bool {
	items := r.lists[key]
	i, found := slices.BinarySearchFunc(items, c, func(a, b Cell) int { return b.Stamp.Compare(a.Stamp) })
	if found || i >= limit {
		return false
	}
	items = slices.Insert(items, i, c)
	r.lists[key] = items[:min(len(items), limit)]
	return true
}

// Reset takes what the store says now in place of what the room holds of some sites up
// to the positions at which it was loaded: cells that are no longer in the store go,
// newer ones stay. It is how a room gets over a gap in a log. cells are those of the
// room, of all sites.
func (r *Room) Reset(sites map[string]bool, at map[string]ID, cells []Cell) []Change {
	var changed []Change
	for _, site := range slices.Sorted(maps.Keys(sites)) {
		var own []Cell
		for _, c := range cells {
			if c.Stamp.Site == site && c.Kind != plugins.Grid {
				own = append(own, c)
			}
		}
		changed = append(changed, r.resetSite(site, at[site], own)...)
	}
	return append(changed, r.resetBoards(sites, at, cells)...)
}

// resetSite is Reset for the cells of one site.
func (r *Room) resetSite(site string, upTo ID, cells []Cell) []Change {
	kept := make(map[Address]bool, len(cells))
	sessions := map[string]bool{}
	for _, c := range cells {
		kept[c.Address()] = true
		if c.Feature == People {
			sessions[c.Key] = true
		}
	}
	gone := func(c Cell) bool {
		return c.Stamp.Site == site && c.Stamp.ID.Compare(upTo) <= 0 && !kept[c.Address()]
	}
	var changed []Change
	for key, sites := range r.values {
		if c, ok := sites[site]; ok && gone(c) {
			delete(sites, site)
			changed = append(changed, Change{Feature: key.feature, Change: plugins.Change{Field: key.field}})
		}
	}
	for key, items := range r.lists {
		left := slices.DeleteFunc(slices.Clone(items), gone)
		if len(left) != len(items) {
			r.lists[key] = left
			changed = append(changed, Change{Feature: key.feature, Change: plugins.Change{Field: key.field}})
		}
	}
	changed = append(changed, r.watched(r.people.keep(site, upTo, sessions))...)
	return append(changed, r.Merge(cells...)...)
}

// resetBoards is Reset for the boards, which hold only the newest paint of each cell: of
// what is under it the tiles of all sites tell.
func (r *Room) resetBoards(sites map[string]bool, at map[string]ID, cells []Cell) []Change {
	var changed []Change
	for feature := range r.schema {
		g := r.Grid(feature)
		if g == nil {
			continue
		}
		var tiles []Cell
		for _, c := range cells {
			if c.Kind == plugins.Grid && c.Feature == feature && c.Field == g.field.Name && c.Key != "" {
				tiles = append(tiles, c)
			}
		}
		if painted := g.reset(sites, at, tiles); len(painted) > 0 {
			changed = append(changed, Change{Feature: feature, Change: plugins.Change{Field: g.field.Name}, Cells: painted})
		}
	}
	return changed
}

// SetLive shows (or hides) the members whose sockets binary holds: it beats (or no
// longer does). Members of a binary that was never heard of are not shown.
func (r *Room) SetLive(binary string, live bool) []Change {
	return r.watched(r.people.setLive(binary, live))
}

// EachMember calls do with everybody who has come to the room and not left, also by way of
// binaries that do not beat, in no order: the site whose log says so, the session, and who
// it is.
func (r *Room) EachMember(do func(site, session string, m Member)) { r.people.each(do) }

// SetSites makes sites what the Sites fields show. It keeps the slice, which is
// not to be changed any more, and so hands it to features.
func (r *Room) SetSites(sites []plugins.Site) []Change {
	r.sites = sites
	return slices.Clone(r.mapped)
}

// watched turns changes of people into changes of the Presence fields.
func (r *Room) watched(groups []shown) []Change {
	var changed []Change
	for _, g := range groups {
		for _, w := range r.watchers {
			w.Group = g.user
			if r.schema[w.Feature][w.Field].By == plugins.ByRegion {
				w.Group = g.region
			}
			changed = append(changed, w)
		}
	}
	return changed
}

// State returns a feature's view of the room. Of Presence fields that are grouped
// by user it holds the groups of users only.
func (r *Room) State(feature string, users []string) plugins.State {
	var s plugins.State
	for name, field := range r.schema[feature] {
		key := fieldKey{feature, name}
		switch field.Kind {
		case plugins.Register:
			if c, ok := newestOf(r.values[key]); ok && !c.Removed {
				put(&s.Registers, name, item(c))
			}
		case plugins.Counter:
			if sites := r.values[key]; len(sites) > 0 {
				put(&s.Counters, name, sum(sites))
			}
		case plugins.List:
			if cells := r.lists[key]; len(cells) > 0 {
				items := make([]plugins.Item, len(cells))
				for i, c := range cells {
					items[i] = item(c)
				}
				put(&s.Lists, name, items)
			}
		case plugins.Presence:
			if field.By == plugins.ByRegion {
				put(&s.Presence, name, r.people.byRegion())
			} else {
				put(&s.Presence, name, r.people.byUser(users))
			}
		case plugins.Sites:
			if len(r.sites) > 0 {
				put(&s.Sites, name, r.sites)
			}
		case plugins.Volatile, plugins.Traffic:
		case plugins.Grid: // too large to hand over: see Room.Grid
		}
	}
	return s
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

func item(c Cell) plugins.Item {
	return plugins.Item{ID: c.Stamp.Key(), Value: c.Value, At: c.Stamp.Time(), Site: c.Stamp.Site}
}

func newestOf(sites map[string]Cell) (newest Cell, ok bool) {
	for _, c := range sites {
		if !ok || c.Stamp.Compare(newest.Stamp) > 0 {
			newest, ok = c, true
		}
	}
	return newest, ok
}

// sum adds the totals of all sites. It stops at the ends of an int64 and does so
// only for the final sum, so that the order of the sites does not matter.
func sum(sites map[string]Cell) int64 {
	var hi, lo int64 // the sum in units of 2^32 and the rest, neither of which can overflow
	for _, c := range sites {
		n, err := strconv.ParseInt(c.Value, 10, 64)
		if err != nil {
			continue // not written by us
		}
		hi += n >> 32
		lo += n & math.MaxUint32
	}
	hi += lo >> 32
	switch {
	case hi > math.MaxInt32:
		return math.MaxInt64
	case hi < math.MinInt32:
		return math.MinInt64
	}
	return hi<<32 | lo&math.MaxUint32
}
