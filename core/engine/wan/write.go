package wan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Write is site.Store's. A server that is killed meanwhile gives no answer,
// whether it had taken the batch or not.
func (s *Store) Write(ctx context.Context, w site.Write) (site.Written, error) {
	return s.commit(ctx, func(now time.Time) ([]effect, site.Written, error) {
		prev := s.data.last(s.site.Name)
		if prev.Compare(w.Last) < 0 {
			return nil, site.Written{}, fmt.Errorf("%w: log of %s ends at %s, want %s", site.ErrLost, s.site.Name, prev, w.Last)
		}
		t := s.begin(prev, w.After, now)
		for i := range w.Changes {
			t.change(i, &w.Changes[i], w.Totals)
		}
		return t.log(engine.Entry{Binary: w.Binary, Events: w.Events, Beat: w.Beat})
	})
}

// Restore is site.Store's.
func (s *Store) Restore(ctx context.Context, r site.Restore) (site.Written, error) {
	return s.commit(ctx, func(now time.Time) ([]effect, site.Written, error) {
		after := r.After
		for _, c := range r.Cells {
			if c.Stamp.ID.Compare(after) > 0 {
				after = c.Stamp.ID
			}
		}
		t := s.begin(s.data.last(s.site.Name), after, now)
		for _, c := range r.Cells {
			t.restore(c)
		}
		return t.log(engine.Entry{Binary: r.Binary, Events: r.Events, Restores: true})
	})
}

// transaction is one write: what it does to the data, which changes only when all
// of it is known.
type transaction struct {
	store    *Store
	id, prev state.ID
	effects  []effect
	cells    []state.Cell // of the entry
	totals   []string
	limit    int

	counters map[state.Address]int64 // what this write has made of them so far
	lists    map[state.Address]*list // likewise, as copies
}

// begin chooses the id.
func (s *Store) begin(prev, after state.ID, now time.Time) *transaction {
	seen := prev
	if after.Compare(seen) > 0 {
		seen = after
	}
	return &transaction{
		store: s, id: seen.Next(now), prev: prev, limit: s.planet.cfg.LogEntries,
		counters: map[state.Address]int64{}, lists: map[state.Address]*list{},
	}
}

// change takes one change of a batch.
func (t *transaction) change(i int, change *engine.Change, totals []state.Cell) {
	c := change.Cell
	c.Stamp = state.Stamp{ID: t.id, Site: t.store.site.Name, Index: i}
	switch c.Kind {
	case plugins.Grid:
		t.paint(c, false)
	case plugins.Counter:
		a := c.Address()
		total, begun := t.counters[a]
		if !begun {
			total = t.total(a, totals)
		}
		t.counters[a] = addSaturating(total, change.Delta)
		c.Value = strconv.FormatInt(t.counters[a], 10)
		t.totals = append(t.totals, c.Value)
		t.put(c, 0)
	case plugins.List:
		c.Key = c.Stamp.Key()
		t.push(c, change.Cap)
	default:
		t.set(c)
	}
	t.cells = append(t.cells, c)
}

// restore takes one cell of an earlier entry.
func (t *transaction) restore(c state.Cell) {
	t.cells = append(t.cells, c)
	switch c.Kind {
	case plugins.Grid:
		t.paint(c, true)
		return
	case plugins.List:
		t.push(c, 0)
		return
	}
	if held, ok := t.held(c.Address()); !ok || held.Stamp.Compare(c.Stamp) <= 0 {
		t.set(c)
	}
}

// set puts a cell, or drops the member who left.
func (t *transaction) set(c state.Cell) {
	if c.Kind == plugins.Presence && c.Removed {
		t.effects = append(t.effects, effect{kind: drop, hash: t.hash(c), cell: c})
		return
	}
	t.put(c, 0)
}

func (t *transaction) put(c state.Cell, keep int) {
	t.effects = append(t.effects, effect{kind: put, hash: t.hash(c), cell: c, cap: keep})
}

// push puts an item and drops the oldest ones that are too many. A cap of 0 is the
// one that the list has, or the highest there is where the list was lost.
func (t *transaction) push(c state.Cell, keep int) {
	a := c.Address()
	a.Key = ""
	l := t.lists[a]
	if l == nil {
		l = &list{}
		if h := t.store.data.hashes[t.hash(c)]; h != nil && h.lists[c.Field] != nil {
			*l = *h.lists[c.Field]
		}
		l.items = append([]state.Cell(nil), l.items...)
		t.lists[a] = l
	}
	h := hash{lists: map[string]*list{c.Field: l}}
	h.put(c, cmp.Or(keep, l.cap, plugins.MaxListSize))
	t.put(c, l.cap)
	for len(l.items) > l.cap {
		t.effects = append(t.effects, effect{kind: drop, hash: t.hash(c), cell: l.items[0]})
		l.items = l.items[1:]
	}
}

// total returns what a counter of the site stands at: what the store holds or what
// the writer knows, whichever is newer.
func (t *transaction) total(a state.Address, known []state.Cell) int64 {
	newest, ok := t.held(a)
	for _, c := range known {
		if c.Address() == a && (!ok || c.Stamp.Compare(newest.Stamp) > 0) {
			newest, ok = c, true
		}
	}
	if newest.Kind != plugins.Counter {
		return 0
	}
	n, err := strconv.ParseInt(newest.Value, 10, 64)
	if err != nil {
		return 0 // not written by us
	}
	return n
}

// held returns the cell of the site that the store holds at a.
func (t *transaction) held(a state.Address) (state.Cell, bool) {
	h := t.store.data.hashes[hashName{t.store.site.Name, a.Room, a.Feature}]
	if h == nil {
		return state.Cell{}, false
	}
	c, ok := h.cells[field{a.Field, a.Key}]
	return c, ok
}

func (t *transaction) hash(c state.Cell) hashName {
	return hashName{t.store.site.Name, c.Room, c.Feature}
}

// log ends the write with its entry.
func (t *transaction) log(e engine.Entry) ([]effect, site.Written, error) {
	e.Site, e.ID, e.Cells = t.store.site.Name, t.id, t.cells
	t.effects = append(t.effects, effect{kind: logged, record: site.Record{Entry: e, Prev: t.prev}, limit: t.limit})
	return t.effects, site.Written{ID: t.id, Prev: t.prev, Totals: t.totals}, nil
}

// addSaturating adds without passing the ends of int64.
func addSaturating(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}
