package wan_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// listCap is how many items "recent" keeps.
const listCap = 5

// rooms are where people meet in the chaos tests.
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
			field("count", plugins.Counter, 0), field("recent", plugins.List, listCap),
		}},
	)
}

// region is what a binary makes of its engine: it follows the logs into rooms, beats
// and lets people act, as core/bus does.
type region struct {
	world  *world
	site   string
	binary string
	engine *site.Engine
	stop   func() // kills the binary and waits for it

	mu      sync.Mutex
	rooms   map[string]*state.Room
	highest state.ID
	stamps  map[string]state.ID // of the values of "last" that were seen
	here    map[string]bool     // sessions, by name
	pending map[string]bool     // of them, those that the log does not know
}

// tab is the session of one person in a room.
func (r *region) tab(room string, i int) string { return fmt.Sprintf("%s/%s-%d", room, r.binary, i) }

// boot starts a binary at a site. It remembers nothing of one before.
func (w *world) boot(name string, n int) *region {
	r := &region{
		world: w, site: name, binary: fmt.Sprintf("%s-%d", name, n),
		rooms: map[string]*state.Room{}, stamps: map[string]state.ID{},
		here: map[string]bool{}, pending: map[string]bool{},
	}
	e, err := site.New(site.Config{
		Site: name, Store: w.planet.Store(name), SyncTimeout: time.Hour, Faults: w.faults,
	})
	if err != nil {
		panic(err) // a bug in the line above
	}
	r.engine = e
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	r.stop = func() {
		cancel()
		wg.Wait()
	}
	random := rand.New(rand.NewPCG(w.seed, uint64(n)<<32|uint64(slices.Index(w.names, name))))
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			w.complain("%s: Run: %v", name, err)
		}
	})
	for _, room := range rooms {
		r.rooms[room] = state.NewRoom(schema())
	}
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
func (r *region) load(ctx context.Context, room string) {
	for ctx.Err() == nil {
		if cells, _, err := r.engine.Load(ctx, room); err == nil {
			r.merge(room, cells)
			return
		}
		_ = wait(ctx, 100*time.Millisecond) // the loop asks ctx
	}
}

// reload takes what the store holds of a site in place of what a room holds of it.
func (r *region) reload(ctx context.Context, room, site string) {
	for ctx.Err() == nil {
		if cells, at, err := r.engine.Load(ctx, room); err == nil {
			cells = slices.DeleteFunc(cells, func(c state.Cell) bool { return c.Stamp.Site != site })
			r.mu.Lock()
			r.rooms[room].Reset(site, at[site], cells)
			r.mu.Unlock()
			return
		}
		_ = wait(ctx, 100*time.Millisecond)
	}
}

func (r *region) merge(room string, cells []state.Cell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rooms[room] == nil {
		return
	}
	for _, c := range cells {
		if c.Field == "last" {
			r.stamps[c.Value] = c.Stamp.ID
		}
	}
	r.rooms[room].Merge(cells...)
}

// follow merges what the logs say.
func (r *region) follow(ctx context.Context, wg *sync.WaitGroup) {
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
				if d.ID.Compare(r.highest) > 0 && !d.Gap {
					r.highest = d.ID
				}
				r.mu.Unlock()
				from[d.Site] = d.ID
			}
			return nil
		})
		if ctx.Err() == nil {
			r.world.complain("%s: Tail: %v", r.site, err)
			return
		}
	}
}

// beat says every second that the binary is alive, and who came and went.
func (r *region) beat(ctx context.Context, first time.Duration) {
	for err := wait(ctx, first); err == nil; err = wait(ctx, time.Second) {
		b := engine.Batch{Binary: r.binary, After: r.seen(), Beat: &engine.Beat{Region: r.site}}
		if r.world.faults.NoBeat {
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

// member is the cell of a session, whose name begins with its room.
func (r *region) member(session string, here bool) state.Cell {
	room := rooms[0]
	if session[:len(rooms[1])] == rooms[1] {
		room = rooms[1]
	}
	if !here {
		return state.Leave(room, session)
	}
	return state.Join(room, session, state.Member{User: session, Region: r.site, Binary: r.binary})
}

func (r *region) seen() state.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.highest
}

// act is a person: now and then they do something, or come or go.
func (r *region) act(ctx context.Context, person int, random *rand.Rand) {
	for n := 0; ; n++ {
		pause := time.Duration(random.Int64N(int64(1600 * time.Millisecond)))
		if wait(ctx, pause) != nil || r.world.quiet.Load() {
			return
		}
		room := rooms[random.IntN(len(rooms))]
		if random.IntN(8) == 0 {
			s := r.tab(room, person)
			r.mu.Lock()
			r.here[s] = !r.here[s]
			r.pending[s] = true
			r.mu.Unlock()
			continue
		}
		r.event(ctx, room, fmt.Sprintf("%s-%d-%d", r.binary, person, n), random.IntN(3))
	}
}

// event is one thing that a person does: five changes, together or not at all.
func (r *region) event(ctx context.Context, room, id string, flag int) {
	at := func(feature, name string, kind plugins.Kind, value string) state.Cell {
		return state.Cell{Room: room, Feature: feature, Field: name, Kind: kind, Value: value}
	}
	flagged := at("left", "flag", plugins.Register, id)
	if flag == 0 {
		flagged.Value, flagged.Removed = "", true
	}
	r.mu.Lock()
	before := r.rooms[room].State("left", nil).Registers["last"].Value
	sawAt, after := r.stamps[before], r.highest
	r.mu.Unlock()
	got, err := r.engine.Append(ctx, engine.Batch{
		Binary: r.binary, Events: []string{id}, After: after,
		Changes: []engine.Change{
			{Cell: at("left", "last", plugins.Register, id)},
			{Cell: flagged},
			engine.Add(room, "left", "count", 1),
			{Cell: at("left", "all", plugins.List, id), Cap: plugins.MaxListSize},
			engine.Add(room, "right", "count", 1),
			{Cell: at("right", "recent", plugins.List, id), Cap: listCap},
		},
	})
	if err == nil && got.Compare(sawAt) <= 0 {
		r.world.complain("%s: %s saw %s of entry %s and changed it in entry %s", r.site, id, before, sawAt, got)
	}
	r.world.account(room, id, err == nil)
}

// view is what people in a room see, of whom only those of live binaries count.
func view(room *state.Room, live []string) map[string]plugins.State {
	for _, binary := range live {
		room.SetLive(binary, true)
	}
	return map[string]plugins.State{"left": room.State("left", nil), "right": room.State("right", nil)}
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
