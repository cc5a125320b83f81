package bus

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// tail merges what the logs say, until ctx ends.
func (b *Bus) tail(ctx context.Context) error {
	from := b.start(ctx)
	wait := 100 * time.Millisecond
	for ctx.Err() == nil {
		err := b.cfg.Engine.Tail(ctx, maps.Clone(from), func(ds []engine.Delivery) error {
			b.merge(ds)
			for _, d := range ds {
				if !d.Gap { // else the entry it names may still be to come
					from[d.Site] = d.ID
				}
			}
			wait = 100 * time.Millisecond
			return nil
		})
		if ctx.Err() != nil {
			break
		}
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "tail of the logs broke off", slog.Any("err", err))
		sleep(ctx, wait)
		wait = min(2*wait, 5*time.Second)
	}
	return nil
}

// start returns where to begin to read the logs: each as long before its end as event
// ids are remembered. What is older is of no use, since rooms are loaded from the
// state. The clock of this host has no say in it, for it may be wrong. A log that
// ended that long ago has no event ids to tell any more, but says whose it was and
// until when; one that ended a day before the newest is read from its end.
func (b *Bus) start(ctx context.Context) engine.Positions {
	ends := b.ends(ctx)
	newest := newestOf(ends)
	floor := before(newest, b.seen.keep)
	from := engine.Positions{"": floor, b.cfg.Engine.Site(): floor}
	for site, end := range ends {
		from[site] = before(end, b.seen.keep)
		if end.Compare(before(newest, siteKeep)) < 0 {
			from[site] = end
		}
	}
	if !newest.IsZero() {
		b.leases.note(newest, time.Now())
	}
	for site, at := range from {
		if site != "" {
			b.applied.reached(site, at)
		}
	}
	return from
}

func newestOf(ends engine.Positions) (newest state.ID) {
	for _, end := range ends {
		if end.Compare(newest) > 0 {
			newest = end
		}
	}
	return newest
}

// before returns the first id of the moment that long before id.
func before(id state.ID, d time.Duration) state.ID {
	return state.ID{MS: max(0, id.MS-d.Milliseconds())}
}

// ends returns where the logs end, as soon as the store tells; nil when ctx ends.
func (b *Bus) ends(ctx context.Context) engine.Positions {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		_, ends, err := b.cfg.Engine.Load(ctx, engine.Nowhere)
		if err == nil {
			return ends
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// catchUp waits until the engine is ready and the logs have been read to where they
// are then. Events are taken only from there on: one that is sent again must be
// recognised. A log that ended longer ago than event ids are remembered is not waited
// for: there is nothing in it to recognise, and there may be nothing to read.
func (b *Bus) catchUp(ctx context.Context) {
	for wait := 10 * time.Millisecond; b.cfg.Engine.Ready() != nil; wait = min(2*wait, time.Second) {
		if !sleep(ctx, wait) {
			return
		}
	}
	ends := b.ends(ctx)
	floor := before(newestOf(ends), b.seen.keep)
	maps.DeleteFunc(ends, func(site string, end state.ID) bool {
		return site != b.cfg.Engine.Site() && end.Compare(floor) <= 0
	})
	for !b.await(ctx, ends) {
		if ctx.Err() != nil {
			return
		}
		// A store that came back with less has logs that end earlier.
		now := b.ends(ctx)
		for site, end := range ends {
			if at, there := now[site]; !there {
				delete(ends, site)
			} else if at.Compare(end) < 0 {
				ends[site] = at
			}
		}
	}
	b.awaitSelf(ctx)
	b.leases.listening()
	b.caughtUp.Store(true)
	b.leasing.Lock()
	defer b.leasing.Unlock()
	b.showSites(time.Now())
}

// awaitSelf waits until an entry of this binary's own has come back, by which the age
// of all others is known. A store that takes none is waited for no longer than a
// lease.
func (b *Bus) awaitSelf(ctx context.Context) {
	notify(b.hurry)
	timer := time.NewTimer(b.leases.length())
	defer timer.Stop()
	select {
	case <-b.heardSelf:
	case <-timer.C:
		b.hearSelf(time.Now())
	case <-ctx.Done():
	}
}

// catchUpPatience is after how long the ends of the logs are looked up again.
const catchUpPatience = 5 * time.Second

// await waits until the logs have been read up to ends, for catchUpPatience at most.
func (b *Bus) await(ctx context.Context, ends engine.Positions) bool {
	ctx, cancel := context.WithTimeout(ctx, catchUpPatience)
	defer cancel()
	for site, end := range ends {
		b.applied.wait(ctx, site, end)
	}
	return ctx.Err() == nil
}

// merge takes deliveries into the state of the rooms that are loaded.
func (b *Bus) merge(ds []engine.Delivery) {
	now := time.Now()
	for _, d := range ds { // all before the first beat is judged
		if !d.Gap {
			b.leases.note(d.ID, now)
		}
	}
	cells := map[string][]state.Cell{}    // by room
	events := map[string]map[string]int{} // by site and room
	for _, d := range ds {
		if d.Gap {
			b.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "log may have been missed in part, loading rooms again", slog.String("site", d.Site))
			b.reloadRooms(d.Site)
			continue
		}
		b.seen.done(d.Events...)
		for _, c := range d.Cells {
			cells[c.Room] = append(cells[c.Room], c)
		}
		countEvents(events, d.Entry)
	}
	for name, cs := range cells {
		if r := b.loadedRoom(name); r != nil {
			b.touch(r, func() []state.Change { return r.state.Merge(cs...) })
		}
		b.answerTraces(cs, now)
	}
	for _, d := range ds { // of a binary that is back, who has left meanwhile is gone by then
		if !d.Gap && d.Binary == b.binary {
			b.hearSelf(now)
		}
		if !d.Gap && d.Beat != nil {
			b.hear(d, now)
		}
	}
	for site, rooms := range events {
		b.showTraffic(site, rooms)
	}
	for _, d := range ds {
		if !d.Gap {
			b.applied.reached(d.Site, d.ID)
		}
	}
}

// countEvents adds the events of an entry to those that its site has taken in the rooms
// whose features it changes. An entry does not say which event changed what: events of
// several rooms count by what changed there.
func countEvents(events map[string]map[string]int, e engine.Entry) {
	if len(e.Events) == 0 || e.Restores {
		return
	}
	of := map[string]int{}
	room := ""
	for _, c := range e.Cells {
		if c.Feature != state.People && c.Room != room { // those of one event are next to each other
			room = c.Room
			of[room]++
		}
	}
	if len(of) == 1 {
		of[room] = len(e.Events)
	}
	if events[e.Site] == nil {
		events[e.Site] = map[string]int{}
	}
	for room, n := range of {
		events[e.Site][room] += n
	}
}
