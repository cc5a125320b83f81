package site

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// memory is what the site's own log is known to have held lately, whoever wrote it:
// what may have to be put back.
type memory struct {
	keep    time.Duration
	maximum int // bytes, about

	mu      sync.Mutex
	last    state.ID                     // the highest id known; guarded by mu, as all below
	entries []memo                       // in the order of their ids
	newest  map[state.Address]state.Cell // the newest remembered cell of all but lists
	bytes   int
	cut     int // entries that were forgotten for their size, before their time
}

// memo is a remembered entry.
type memo struct {
	id     state.ID
	binary string // who wrote it
	events []string
	cells  []state.Cell
	size   int
	noted  time.Time
}

func newMemory(keep time.Duration, maximum int) *memory {
	return &memory{keep: keep, maximum: maximum, newest: map[state.Address]state.Cell{}}
}

// note remembers an entry of the own log, once.
func (m *memory) note(e engine.Entry, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := e.ID.Compare(m.last) <= 0
	if !known {
		m.last = e.ID
	}
	if e.Restores {
		return // what it holds is remembered, or was forgotten for good
	}
	size := 0
	var cells []state.Cell
	for _, c := range e.Cells {
		cells = append(cells, c)
		size += cellSize(c)
	}
	for _, id := range e.Events {
		size += len(id) + 16
	}
	if size == 0 {
		return // a beat
	}
	at := len(m.entries)
	if known {
		var there bool
		at, there = slices.BinarySearchFunc(m.entries, e.ID, func(a memo, id state.ID) int { return a.id.Compare(id) })
		if there {
			return
		}
	}
	m.entries = slices.Insert(m.entries, at, memo{id: e.ID, binary: e.Binary, events: e.Events, cells: cells, size: size, noted: now})
	m.bytes += size
	for _, c := range cells {
		if addsUp(c) {
			continue
		}
		if old, ok := m.newest[c.Address()]; !ok || c.Stamp.Compare(old.Stamp) > 0 {
			m.newest[c.Address()] = c
		}
	}
	m.forget(now)
}

// addsUp reports whether c does not replace others of its address: an item of a list, a
// patch of a board.
func addsUp(c state.Cell) bool { return c.Kind == plugins.List || c.Kind == plugins.Grid }

// cellSize is about what a remembered cell takes: in its entry, and among the newest.
func cellSize(c state.Cell) int {
	return 320 + len(c.Room) + len(c.Feature) + len(c.Field) + len(c.Key) + len(c.Value)
}

// forget drops what is too old or too much; m.mu is held.
func (m *memory) forget(now time.Time) {
	n := 0
	for n < len(m.entries) {
		e := &m.entries[n]
		old := now.Sub(e.noted) > m.keep
		if !old && m.bytes <= m.maximum {
			break
		}
		if !old {
			m.cut++
		}
		m.bytes -= e.size
		for _, c := range e.cells {
			if !addsUp(c) && m.newest[c.Address()].Stamp == c.Stamp {
				delete(m.newest, c.Address())
			}
		}
		n++
	}
	clear(m.entries[:n]) // lets what they hold go
	m.entries = m.entries[n:]
}

// highest returns the highest id that the log is known to have held.
func (m *memory) highest() state.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// stats returns the bytes held and how many entries were forgotten before their
// time.
func (m *memory) stats() (bytes, cut int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes, m.cut
}

// totals returns the remembered totals of the counters that changes add to.
func (m *memory) totals(changes []engine.Change) []state.Cell {
	m.mu.Lock()
	defer m.mu.Unlock()
	var cells []state.Cell
	var asked map[state.Address]bool
	for i := range changes {
		if changes[i].Cell.Kind != plugins.Counter {
			continue
		}
		address := changes[i].Cell.Address()
		if asked[address] {
			continue
		}
		if asked == nil {
			asked = map[state.Address]bool{}
		}
		asked[address] = true
		if c, ok := m.newest[address]; ok {
			cells = append(cells, c)
		}
	}
	return cells
}

// overtaken reports whether something newer than a cell of since is known by now, which
// is in the store already. Items of lists and patches of boards never are.
func (m *memory) overtaken(c state.Cell) bool {
	if addsUp(c) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	newest, ok := m.newest[c.Address()]
	return ok && newest.Stamp != c.Stamp
}

