package bus

import (
	"context"
	"log/slog"
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

// byRoom returns who is in which room.
func (j *joins) byRoom() map[string][]plugins.Person {
	j.mu.Lock()
	defer j.mu.Unlock()
	rooms := map[string][]plugins.Person{}
	for s, p := range j.here {
		rooms[s.room] = append(rooms[s.room], p)
	}
	return rooms
}

// person returns who sits at s.
func (j *joins) person(s seat) plugins.Person {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.here[s]
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
// or until this binary stops beating. It returns at once. What it looks at,
// Follow says.
func (b *Bus) Join(room string, p plugins.Person) error {
	if err := state.CheckRoom(room); err != nil {
		return err
	}
	b.joins.set(seat{room, p.Session}, p, true)
	b.announce(room, p, came)
	return nil
}

// Leave takes a session out of a room.
func (b *Bus) Leave(room, session string) {
	p := b.joins.person(seat{room, session})
	b.joins.set(seat{room, session}, plugins.Person{}, false)
	b.announce(room, p, went)
}

// keepPresence writes joins, leaves and beats to the log until ctx ends. What the
// engine does not take is written with the next beat, or as soon as the store is back.
func (b *Bus) keepPresence(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Beat)
	defer tick.Stop()
	beats := true
	for {
		b.writePresence(ctx, beats)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			beats = true
		case <-b.hurry:
			beats = b.beats == 0 || !b.unwritten.IsZero()
		case <-b.joins.wake:
			beats = false
		}
	}
}

// writePresence writes the joins and leaves that there are, and a beat if beats. It
// is never called twice at once.
func (b *Bus) writePresence(ctx context.Context, beats bool) {
	for {
		changes, seats := b.joins.take(b.binary)
		if len(changes) == 0 && !beats {
			return
		}
		batch := engine.Batch{Binary: b.binary, Changes: changes, After: b.applied.max()}
		began := time.Now()
		if beats {
			batch.Beat = b.nextBeat(began)
		}
		b.store.writing.Store(&began)
		id, err := b.cfg.Engine.Append(ctx, batch)
		b.store.writing.Store(nil)
		if err != nil {
			b.joins.again(seats)
			if ctx.Err() == nil && b.unwritten.IsZero() {
				b.unwritten = began
				b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "presence not written, others see nobody of this binary until it is", slog.Any("err", err))
			}
			return
		}
		if beats {
			b.pings.wrote(id, began)
			b.beats++
		}
		if !b.unwritten.IsZero() {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "presence written again", slog.Duration("took", time.Since(b.unwritten)))
			b.unwritten = time.Time{}
		}
		beats = false
	}
}

// nextBeat returns the beat that is to be written at that moment; see
// [engine.Beat] for who answers whom.
func (b *Bus) nextBeat(now time.Time) *engine.Beat {
	beat := &engine.Beat{Region: b.cfg.Region, Version: b.cfg.Version, Tells: b.tellable()}
	switch {
	case !b.leases.speaks(b.binary):
		b.pings.rest()
	case b.beats%tellEvery == tellFirst:
		beat.Heard, beat.Pings = b.pings.answers(now), b.pings.medians()
	}
	return beat
}

// leaveAll takes the members of this binary out of their rooms when it stops, and
// ends its lease.
func (b *Bus) leaveAll() {
	b.joins.mu.Lock()
	for s := range b.joins.here {
		delete(b.joins.here, s)
		b.joins.pending[s] = struct{}{}
	}
	b.joins.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	b.writePresence(ctx, false)
	beat := &engine.Beat{Region: b.cfg.Region, Version: b.cfg.Version, Leaves: true}
	if _, err := b.cfg.Engine.Append(ctx, engine.Batch{Binary: b.binary, Beat: beat, After: b.applied.max()}); err != nil {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "goodbye not written, others wait for three missed beats", slog.Any("err", err))
	}
}
