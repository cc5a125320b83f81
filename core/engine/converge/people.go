package converge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func binaryName(site string, n int) string { return fmt.Sprintf("%s-%d", site, n) }

// tab is the session of one person in a room.
func (r *Region) tab(room string, i int) string { return fmt.Sprintf("%s/%s-%d", room, r.binary, i) }

// member is the cell of a session, whose name begins with its room.
func (r *Region) member(session string, here bool) state.Cell {
	room, _, _ := strings.Cut(session, "/")
	if !here {
		return state.Leave(room, session)
	}
	return state.Join(room, session, state.Member{User: session, Region: r.site, Binary: r.binary})
}

// people returns how many people of the region are in a room.
func (r *Region) people(room string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for session, here := range r.here {
		if here && r.member(session, true).Room == room {
			n++
		}
	}
	return n
}

// act is a person: now and then they do something, or come or go.
func (r *Region) act(ctx context.Context, person int, random *rand.Rand) {
	for n := 0; ; n++ {
		pause := time.Duration(random.Int64N(int64(1600 * time.Millisecond)))
		if wait(ctx, pause) != nil || r.run.quiet.Load() {
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
		r.Event(ctx, room, fmt.Sprintf("%s-%d-%d", r.binary, person, n), random.IntN(3))
	}
}

// Event is one thing that a person does: changes that happen together or not at all.
// It reports whether it was acknowledged. id must be new. With flag 0 the light goes
// out.
func (r *Region) Event(ctx context.Context, room, id string, flag int) bool {
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
			{Cell: at("right", "board", plugins.Grid, patchOf(id).Encode())},
		},
	})
	if err == nil && got.Compare(sawAt) <= 0 {
		r.run.complain("%s: %s saw %s of entry %s and changed it in entry %s", r.site, id, before, sawAt, got)
	}
	r.run.account(room, id, err == nil)
	return err == nil
}

// Light is what the region shows of the light in a room.
func (r *Region) Light(room string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rooms[room].State("left", nil).Registers["flag"].Value
}

// Knows reports whether the region shows an event in a room.
func (r *Region) Knows(room, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.rooms[room].State("left", nil).Lists["all"], func(i plugins.Item) bool { return i.Value == id })
}

// Switch has a person of the region switch the light, having seen what it shows.
func (r *Region) Switch(ctx context.Context, room, value string) error {
	c := state.Cell{Room: room, Feature: "left", Field: "flag", Kind: plugins.Register, Value: value}
	_, err := r.engine.Append(ctx, engine.Batch{Binary: r.binary, Changes: []engine.Change{{Cell: c}}, After: r.seen()})
	return err
}
