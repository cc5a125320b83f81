package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/state"
)

// room is a room that somebody looks at, or did so a short while ago.
type room struct {
	name string

	mu       sync.Mutex
	state    *state.Room      // merged from the moment the room exists
	parts    map[string]*part // by feature
	sessions int              // sockets here that follow it
	views    int              // page views in progress
	used     time.Time
	closed   bool // it was unloaded; get a new one

	loaded  bool
	loading chan struct{} // closed when a load ends; nil when none is under way
	loadErr error         // of the last load

	missed    map[string]bool // sites whose cells are to be loaded again
	reloading bool            // that is under way
}

// loadedRoom returns a room that is held in memory, or nil.
func (b *Bus) loadedRoom(name string) *room {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rooms[name]
}

func (b *Bus) loadedRooms() []*room {
	b.mu.Lock()
	defer b.mu.Unlock()
	rooms := make([]*room, 0, len(b.rooms))
	for _, r := range b.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// enter returns the room, locked, and begins to load it if it is not in memory.
func (b *Bus) enter(name string) *room {
	for {
		b.mu.Lock()
		r := b.rooms[name]
		if r == nil {
			r = &room{name: name, state: b.freshState(b.schema), parts: map[string]*part{}}
			for _, f := range b.order {
				r.parts[f] = newPart(r, b.features[f])
			}
			b.rooms[name] = r
		}
		b.mu.Unlock()

		r.mu.Lock()
		if !r.closed {
			r.used = time.Now()
			b.startLoad(r)
			return r
		}
		r.mu.Unlock()
	}
}

// freshState returns an empty room state that knows the binaries that beat and the
// sites.
func (b *Bus) freshState(schema state.Schema) *state.Room {
	s := state.NewRoom(schema)
	for binary := range b.leases.live() {
		s.SetLive(binary, true)
	}
	s.SetSites(b.sites.told())
	return s
}

// startLoad begins to load r if that is needed; r.mu is held.
func (b *Bus) startLoad(r *room) {
	if r.loaded || r.loading != nil {
		return
	}
	loading := make(chan struct{})
	r.loading = loading
	target := r.state
	ok := b.spawn(func(ctx context.Context) {
		defer close(loading)
		cells, _, err := b.cfg.Engine.Load(ctx, r.name)
		if err != nil && ctx.Err() == nil {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "room not loaded", slog.String("room", r.name), slog.Any("err", err))
		}
		b.touch(r, func() []state.Change {
			if r.state != target {
				return nil // the schema changed meanwhile; another load is under way
			}
			r.loading, r.loadErr = nil, err
			if err != nil {
				return nil
			}
			r.loaded = true
			b.applied.saw(cells)
			return r.state.Merge(cells...)
		})
	})
	if !ok {
		r.loading, r.loadErr = nil, errStopped
		close(loading)
	}
}

var errStopped = fmt.Errorf("bus does not run: %w", errUnavailable)

// errUnavailable reports that a room cannot be shown now.
var errUnavailable = errors.New("unavailable")

// awaitLoad waits until r has its state. r.mu is held on call and on return.
func (b *Bus) awaitLoad(ctx context.Context, r *room) error {
	for !r.loaded {
		b.startLoad(r)
		loading := r.loading
		if loading == nil {
			return r.loadErr
		}
		r.mu.Unlock()
		select {
		case <-loading:
			r.mu.Lock()
		case <-ctx.Done():
			r.mu.Lock()
			return fmt.Errorf("load room %q: %w", r.name, context.Cause(ctx))
		}
		if r.loadErr != nil {
			return fmt.Errorf("load room %q: %w", r.name, r.loadErr)
		}
	}
	return nil
}

// touch changes a room's state and sets off the renders that follow.
func (b *Bus) touch(r *room, change func() []state.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range change() {
		if p := r.parts[c.Feature]; p != nil {
			p.mark(c.Change)
		}
	}
	for _, p := range r.parts {
		b.kick(p)
	}
}

// hold notes that a session follows the room, or no longer does.
func (b *Bus) hold(name string, n int) {
	r := b.enter(name)
	defer r.mu.Unlock()
	r.sessions += n
	for _, p := range r.parts {
		b.kick(p)
	}
}

// renewRooms gives the rooms in memory a state of the present schema and loads
// them again.
func (b *Bus) renewRooms() {
	b.mu.Lock()
	schema := b.schema
	b.mu.Unlock()
	for _, r := range b.loadedRooms() {
		b.touch(r, func() []state.Change {
			r.state, r.loaded, r.loading = b.freshState(schema), false, nil
			for _, p := range r.parts {
				p.markAll()
			}
			b.startLoad(r)
			return nil
		})
	}
}

// idle reports whether nobody looks at r and nothing is under way that a room of
// the same name could be overtaken by; r.mu is held.
func (r *room) idle() bool {
	for _, p := range r.parts {
		if p.rendering {
			return false
		}
	}
	return r.sessions == 0 && r.views == 0 && r.loading == nil
}

// tendRooms drops rooms that nobody looks at, those idle for long and the idlest
// ones when there are too many, and tries again to load those that somebody does
// look at.
func (b *Bus) tendRooms() {
	type idle struct {
		r    *room
		used time.Time
	}
	var idles []idle
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		if r.idle() {
			idles = append(idles, idle{r, r.used})
		} else {
			b.startLoad(r)
		}
		r.mu.Unlock()
	}
	slices.SortFunc(idles, func(a, b idle) int { return b.used.Compare(a.used) })
	for i, x := range idles {
		if i < b.cfg.MaxIdleRooms && time.Since(x.used) < b.cfg.RoomIdle {
			continue
		}
		b.unload(x.r, func() bool { return x.r.used.Equal(x.used) })
	}
}

// unload takes a room out of memory if nobody looks at it and cond holds. It reports
// whether it did.
func (b *Bus) unload(r *room, cond func() bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.idle() || !cond() {
		return false
	}
	r.closed = true
	delete(b.rooms, r.name)
	for _, p := range r.parts {
		p.stop()
	}
	return true
}