// since returns the newest cell of each address that was noted at or after a moment,
// and the events. Lists come last, one after the other, each with all its items in the
// order of their stamps. Of
// members it returns only those that binary wrote: the others' are for them to put
// back, or gone with them.
func (m *memory) since(moment time.Time, binary string) (cells []state.Cell, events []string) {
	for _, of := range m.noted(moment, binary, &events) {
		cells = append(cells, onTop(of)...)
	}
	slices.SortFunc(cells, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
	return byList(newestItems(cells)), events
}

// noted returns what since does, entry by entry.
func (m *memory) noted(moment time.Time, binary string, events *[]string) (entries [][]state.Cell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.noted.Before(moment) {
			continue
		}
		*events = append(*events, e.events...)
		var of []state.Cell
		for _, c := range e.cells {
			if c.Kind == plugins.Presence && e.binary != binary {
				continue
			}
			if addsUp(c) || m.newest[c.Address()].Stamp == c.Stamp {
				of = append(of, c)
			}
		}
		entries = append(entries, of)
	}
	return entries
}

// onTop returns what is left of an entry's cells in the state: of a patch of a board
// what no later patch of the entry paints over, since the state does not tell which of
// them was first.
func onTop(cells []state.Cell) []state.Cell {
	patches := 0
	for _, c := range cells {
		if c.Kind == plugins.Grid {
			patches++
		}
	}
	if patches < 2 {
		return cells
	}
	type place struct {
		board state.Address
		at    plugins.Point
	}
	over := map[place]bool{}
	left := make([]state.Cell, 0, len(cells))
	for _, c := range slices.Backward(cells) {
		if c.Kind == plugins.Grid {
			p, _ := state.ParsePatch(c.Value) // taken before
			rest := state.Patch{Colour: p.Colour, By: p.By}
			for _, r := range p.Runs {
				for x := r.X; x < r.X+r.N; x++ {
					if at := (place{c.Address(), plugins.Point{X: x, Y: r.Y}}); !over[at] {
						over[at] = true
						rest.Add(at.at, r.Before)
					}
				}
			}
			if len(rest.Runs) == 0 {
				continue
			}
			c.Value = rest.Encode()
		}
		left = append(left, c)
	}
	slices.Reverse(left)
	return left
}

// list names a list of the site.
type list struct{ room, feature, field string }

func listOf(c state.Cell) (l list, ok bool) {
	return list{c.Room, c.Feature, c.Field}, c.Kind == plugins.List
}

// byList puts the items of lists behind all else, list by list.
func byList(cells []state.Cell) []state.Cell {
	slices.SortStableFunc(cells, func(a, b state.Cell) int {
		l, aIn := listOf(a)
		k, bIn := listOf(b)
		switch {
		case !aIn && !bIn:
			return 0
		case aIn != bIn && bIn:
			return -1
		case aIn != bIn:
			return 1
		}
		return cmp.Or(cmp.Compare(l.room, k.room), cmp.Compare(l.feature, k.feature), cmp.Compare(l.field, k.field))
	})
	return cells
}

// newestItems drops the items of lists that no list could hold any more: all but
// the newest plugins.MaxListSize of each.
func newestItems(cells []state.Cell) []state.Cell {
	count := map[list]int{}
	kept := make([]state.Cell, 0, len(cells))
	for _, c := range slices.Backward(cells) {
		if l, in := listOf(c); in {
			if count[l]++; count[l] > plugins.MaxListSize {
				continue
			}
		}
		kept = append(kept, c)
	}
	slices.SortFunc(kept, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
	return kept
}

// listsAtOnce is how many lists one write may put back. A store reads and writes each
// whole.
const listsAtOnce = 16

// paintedAtOnce is about how many cells of boards one write may put back, each of which
// a store reads and writes.
const paintedAtOnce = 4096

// restores splits what is to be put back into writes of a size that a store takes
// gladly.
func restores(binary string, after state.ID, cells []state.Cell, events []string) []Restore {
	const maxBytes = engine.MaxBatchSize / 4
	var all []Restore
	for len(cells) > 0 || len(events) > 0 {
		n, size, painted := 0, 0, 0
		lists := map[list]bool{}
		for n < min(len(cells), engine.MaxBatchChanges/2) && size < maxBytes {
			if l, in := listOf(cells[n]); in {
				if lists[l] = true; len(lists) > listsAtOnce {
					break
				}
			}
			if cells[n].Kind == plugins.Grid {
				patch, _ := state.ParsePatch(cells[n].Value) // taken before
				if painted += patch.Cells(); painted > paintedAtOnce && n > 0 {
					break
				}
			}
			size += cellSize(cells[n])
			n++
		}
		k := min(len(events), engine.MaxBatchChanges)
		all = append(all, Restore{Binary: binary, After: after, Cells: cells[:n], Events: events[:k]})
		cells, events = cells[n:], events[k:]
	}
	return all
}

// lower returns the lesser of two ids.
func lower(a, b state.ID) state.ID {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}
