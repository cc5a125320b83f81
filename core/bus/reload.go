package bus

import (
	"context"
	"time"

	"github.com/global-presence/presence/core/engine"
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
		b.miss(r, map[string]bool{site: true})
		begin := !r.reloading && !r.closed
		r.reloading = true
		r.mu.Unlock()
		if begin {
			b.spawn(func(ctx context.Context) { b.reload(ctx, r) })
		}
	}
}

// miss notes sites whose cells are to be loaded again; r.mu is held. Until then the room
// is no further in their logs than it was, whatever comes.
func (b *Bus) miss(r *room, sites map[string]bool) {
	if r.missed == nil {
		r.missed = map[string]bool{}
	}
	if r.floor == nil {
		r.floor = engine.Positions{}
	}
	for site := range sites {
		r.missed[site] = true
		if _, known := r.floor[site]; !known {
			r.floor[site], _ = b.position(r, site)
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
		if r.closed || len(r.missed) == 0 {
			r.reloading = false
			r.mu.Unlock()
			return
		}
		if loading := r.loading; loading != nil { // what it loads may be older, and must not come after this
			r.mu.Unlock()
			select {
			case <-loading:
				continue
			case <-ctx.Done():
				return
			}
		}
		missed := r.missed
		r.missed = nil
		r.mu.Unlock()
		cells, at, err := b.cfg.Engine.Load(ctx, r.name)
		if err != nil {
			r.mu.Lock()
			b.miss(r, missed)
			r.mu.Unlock()
			if !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, 5*time.Second)
			continue
		}
		wait = 100 * time.Millisecond
		b.applied.saw(cells)
		b.touch(r, func() []state.Change {
			changed := r.state.Reset(missed, at, cells)
			r.holds(at)
			for site := range missed {
				if !r.missed[site] { // not again meanwhile
					delete(r.floor, site)
				}
			}
			return changed
		})
	}
}
