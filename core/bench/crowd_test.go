package bench_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bench"
)

func TestRun_PresenceRooms(t *testing.T) {
	socket, metrics := startPresence(t)
	r, err := bench.Run(t.Context(), bench.Config{
		URL: socket, Sockets: 20, Rooms: 10, People: 10, Time: 300 * time.Millisecond, Rate: 100, InFlight: 4, Room: "the rooms", Token: token, Metrics: metrics, Sync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Phases {
		if p.Sockets != 20 || p.SocketsLost != 0 || p.Missing != 0 {
			t.Errorf("%s: %d sockets, %d lost, %d deliveries missing; want 20 and nothing missing", p.Name, p.Sockets, p.SocketsLost, p.Missing)
		}
		if p.Name == bench.Idle {
			continue
		}
		if p.Published == 0 || p.Deliveries != 2*p.Published {
			t.Errorf("%s: %d events and %d deliveries, want each at the two sockets of a room", p.Name, p.Published, p.Deliveries)
		}
		if n := p.Server.Renders["counter"]; n == 0 || n > p.Published {
			t.Errorf("%s: %d renders of %d events, want some and no more than one each", p.Name, n, p.Published)
		}
	}
}

// Everybody who comes in a storm gets what the page lacks and what happens from then on,
// also where the counter is not at 0 and people met before.
func TestRun_PresenceStorm(t *testing.T) {
	socket, metrics := startPresence(t)
	cfg := bench.Config{
		URL: socket, Sockets: 100, People: 5, Phases: []string{"click", "idle"}, Time: 200 * time.Millisecond, Token: token, Metrics: metrics, Sync: true, Storm: 200,
		Identifier: `{"channel":"Live","room":{room}}`,
	}
	for range 2 {
		people, err := bench.Meet(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range people {
			if p.Cookie == "" || p.Revs["counter-total"] == "" {
				t.Errorf("somebody who has opened the page: %+v, want a cookie and the counter's revision", p)
			}
		}
		cfg.Met = people
		r, err := bench.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkPhases(t, r, 100, false)
		s := r.Connect.Storm
		if s == nil || s.Published < 2 || s.Due < 100 || s.Missing != 0 || s.SocketsLost != 0 || s.Latency == nil {
			t.Errorf("storm: %+v, want events, each at all sockets that were subscribed", s)
		}
		if n := r.Connect.Server.Renders["counter"]; n > s.Published+1 {
			t.Errorf("storm: %d renders for %d events, want one each at most", n, s.Published)
		}
		var table strings.Builder
		if err := r.Tell(&table); err != nil || !strings.Contains(table.String(), "storm: ") || !strings.Contains(table.String(), "connect: renders: counter ") {
			t.Errorf("the table does not tell of it, %v:\n%s", err, table.String())
		}
	}
}

// What a server does not send to those that are subscribed is told.
func TestRun_StormMissing(t *testing.T) {
	a := startAnyCable(t)
	a.broadcast = func(n int) {
		if n == 1 { // not before it is due to somebody
			a.waitSockets(1)
		}
		if n == 2 {
			a.mu.Lock()
			a.deaf = map[net.Conn]bool{a.sockets[0]: true}
			a.mu.Unlock()
		}
	}
	cfg := anycableConfig(a)
	cfg.Phases, cfg.Storm, cfg.Patience = []string{"idle"}, 1000, time.Second
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Connect.Storm
	if s.Published < 2 || s.Missing < 1 || s.Missing > s.Published || s.Due <= s.Missing {
		t.Errorf("storm: %+v, want that one socket got none after the first", s)
	}
}
