package bus

import (
	"context"
	"log/slog"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// tail merges what the logs say, until ctx ends.
func (b *Bus) tail(ctx context.Context) error {
	from := b.start(ctx)
	wait := 100 * time.Millisecond
	for ctx.Err() == nil {
		err := b.cfg.Engine.Tail(ctx, from, func(ds []engine.Delivery) error {
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

// start returns where to begin to read the logs: where the memory of event ids
// begins, for what is older is of no use. Rooms are loaded from the state. A log
// that ended before, or whose writer's clock is behind, is read from its end, so that
// nothing in it is passed over that comes after this.
func (b *Bus) start(ctx context.Context) engine.Positions {
	floor := state.ID{MS: time.Now().Add(-b.seen.keep).UnixMilli()}
	from := engine.Positions{"": floor, b.cfg.Engine.Site(): floor}
	for site, end := range b.ends(ctx) {
		from[site] = floor
		if end.Compare(floor) < 0 {
			from[site] = end
		}
	}
	for site, at := range from {
		if site != "" {
			b.applied.reached(site, at)
		}
	}
	return from
}

// ends returns where the logs end, as soon as the store tells; nil when ctx ends.
func (b *Bus) ends(ctx context.Context) engine.Positions {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		_, ends, err := b.cfg.Engine.Load(ctx, plugins.Home)
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
// recognised.
func (b *Bus) catchUp(ctx context.Context) {
	for wait := 10 * time.Millisecond; b.cfg.Engine.Ready() != nil; wait = min(2*wait, time.Second) {
		if !sleep(ctx, wait) {
			return
		}
	}
	ends := b.ends(ctx)
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
	b.leases.listening()
	b.caughtUp.Store(true)
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
	cells := map[string][]state.Cell{} // by room
	for _, d := range ds {
		if d.Gap {
			b.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "log may have been missed in part, loading rooms again", slog.String("site", d.Site))
			b.reloadRooms(d.Site)
			continue
		}
		b.seen.done(d.Events...)
		if d.Beat != nil {
			b.hear(d, now)
		}
		for _, c := range d.Cells {
			cells[c.Room] = append(cells[c.Room], c)
		}
	}
	for name, cs := range cells {
		if r := b.loadedRoom(name); r != nil {
			b.touch(r, func() []state.Change { return r.state.Merge(cs...) })
		}
	}
	for _, d := range ds {
		if !d.Gap {
			b.applied.reached(d.Site, d.ID)
		}
	}
}
