package memory

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// probeEvery is how often a file that failed is tried.
const probeEvery = time.Second

// plan is what one batch will do. Making it changes nothing, so that the file can
// have it first.
type plan struct {
	entry   engine.Entry
	durable bool // the file is to hold it
	lists   map[state.Address]*listPlan
	rows    map[tileRow][]byte // of boards, as they will be
}

// listPlan is what becomes of one list: pushed is added, then the drop oldest of
// all go.
type listPlan struct {
	items, pushed []state.Cell
	drop          int
}

// write is the committer's: it puts b into the file, then into memory.
func (e *Engine) write(_ context.Context, b engine.Batch) (state.ID, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.closed {
		return state.ID{}, fmt.Errorf("%w: memory engine is closed", engine.ErrUnavailable)
	}
	p := e.plan(b)
	if p.durable {
		err := e.file.write(p, e.stale, e.ring.trimmed)
		if err != nil {
			// A commit can fail after its last write. What the file then holds
			// is taken, or memory would number the next entries differently.
			if e.file.holds(p.entry.ID) {
				e.apply(p)
			}
			return state.ID{}, e.fail(err)
		}
		e.healed()
	}
	e.apply(p)
	return p.entry.ID, nil
}

// plan makes the entry that b becomes. It reads the state under writing alone,
// since nobody else changes it.
func (e *Engine) plan(b engine.Batch) *plan {
	seen := e.last
	if b.After.Compare(seen) > 0 {
		seen = b.After
	}
	p := &plan{entry: engine.Entry{
		Site:   e.cfg.Site,
		ID:     seen.Next(e.cfg.Now()),
		Binary: b.Binary,
		Events: b.Events,
		Beat:   b.Beat,
		Cells:  make([]state.Cell, len(b.Changes)),
	}}
	p.durable = e.file != nil && durable(b)
	var totals map[state.Address]int64 // of this batch
	for i := range b.Changes {
		change := &b.Changes[i]
		c := change.Cell
		c.Stamp = state.Stamp{ID: p.entry.ID, Site: e.cfg.Site, Index: i}
		switch c.Kind {
		case plugins.Counter:
			a := c.Address()
			total, ok := totals[a]
			if !ok {
				total = e.state.total(a)
			}
			total = addSaturating(total, change.Delta)
			if totals == nil {
				totals = map[state.Address]int64{}
			}
			totals[a] = total
			c.Value = strconv.FormatInt(total, 10)
		case plugins.List:
			c.Key = c.Stamp.Key()
			p.push(&e.state, c, change.Cap)
		case plugins.Grid:
			p.paint(&e.state, c)
		}
		p.entry.Cells[i] = c
	}
	return p
}

// durable reports whether a file has to hold b: a change that outlives the process,
// or that nothing came of its events.
func durable(b engine.Batch) bool {
	if len(b.Changes) == 0 {
		return len(b.Events) > 0
	}
	return slices.ContainsFunc(b.Changes, func(c engine.Change) bool { return state.Durable(c.Cell.Kind) })
}

// push plans one more item of a list.
func (p *plan) push(s *site, c state.Cell, keep int) {
	a := listAddress(c)
	l := p.lists[a]
	if l == nil {
		if p.lists == nil {
			p.lists = map[state.Address]*listPlan{}
		}
		l = &listPlan{items: s.list(a)}
		p.lists[a] = l
	}
	l.pushed = append(l.pushed, c)
	l.drop = max(l.drop, len(l.items)+len(l.pushed)-keep)
}

// dropped returns the items that go, which may be among those that come.
func (l *listPlan) dropped() (old, fresh []state.Cell) {
	n := min(l.drop, len(l.items))
	return l.items[:n], l.pushed[:l.drop-n]
}

// apply makes p true in memory and wakes the Tails.
func (e *Engine) apply(p *plan) {
	s := slot{entry: p.entry, size: entrySize(p.entry), filed: p.durable}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range p.entry.Cells {
		c := &p.entry.Cells[i]
		switch c.Kind {
		case plugins.List, plugins.Grid: // below
		default:
			e.state.set(*c)
		}
	}
	for a, l := range p.lists {
		old, fresh := l.dropped()
		clear(old) // nobody reads them again; lets their values go
		e.state.setList(a, append(l.items[len(old):], l.pushed[len(fresh):]...))
	}
	for at, row := range p.rows {
		e.state.setTileRow(at, row)
	}
	e.stale = append(e.stale, e.ring.push(s)...)
	e.last = p.entry.ID
	if e.awaited.Swap(false) {
		close(e.grown)
		e.grown = make(chan struct{})
	}
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

// fail remembers that the file took no write; the caller holds writing.
func (e *Engine) fail(err error) error {
	err = fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
	e.mu.Lock()
	before := e.failure
	e.failure = err
	e.mu.Unlock()
	if before == nil {
		e.log.Error("state file takes no writes", slog.String("file", e.cfg.File), slog.Any("err", err))
	}
	return err
}

// healed notes that the file took a write and what it no longer holds; the
// caller holds writing.
func (e *Engine) healed() {
	e.stale = e.stale[:0]
	if e.failure == nil { // written under writing only
		return
	}
	e.mu.Lock()
	e.failure = nil
	e.mu.Unlock()
	e.log.Info("state file takes writes again", slog.String("file", e.cfg.File))
}
