package bus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// redefine gives the rooms in memory the schema of the features that there are now, of
// which f has other fields than before, or was removed. What they hold of f is dropped
// and loaded again; the others do not notice. b.changing is held.
func (b *Bus) redefine(f *feature) {
	b.mu.Lock()
	b.schema = state.NewSchema(b.Manifests()...)
	schema := b.schema
	b.mu.Unlock()
	b.findTraffic()
	m, _ := f.manifest()
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		r.state.Redefine(schema, f.name)
		r.count = b.counts.Add(1)
		if p := r.parts[f.name]; p != nil && !r.closed {
			p.redefine(m)
			b.loadPart(p)
		}
		r.mu.Unlock()
	}
}

// redefine drops what p was to show of fields that m does not have; room.mu is held.
func (p *part) redefine(m plugins.Manifest) {
	undeclared := func(c plugins.Change) bool {
		_, declared := m.Field(c.Field)
		return !declared
	}
	p.values = slices.DeleteFunc(p.values, undeclared)
	maps.DeleteFunc(p.groups, func(c plugins.Change, _ struct{}) bool { return undeclared(c) })
	for _, d := range p.directs {
		d.stop()
	}
	clear(p.directs)
	p.board.forget()
	p.markAll()
}

// loadPart begins to load the state of p's feature into its room, which has the rest.
// room.mu is held. Where the room itself has yet to be loaded, that brings it.
func (b *Bus) loadPart(p *part) {
	p.fields++ // a load that is under way may not hold all of it
	if p.loading != nil || !p.room.loaded && p.room.loading == nil {
		return
	}
	p.loading = make(chan struct{})
	if !b.spawn(func(ctx context.Context) { b.fill(ctx, p) }) {
		p.filled()
	}
}

// filled ends a load of p; room.mu is held.
func (p *part) filled() {
	close(p.loading)
	p.loading = nil
}

// fill loads the state of p's feature, until it has it or p is not wanted any more.
func (b *Bus) fill(ctx context.Context, p *part) {
	r := p.room
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		r.mu.Lock()
		fields, wanted := p.fields, !p.feature.isGone() && ctx.Err() == nil
		if !wanted {
			p.filled()
		}
		r.mu.Unlock()
		if !wanted {
			return
		}
		cells, err := b.cellsOf(ctx, p)
		if err != nil {
			if ctx.Err() == nil && b.unloaded.isNews(err) {
				b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "state of a feature not loaded",
					slog.String("feature", p.feature.name), slog.String("room", r.name), slog.Any("err", err))
			}
			sleep(ctx, wait)
			continue
		}
		filled := false
		b.touch(r, func() []state.Change {
			if p.fields != fields {
				return nil
			}
			filled = true
			r.state.Merge(cells...)
			p.markAll()
			p.filled()
			b.reloadBoard(p) // pages may show the one of before
			return nil
		})
		if filled {
			return
		}
		wait = 50 * time.Millisecond
	}
}

// cellsOf returns what the store has of p's feature in its room. Of the cells that were
// written since the room has another schema, it lacks none that the log does not tell.
func (b *Bus) cellsOf(ctx context.Context, p *part) ([]state.Cell, error) {
	select {
	case b.reloads <- struct{}{}:
		defer func() { <-b.reloads }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	cells, _, err := b.cfg.Engine.Load(ctx, p.room.name)
	if err != nil {
		return nil, err
	}
	cells = slices.DeleteFunc(cells, func(c state.Cell) bool { return c.Feature != p.feature.name })
	b.applied.saw(cells)
	return cells, nil
}

// awaitPart waits until the state of p's feature is there. room.mu is held on call and
// on return.
func (b *Bus) awaitPart(ctx context.Context, p *part) error {
	for p.loading != nil {
		loading := p.loading
		p.room.mu.Unlock()
		select {
		case <-loading:
			p.room.mu.Lock()
		case <-ctx.Done():
			p.room.mu.Lock()
			return context.Cause(ctx)
		}
	}
	return nil
}
