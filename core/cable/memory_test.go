package cable_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/cable"
)

// TestServer_Gone: hundreds of sessions, each of a user and in a room of its own, come and
// go in every way there is, and leave nothing: no room, no goroutine, and no memory.
//
// Others grew with each that had gone (anycable/anycable#265, centrifugal/centrifugo#199).
func TestServer_Gone(t *testing.T) {
	const warm, rounds, sessions = 3, 6, 100
	registry := prometheus.NewRegistry()
	s := startServer(t, cable.Config{Registerer: registry})
	visit := func(round int) {
		// As a test of its own, since what it opens is kept until its end.
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			for i := range sessions {
				name := fmt.Sprintf("%d-%d", round, i)
				c := open(t, s, "user-"+name)
				c.join("room-" + name)
				switch i % 5 {
				case 0: // it says goodbye
					if err := c.ws.WriteMessage(websocket.CloseMessage, nil); err != nil {
						t.Fatal(err)
					}
				case 1: // it leaves the room first
					c.command("unsubscribe", identifier("room-"+name))
				case 2: // it goes while it is told something that it does not read
					s.Broadcast(cable.Stream{Room: "room-" + name}, text(100_000))
				case 3: // it is sent away
					c.write("nonsense")
					for range 20 {
						if c.ws.WriteMessage(websocket.TextMessage, []byte("nonsense")) != nil {
							break // it is
						}
					}
				}
				c.ws.NetConn().Close()
			}
		})
		waitFor(t, "all to be gone", func() bool { return metric(t, registry, "presence_sessions") == 0 })
		if n := s.Rooms(); n != 0 {
			t.Fatalf("%d rooms are remembered that nobody follows", n)
		}
	}
	for round := range warm {
		visit(round)
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	for round := range rounds {
		visit(warm + round)
	}
	const gone, most = rounds * sessions, 256 // bytes each: a session that is there takes 2 KiB and a stack
	grown := heap() - before
	t.Logf("%d sessions that are gone have left %d bytes each", gone, grown/gone)
	if grown > gone*most {
		t.Errorf("%d sessions that are gone have left %d bytes, want at most %d each", gone, grown, most)
	}
	waitFor(t, "their goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+gone/20 })
}
