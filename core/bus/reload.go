package bus

import (
	"context"
	"slices"
	"time"

	"github.com/global-presence/presence/core/state"
)

// maxReloads is how many rooms are loaded again at once after a gap, so that the
// store has time for others.
const maxReloads = 8

// reloadRooms takes what the rooms in memory hold of a site from the store again.
// Those that nobody looks at are dropped instead. Gaps that come while a room is
// being loaded are made good by one more load after it.
func (b *Bus) reloadRooms(site string) {
	for _, r := range b.loadedRooms() {
		if b.unload(r, func() bool { return true }) {
			continue
		}
		r.mu.Lock()
		if r.missed == nil {
			r.missed = map[string]bool{}
		}
		r.missed[site] = true
		begin := !r.reloading && !r.closed
		r.reloading = true
		r.mu.Unlock()
		if begin {
			b.spawn(func(ctx context.Context) { b.reload(ctx, r) })
		}
	}
}

// reload loads a room until nothing is missed.
func (b *Bus) reload(ctx context.Context, r *room) {
	select {
	case b.reloads <- struct{}{}:
		defer func() { <-b.reloads }()
	case <-ctx.Done():
		return
	}
	for wait := 100 * time.Millisecond; ; {
		r.mu.Lock()
		missed := r.missed
		r.missed = nil
		if r.closed || len(missed) == 0 {
			r.reloading = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		cells, at, err := b.cfg.Engine.Load(ctx, r.name)
		if err != nil {
			r.mu.Lock()
			for site := range r.missed {
				missed[site] = true
			}
			r.missed = missed
			r.mu.Unlock()
			if !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, 5*time.Second)
			continue
		}
		wait = 100 * time.Millisecond
		b.applied.saw(cells)
		b.touch(r, func() (changed []state.Change) {
			for site := range missed {
				own := slices.DeleteFunc(slices.Clone(cells), func(c state.Cell) bool { return c.Stamp.Site != site })
				changed = append(changed, r.state.Reset(site, at[site], own)...)
			}
			return changed
		})
	}
}
