package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// room is a room that somebody looks at, or did so a short while ago.
type room struct {
	name string

	mu     sync.Mutex
	state  *state.Room      // merged from the moment the room exists
	parts  map[string]*part // by feature; one may be missing that is just being added or removed
	looks  map[string]int   // sockets here, and page views in progress, by the feature that they show alone; "" for all
	used   time.Time
	closed bool // it was unloaded; get a new one

	loaded  bool
	count   uint64           // of the states of rooms, this one's; in the high half of Board.Paints
	at      engine.Positions // up to where the logs are contained by what was loaded
	floor   engine.Positions // of sites whose log was missed in part: where that began
	loading chan struct{}    // closed when a load ends; nil when none is under way
	loadErr error            // of the last load

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
			r = &room{name: name, count: b.counts.Add(1), state: b.freshState(b.schema), parts: map[string]*part{}, looks: map[string]int{}}
			for _, f := range b.features() {
				r.parts[f.name] = newPart(r, f)
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
	ok := b.spawn(func(ctx context.Context) {
		defer close(loading)
		cells, at, err := b.cfg.Engine.Load(ctx, r.name)
		if err != nil && ctx.Err() == nil && b.unloaded.isNews(err) {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "room not loaded", slog.String("room", r.name), slog.Any("err", err))
		}
		b.touch(r, func() []state.Change {
			r.loading, r.loadErr = nil, err
			if err != nil {
				return nil
			}
			r.loaded = true
			b.applied.saw(cells)
			changed := r.state.Merge(cells...)
			r.holds(at)
			return slices.DeleteFunc(changed, func(c state.Change) bool { return len(c.Cells) > 0 })
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
		switch p := r.parts[c.Feature]; {
		case p == nil:
		case len(c.Cells) > 0:
			b.boardChanged(p, c.Cells)
		default:
			p.mark(c.Change)
		}
	}
	for _, p := range r.parts {
		b.kick(p)
	}
}

// Follow notes that somebody looks at a feature of a room, or at all of it if that is "":
// from then on, until Unfollow, what has changed there is rendered and sent.
func (b *Bus) Follow(name, feature string) {
	r := b.enter(name)
	defer r.mu.Unlock()
	r.look(feature, +1)
	for _, p := range r.parts {
		b.kick(p)
	}
}

// Unfollow ends a Follow.
func (b *Bus) Unfollow(name, feature string) {
	r := b.enter(name)
	defer r.mu.Unlock()
	r.look(feature, -1)
}

// look counts who looks at a feature, or at all of the room; r.mu is held.
func (r *room) look(feature string, n int) {
	if r.looks[feature] += n; r.looks[feature] > 0 {
		return
	}
	delete(r.looks, feature)
	for _, p := range r.parts {
		if p.dirty() && !r.isSeen(p.feature.name) {
			p.forget()
		}
	}
}

// isSeen reports whether anybody looks at a feature; r.mu is held.
func (r *room) isSeen(feature string) bool { return r.looks[""] > 0 || r.looks[feature] > 0 }

// stopRooms ends the messages that wait for their moment.
func (b *Bus) stopRooms() {
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		for _, p := range r.parts {
			p.stop()
		}
		r.mu.Unlock()
	}
}

// holds notes that all that the logs say up to these positions is merged; r.mu is held.
func (r *room) holds(at engine.Positions) {
	if r.at == nil {
		r.at = engine.Positions{}
	}
	for site, id := range at {
		if id.Compare(r.at[site]) > 0 {
			r.at[site] = id
		}
	}
}

// position returns up to where a site's log is merged into the room; known is false for
// one that has no log. r.mu is held.
func (b *Bus) position(r *room, site string) (id state.ID, known bool) {
	if id, missed := r.floor[site]; missed {
		return id, true
	}
	id, known = b.applied.reading(site)
	if loaded, there := r.at[site]; there && loaded.Compare(id) > 0 {
		id = loaded
	}
	return id, known || r.at != nil && !r.at[site].IsZero()
}

// idle reports whether nobody looks at r and nothing is under way that a room of
// the same name could be overtaken by; r.mu is held.
func (r *room) idle() bool {
	for _, p := range r.parts {
		if p.rendering || p.loading != nil {
			return false
		}
	}
	return len(r.looks) == 0 && r.loading == nil
}

// maxIdleBoards is how many bytes the boards of rooms that nobody looks at may take.
const maxIdleBoards = 64 << 20

// boardBytes returns how much memory the room's boards take; r.mu is held.
func (r *room) boardBytes() int {
	n := 0
	for name := range r.parts {
		if g := r.state.Grid(name); g != nil {
			n += g.Bytes() + r.parts[name].board.answered
		}
	}
	return n
}

// tendRooms drops rooms that nobody looks at, those idle for long and the idlest
// ones when there are too many or their boards too large, and tries again to load those that somebody does
// look at. While the store is away, what was loaded stays however long it is idle:
// it could not be loaded again.
func (b *Bus) tendRooms() {
	type idle struct {
		r    *room
		used time.Time
		keep bool
		size int // of its boards
	}
	var idles []idle
	away := b.store.isAway()
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		if r.idle() {
			idles = append(idles, idle{r, r.used, away && r.loaded, r.boardBytes()})
		} else {
			b.startLoad(r)
		}
		r.mu.Unlock()
	}
	slices.SortFunc(idles, func(a, b idle) int { return b.used.Compare(a.used) })
	size := 0
	for i, x := range idles {
		size += x.size
		if i < b.cfg.MaxIdleRooms && size <= maxIdleBoards && (x.keep || time.Since(x.used) < b.cfg.RoomIdle) {
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
