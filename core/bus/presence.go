package bus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// joinBatch is how many joins and leaves one batch of the log may hold.
const joinBatch = 256

// joins are the members whose sockets this binary holds, and which of them the log
// does not know yet.
type joins struct {
	mu      sync.Mutex
	here    map[seat]plugins.Person
	pending map[seat]struct{} // to be written: joined if in here, else left
	wake    chan struct{}
}

type seat struct{ room, session string }

func newJoins() *joins {
	return &joins{here: map[seat]plugins.Person{}, pending: map[seat]struct{}{}, wake: make(chan struct{}, 1)}
}

func (j *joins) set(s seat, p plugins.Person, in bool) {
	j.mu.Lock()
	if in {
		j.here[s] = p
	} else {
		delete(j.here, s)
	}
	j.pending[s] = struct{}{}
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// take returns up to joinBatch changes to write, and which seats they are.
func (j *joins) take(binary string) (changes []engine.Change, seats []seat) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for s := range j.pending {
		if len(changes) == joinBatch {
			break
		}
		cell := state.Leave(s.room, s.session)
		if p, in := j.here[s]; in {
			cell = state.Join(s.room, s.session, state.Member{User: p.User, Region: p.Region, Binary: binary})
		}
		changes = append(changes, engine.Change{Cell: cell})
		seats = append(seats, s)
		delete(j.pending, s)
	}
	return changes, seats
}

// again puts seats back that could not be written.
func (j *joins) again(seats []seat) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range seats {
		j.pending[s] = struct{}{}
	}
}

// Join puts a session into a room: it counts among the people there until Leave,
// or until this binary stops beating. It returns at once; the room is loaded
// meanwhile.
func (b *Bus) Join(room string, p plugins.Person) error {
	if err := state.CheckRoom(room); err != nil {
		return err
	}
	b.hold(room, +1)
	b.joins.set(seat{room, p.Session}, p, true)
	return nil
}

// Leave takes a session out of a room.
func (b *Bus) Leave(room, session string) {
	b.joins.set(seat{room, session}, plugins.Person{}, false)
	b.hold(room, -1)
}

// keepPresence writes joins, leaves and beats to the log until ctx ends. What the
// engine does not take is written with the next beat.
func (b *Bus) keepPresence(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Beat)
	defer tick.Stop()
	beat := &engine.Beat{Region: b.cfg.Region, Version: b.cfg.Version}
	for {
		b.writePresence(ctx, beat)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			beat = &engine.Beat{Region: b.cfg.Region, Version: b.cfg.Version}
		case <-b.joins.wake:
			beat = nil
		}
	}
}

func (b *Bus) writePresence(ctx context.Context, beat *engine.Beat) {
	for {
		changes, seats := b.joins.take(b.binary)
		if len(changes) == 0 && beat == nil {
			return
		}
		_, err := b.cfg.Engine.Append(ctx, engine.Batch{Binary: b.binary, Changes: changes, Beat: beat, After: b.applied.max()})
		if err != nil {
			b.joins.again(seats)
			if ctx.Err() == nil {
				b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "presence not written", slog.Any("err", err))
			}
			return
		}
		beat = nil
	}
}

// leaveAll takes the members of this binary out of their rooms when it stops.
func (b *Bus) leaveAll() {
	b.joins.mu.Lock()
	for s := range b.joins.here {
		delete(b.joins.here, s)
		b.joins.pending[s] = struct{}{}
	}
	b.joins.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	b.writePresence(ctx, nil)
}

// leases tells which binaries beat.
type leases struct {
	own string // always live here: its sockets are ours

	mu    sync.Mutex
	heard map[string]time.Time // by the local monotonic clock
}

func newLeases(own string) *leases {
	return &leases{own: own, heard: map[string]time.Time{}}
}

// beat notes that a binary is alive and reports whether that is news.
func (l *leases) beat(binary string) bool {
	if binary == l.own {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.heard[binary]
	l.heard[binary] = time.Now()
	return !known
}

// expire forgets and returns the binaries that were not heard of for that long.
func (l *leases) expire(after time.Duration) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var gone []string
	for binary, at := range l.heard {
		if time.Since(at) > after {
			gone = append(gone, binary)
			delete(l.heard, binary)
		}
	}
	return gone
}

// live returns the binaries whose members count.
func (l *leases) live() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(slices.Collect(maps.Keys(l.heard)), l.own)
}

// lease notes that a binary beats.
func (b *Bus) lease(binary string) {
	b.leasing.Lock()
	defer b.leasing.Unlock()
	if b.leases.beat(binary) {
		b.setLive(binary, true)
	}
}

// expireLeases ends the leases of binaries that missed three beats.
func (b *Bus) expireLeases(ctx context.Context) {
	b.leasing.Lock()
	defer b.leasing.Unlock()
	for _, binary := range b.leases.expire(3 * b.cfg.Beat) {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "binary stopped beating", slog.String("binary", binary))
		b.setLive(binary, false)
	}
}

// setLive tells every room; b.leasing is held.
func (b *Bus) setLive(binary string, live bool) {
	for _, r := range b.loadedRooms() {
		b.touch(r, func() []state.Change { return r.state.SetLive(binary, live) })
	}
}
