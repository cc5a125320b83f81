package converge

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// listCap is how many items "recent" keeps.
const listCap = 5

// rooms are where people meet.
var rooms = []string{"home", "attic"}

// schema has two features, so that what one event does is spread over two keys of
// each store.
func schema() state.Schema {
	field := func(name string, kind plugins.Kind, limit int) plugins.Field {
		return plugins.Field{Name: name, Kind: kind, Cap: limit}
	}
	return state.NewSchema(
		plugins.Manifest{Name: "left", State: []plugins.Field{
			field("last", plugins.Register, 0), field("flag", plugins.Register, 0),
			field("count", plugins.Counter, 0), field("all", plugins.List, plugins.MaxListSize),
			{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion},
		}},
		plugins.Manifest{Name: "right", State: []plugins.Field{
			field("count", plugins.Counter, 0), field("recent", plugins.List, listCap), boardField(),
		}},
	)
}

// Region is what a binary makes of its engine: it follows the logs into rooms, beats
// and lets people act, as core/bus does.
type Region struct {
	run    *Run
	site   string
	binary string
	store  site.Store
	engine *site.Engine
	kill   func()       // kills the binary and waits for it
	empty  atomic.Int32 // rooms that have not been loaded

	mu      sync.Mutex // guards the rest
	rooms   map[string]*state.Room
	highest state.ID            // of all that was merged or loaded
	stamps  map[string]state.ID // of the values of "last" that were seen
	here    map[string]bool     // sessions, by name
	pending map[string]bool     // of them, those that the log does not know
}

// Engine returns the region's engine.
func (r *Region) Engine() *site.Engine { return r.engine }

// boot starts a binary at a site. It remembers nothing of one before.
func boot(w *Run, name string, n int) *Region {
	r := &Region{
		run: w, site: name, binary: binaryName(name, n),
		rooms: map[string]*state.Room{}, stamps: map[string]state.ID{},
		here: map[string]bool{}, pending: map[string]bool{},
	}
	store, sever := w.world.Store(name)
	r.store = store
	e, err := site.New(site.Config{
		Site: name, Store: store, SyncTimeout: time.Hour, Faults: w.cfg.Faults, Logger: w.cfg.Logger.With(slog.String("binary", r.binary)),
	})
	if err != nil {
		panic(err) // a bug in the line above
	}
	r.engine = e
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	r.kill = sync.OnceFunc(func() {
		sever()
		cancel()
		wg.Wait()
	})
	random := rand.New(rand.NewPCG(w.cfg.Seed, uint64(n)<<32|uint64(slices.Index(w.names, name))))
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			w.complain("%s: Run: %v", name, err)
		}
	})
	for _, room := range rooms {
		r.rooms[room] = state.NewRoom(schema())
	}
	r.empty.Store(int32(len(rooms)))
	for _, room := range rooms {
		wg.Go(func() { r.load(ctx, room) })
	}
	wg.Go(func() { r.follow(ctx, &wg) })
	beats := random.Int64N(int64(time.Second))
	wg.Go(func() { r.beat(ctx, time.Duration(beats)) })
	for i := range 2 {
		own := rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
		wg.Go(func() { r.act(ctx, i, own) })
	}
	return r
}

// load merges what the store holds of a room.
func (r *Region) load(ctx context.Context, room string) {
	for ctx.Err() == nil {
		if cells, _, err := r.engine.Load(ctx, room); err == nil {
			r.merge(room, cells)
			r.empty.Add(-1)
			return
		}
		_ = wait(ctx, 100*time.Millisecond) // the loop asks ctx
	}
}

// reload takes what the store holds of a site in place of what a room holds of it.
func (r *Region) reload(ctx context.Context, room, site string) {
	for ctx.Err() == nil {
		if cells, at, err := r.engine.Load(ctx, room); err == nil {
			r.mu.Lock()
			r.note(cells)
			r.rooms[room].Reset(map[string]bool{site: true}, at, cells)
			r.mu.Unlock()
			return
		}
		_ = wait(ctx, 100*time.Millisecond)
	}
}

func (r *Region) merge(room string, cells []state.Cell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rooms[room] == nil {
		return
	}
	r.note(cells)
	r.rooms[room].Merge(cells...)
}

// note remembers the stamps of what is about to be shown; r.mu is held.
func (r *Region) note(cells []state.Cell) {
	for _, c := range cells {
		r.highest = higher(r.highest, c.Stamp.ID)
		if c.Field == "last" {
			r.stamps[c.Value] = c.Stamp.ID
		}
	}
}

func higher(a, b state.ID) state.ID {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// follow merges what the logs say.
func (r *Region) follow(ctx context.Context, wg *sync.WaitGroup) {
	from := engine.Positions{"": {MS: time.Now().Add(-10 * time.Minute).UnixMilli()}}
	for ctx.Err() == nil {
		err := r.engine.Tail(ctx, from, func(ds []engine.Delivery) error {
			for _, d := range ds {
				if d.Gap {
					for _, room := range rooms {
						wg.Go(func() { r.reload(ctx, room, d.Site) })
					}
				}
				cells := map[string][]state.Cell{}
				for _, c := range d.Cells {
					cells[c.Room] = append(cells[c.Room], c)
				}
				for room, cs := range cells {
					r.merge(room, cs)
				}
				r.mu.Lock()
				if !d.Gap {
					r.highest = higher(r.highest, d.ID)
				}
				r.mu.Unlock()
				from[d.Site] = d.ID
			}
			return nil
		})
		if ctx.Err() == nil {
			r.run.complain("%s: Tail: %v", r.site, err)
			return
		}
	}
}

// beat says every second that the binary is alive, and who came and went.
func (r *Region) beat(ctx context.Context, first time.Duration) {
	for err := wait(ctx, first); err == nil; err = wait(ctx, time.Second) {
		b := engine.Batch{Binary: r.binary, After: r.seen(), Beat: &engine.Beat{Region: r.site}}
		if r.run.cfg.Faults.NoBeat {
			b.Beat = nil
		}
		r.mu.Lock()
		sessions := slices.Sorted(maps.Keys(r.pending))
		for _, s := range sessions {
			b.Changes = append(b.Changes, engine.Change{Cell: r.member(s, r.here[s])})
		}
		clear(r.pending)
		r.mu.Unlock()
		if b.Beat == nil && len(b.Changes) == 0 {
			continue
		}
		if _, err := r.engine.Append(ctx, b); err != nil {
			r.mu.Lock()
			for _, s := range sessions {
				r.pending[s] = true
			}
			r.mu.Unlock()
		}
	}
}

func (r *Region) seen() state.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.highest
}

// view is what people in a room of the region see.
func (r *Region) view(room string, live []string) map[string]plugins.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return view(r.rooms[room], live)
}

// wait returns after d, or with the cause for which ctx ended.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
