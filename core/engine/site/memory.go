package site

import (
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
		if c.Kind == plugins.Volatile {
			continue
		}
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
		if c.Kind == plugins.List {
			continue
		}
		if old, ok := m.newest[c.Address()]; !ok || c.Stamp.Compare(old.Stamp) > 0 {
			m.newest[c.Address()] = c
		}
	}
	m.forget(now)
}

// cellSize is about what a remembered cell takes.
func cellSize(c state.Cell) int {
	return 160 + len(c.Room) + len(c.Feature) + len(c.Field) + len(c.Key) + len(c.Value)
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
			if c.Kind != plugins.List && m.newest[c.Address()].Stamp == c.Stamp {
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
	for i := range changes {
		if changes[i].Cell.Kind != plugins.Counter {
			continue
		}
		c, ok := m.newest[changes[i].Cell.Address()]
		if ok && !slices.ContainsFunc(cells, func(d state.Cell) bool { return d.Address() == c.Address() }) {
			cells = append(cells, c)
		}
	}
	return cells
}

// since returns the newest cell of each address that was noted at or after a moment,
// all items of lists among them, in the order of their stamps, and the events. Of
// members it returns only those that binary wrote: the others' are for them to put
// back, or gone with them.
func (m *memory) since(moment time.Time, binary string) (cells []state.Cell, events []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.noted.Before(moment) {
			continue
		}
		events = append(events, e.events...)
		for _, c := range e.cells {
			if c.Kind == plugins.Presence && e.binary != binary {
				continue
			}
			if c.Kind == plugins.List || m.newest[c.Address()].Stamp == c.Stamp {
				cells = append(cells, c)
			}
		}
	}
	slices.SortFunc(cells, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
	return newestItems(cells), events
}

// newestItems drops the items of lists that no list could hold any more: all but
// the newest plugins.MaxListSize of each.
func newestItems(cells []state.Cell) []state.Cell {
	type list struct{ room, feature, field string }
	count := map[list]int{}
	kept := make([]state.Cell, 0, len(cells))
	for _, c := range slices.Backward(cells) {
		if c.Kind == plugins.List {
			l := list{c.Room, c.Feature, c.Field}
			if count[l]++; count[l] > plugins.MaxListSize {
				continue
			}
		}
		kept = append(kept, c)
	}
	slices.SortFunc(kept, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
	return kept
}

// restores splits what is to be put back into writes of a size that a store takes
// gladly.
func restores(binary string, after state.ID, cells []state.Cell, events []string) []Restore {
	const maxBytes = engine.MaxBatchSize / 4
	var all []Restore
	for len(cells) > 0 || len(events) > 0 {
		n, size := 0, 0
		for n < min(len(cells), engine.MaxBatchChanges/2) && size < maxBytes {
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
