package wan

import (
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// dataset is all that a store holds: three kinds of keys, each with the time of its
// last write by the clock of the store, which is all that a full resync looks at.
type dataset struct {
	logs   map[string]*log    // by site
	hashes map[hashName]*hash // none is empty
	tiles  map[tileName]*tile
	rooms  map[string][]hashName // which hashes are of a room
}

// log is the log of a site.
type log struct {
	records []site.Record // oldest first, never none; shared, so only ever appended to
	written time.Time
}

// hashName names the state that a site keeps of one feature in one room.
type hashName struct{ site, room, feature string }

// hash is that state.
type hash struct {
	cells   map[field]state.Cell
	lists   map[string]*list
	written time.Time
}

// field is a place in a hash: a register or a counter has no key, a member no name.
type field struct{ name, key string }

// list is a field of items.
type list struct {
	cap   int          // how many items the site keeps
	items []state.Cell // oldest first
}

// effect is a change to one key, in absolute terms, so that a copy needs to know
// nothing else and may take it twice.
type effect struct {
	kind   effectKind
	hash   hashName
	cell   state.Cell  // what is put or dropped
	cap    int         // of the list that it is put into
	tile   tileName    // what is painted on
	cells  []tileCell  // what is painted
	signal []byte      // what is signalled, by record.Site
	record site.Record // what is logged
	limit  int         // how many entries the log keeps
}

type effectKind int

const (
	put       effectKind = iota // a cell into its field
	drop                        // what a field holds
	logged                      // a record
	painted                     // cells of a tile
	signalled                   // a payload, of which nothing is kept
)

func newDataset() *dataset {
	return &dataset{logs: map[string]*log{}, hashes: map[hashName]*hash{}, tiles: map[tileName]*tile{}, rooms: map[string][]hashName{}}
}

// apply changes one key at a time of the store's clock. It reports whether a log
// grew.
func (d *dataset) apply(e effect, now time.Time) (grew bool) {
	switch e.kind {
	case logged:
		return d.append(e, now)
	case painted:
		d.paint(e.tile, e.cells, now)
		return false
	case signalled:
		return false
	}
	h := d.hashes[e.hash]
	if e.kind == put {
		if h == nil {
			h = &hash{cells: map[field]state.Cell{}, lists: map[string]*list{}}
			d.setHash(e.hash, h)
		}
		h.put(e.cell, e.cap)
		h.written = now
		return false
	}
	if h == nil {
		return false
	}
	h.drop(e.cell)
	h.written = now
	if len(h.cells) == 0 && len(h.lists) == 0 {
		d.removeHash(e.hash)
	}
	return false
}

func (d *dataset) append(e effect, now time.Time) bool {
	l := d.logs[e.record.Site]
	if l == nil {
		l = &log{}
		d.logs[e.record.Site] = l
	}
	if e.record.ID.Compare(l.last()) <= 0 {
		return false // as a stream refuses it
	}
	l.records = append(l.records, e.record)
	l.records = l.records[max(0, len(l.records)-e.limit):]
	l.written = now
	return true
}

func (d *dataset) setHash(name hashName, h *hash) {
	if d.hashes[name] == nil {
		d.rooms[name.room] = append(d.rooms[name.room], name)
	}
	d.hashes[name] = h
}

func (d *dataset) removeHash(name hashName) {
	delete(d.hashes, name)
	rest := slices.DeleteFunc(d.rooms[name.room], func(n hashName) bool { return n == name })
	if d.rooms[name.room] = rest; len(rest) == 0 {
		delete(d.rooms, name.room)
	}
}

// merge takes what another store held, key by key: the newer write wins, whatever
// is in it, and the other store's of two at the same time.
//
// Source: dbMerge in db.cpp of KeyDB 6.3.4.
func (d *dataset) merge(from *dataset) {
	for name, l := range from.logs {
		if own := d.logs[name]; own == nil || !own.written.After(l.written) {
			d.logs[name] = l
		}
	}
	for name, h := range from.hashes {
		if own := d.hashes[name]; own == nil || !own.written.After(h.written) {
			d.setHash(name, h)
		}
	}
	for name, t := range from.tiles {
		if own := d.tiles[name]; own == nil || !own.written.After(t.written) {
			d.tiles[name] = t
		}
	}
}

// clone returns a copy that shares nothing that changes.
func (d *dataset) clone() *dataset {
	c := newDataset()
	for name, l := range d.logs {
		c.logs[name] = &log{records: slices.Clip(l.records), written: l.written}
	}
	for name, h := range d.hashes {
		c.setHash(name, h.clone())
	}
	for name, t := range d.tiles {
		c.tiles[name] = t.clone()
	}
	return c
}

// keep drops all keys but those of one site, which get a new time: what a server
// has of its disk it writes again.
func (d *dataset) keep(site string, now time.Time) {
	maps.DeleteFunc(d.logs, func(name string, _ *log) bool { return name != site })
	for _, l := range d.logs {
		l.written = now
	}
	for name, h := range d.hashes {
		if name.site != site {
			d.removeHash(name)
			continue
		}
		h.written = now
	}
	maps.DeleteFunc(d.tiles, func(name tileName, _ *tile) bool { return name.site != site })
	for _, t := range d.tiles {
		t.written = now
	}
}

// last returns the id of the newest entry of a site's log.
func (d *dataset) last(site string) state.ID {
	if l := d.logs[site]; l != nil {
		return l.last()
	}
	return state.ID{}
}

func (l *log) last() state.ID {
	if len(l.records) == 0 {
		return state.ID{}
	}
	return l.records[len(l.records)-1].ID
}

// after returns at most limit records that follow id.
func (l *log) after(id state.ID, limit int) []site.Record {
	i, found := slices.BinarySearchFunc(l.records, id, func(r site.Record, id state.ID) int { return r.ID.Compare(id) })
	if found {
		i++
	}
	return l.records[i:min(i+limit, len(l.records))]
}

func (h *hash) put(c state.Cell, keep int) {
	if c.Kind != plugins.List {
		h.cells[field{c.Field, c.Key}] = c
		return
	}
	l := h.lists[c.Field]
	if l == nil {
		l = &list{}
		h.lists[c.Field] = l
	}
	l.cap = keep
	i, found := slices.BinarySearchFunc(l.items, c, byStamp)
	if found {
		l.items[i] = c
		return
	}
	l.items = slices.Insert(l.items, i, c)
}

func (h *hash) drop(c state.Cell) {
	if c.Kind != plugins.List {
		delete(h.cells, field{c.Field, c.Key})
		return
	}
	if l := h.lists[c.Field]; l != nil {
		l.items = slices.DeleteFunc(l.items, func(item state.Cell) bool { return item.Key == c.Key })
	}
}

func (h *hash) clone() *hash {
	c := &hash{cells: maps.Clone(h.cells), lists: make(map[string]*list, len(h.lists)), written: h.written}
	for name, l := range h.lists {
		c.lists[name] = &list{cap: l.cap, items: slices.Clone(l.items)}
	}
	return c
}

func byStamp(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) }
