package cable_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins/dom"
)

// heap is the bytes of live objects.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestSession_Order: what one goroutine sends to a session by every way arrives in
// that order, whatever else its shard is busy with and however many rooms it follows:
// to the room, to its user, to it alone, and the answer to what it asked for. That is the
// order of changes to the page: the operations of one message are done in theirs, by
// assets/client/test/bundle.test.js.
//
// Others' pages were told of one event by two ways, and either might come first
// (stimulusreflex/stimulus_reflex#482).
func TestSession_Order(t *testing.T) {
	replies := make(chan func(...dom.Operation), 1)
	sessions := make(chan *cable.Session, 100)
	s := startServer(t, cable.Config{Outbox: 1 << 16, OutboxBytes: 1 << 30, Handler: &fake{
		join: func(s *cable.Session, room string) error {
			if room == "home" {
				sessions <- s
			}
			return nil
		},
		sync: func(_ *cable.Session, _ string, _ cable.Shown, reply func(...dom.Operation)) { replies <- reply },
	}})
	for range 50 { // others in the room
		c := open(t, s, "")
		c.join("home")
		<-sessions
		go c.drained()
	}
	for _, rooms := range [][]string{{"home"}, {"home", "away"}} {
		t.Run(fmt.Sprint(len(rooms), " rooms"), func(t *testing.T) {
			c := open(t, s, "ann")
			for _, room := range rooms {
				c.join(room)
			}
			id := (<-sessions).ID()
			c.command("message", identifier("home"), map[string]any{"action": "sync", "frags": map[string]string{}})
			reply := <-replies
			const rounds = 400
			var publisher sync.WaitGroup
			publisher.Go(func() {
				for n := range rounds {
					s.Broadcast(cable.Stream{Room: "home"}, fmt.Append(nil, `"a`, n, `"`))
					s.Broadcast(cable.Stream{Room: "home", User: "ann"}, fmt.Append(nil, `"b`, n, `"`))
					reply(dom.DispatchEvent("", fmt.Sprint("c", n), dom.Object()))
					s.Broadcast(cable.Stream{Room: rooms[len(rooms)-1]}, fmt.Append(nil, `"d`, n, `"`))
					s.Broadcast(cable.Stream{Room: "home", Session: id}, fmt.Append(nil, `"e`, n, `"`))
				}
			})
			defer publisher.Wait()
			for n := range rounds {
				c.wantMessage(fmt.Sprint(`"a`, n, `"`))
				c.wantMessage(fmt.Sprint(`"b`, n, `"`))
				want, err := dom.Message(dom.DispatchEvent("", fmt.Sprint("c", n), dom.Object()))
				if err != nil {
					t.Fatal(err)
				}
				c.wantMessage(string(want))
				c.wantMessage(fmt.Sprint(`"d`, n, `"`))
				c.wantMessage(fmt.Sprint(`"e`, n, `"`))
			}
			c.ws.Close()
		})
	}
}

// TestServer_StormOfJoins broadcasts without a pause, to two rooms, while sessions
// come and go, change rooms and vanish: those that stay miss nothing, and those that
// come miss nothing from their confirm on.
func TestServer_StormOfJoins(t *testing.T) {
	s := startServer(t, cable.Config{Outbox: 1 << 16, OutboxBytes: 1 << 30, PeerTimeout: time.Hour})
	rooms := []string{"home", "away"}
	var stop atomic.Bool
	var last [2]atomic.Int64
	var publishers, stay, come sync.WaitGroup
	// reads follows a room until done, and reports a hole.
	reads := func(c *client, room string, done func(n int) bool) {
		last := -1
		for {
			f := c.next()
			if f.Identifier != identifier(room) {
				continue // of the other room, or no message
			}
			var n int
			if _, err := fmt.Sscan(string(f.Message), &n); err != nil {
				t.Errorf("frame %s, want a number", f.raw)
				return
			}
			if last >= 0 && n != last+1 {
				t.Errorf("%s: message %d after %d", room, n, last)
				return
			}
			if last = n; done(n) {
				return
			}
		}
	}
	var seen [2][4]atomic.Int64 // messages, by room and session that stays
	for i, room := range rooms {
		for j := range seen[i] {
			c := open(t, s, "")
			c.join(room)
			stay.Go(func() {
				reads(c, room, func(n int) bool {
					seen[i][j].Store(int64(n))
					return stop.Load() && int64(n) == last[i].Load()
				})
			})
		}
		publishers.Go(func() {
			for n := int64(0); ; n++ {
				for j := range seen[i] { // a reader's pace, or outboxes only grow
					waitFor(t, "those who stay to read", func() bool { return t.Failed() || n-seen[i][j].Load() < 100 })
				}
				final := stop.Load()
				last[i].Store(-1)
				if final {
					last[i].Store(n)
				}
				s.Broadcast(cable.Stream{Room: room}, fmt.Append(nil, n))
				if final {
					return
				}
			}
		})
	}
	for i := range 4 {
		come.Go(func() {
			for n := range 15 {
				c := open(t, s, "")
				c.join("home")
				reads(c, "home", func(n int) bool { return n%7 == i })
				c.command("subscribe", identifier("away"))
				for f := c.next(); f.Type != "confirm_subscription"; f = c.next() {
				}
				reads(c, "away", func(n int) bool { return n%5 == i })
				c.command("unsubscribe", identifier("home"))
				c.command("subscribe", "marker") // rejected: says that the unsubscribe is done
				for f := c.next(); f.Type != "reject_subscription"; f = c.next() {
				}
				for range 10 {
					if f := c.next(); f.Identifier == identifier("home") {
						t.Errorf("frame %s after the unsubscribe", f.raw)
					}
				}
				if n%2 == 0 {
					c.ws.Close()
				}
			}
		})
	}
	come.Wait()
	stop.Store(true)
	publishers.Wait()
	stay.Wait()
}
