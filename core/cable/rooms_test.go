package cable_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// TestLimits_RoomsJoined goes through room after room.
func TestLimits_RoomsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		joins := make(chan string, 100)
		s := runServer(t, cable.Config{MaxSubscriptions: 4, Handler: &fake{
			join: func(_ *cable.Session, room string) error { joins <- room; return nil },
		}})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		visit := func(n int) {
			t.Helper()
			room := fmt.Sprint("room-", n)
			c.join(room)
			c.command("unsubscribe", identifier(room))
		}
		for n := range 8 { // twice as many as it may have
			visit(n)
		}
		for n := range 80 { // rooms that it has been to
			visit(n % 8)
		}
		c.wait(500 * time.Millisecond)
		visit(8)
		if len(joins) != 89 {
			t.Errorf("%d joins, want 89", len(joins))
		}
		c.command("subscribe", identifier("one-more"))
		c.wantDisconnect(`{"type":"disconnect","reason":"too_many_subscriptions","reconnect":true}`)
		c.ws.Close()
		if len(joins) != 89 {
			t.Errorf("%d joins, want none beyond the limit", len(joins)-89)
		}
	})
}

// TestLimits_RoomsRemembered goes through rooms at the pace that is allowed.
func TestLimits_RoomsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := 0
		s := runServer(t, cable.Config{MaxSubscriptions: 2, Handler: &fake{
			join: func(s *cable.Session, _ string) error { most = max(most, s.Visited()); return nil },
		}})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		for n := range 20 {
			c.join(fmt.Sprint("room-", n))
			c.command("unsubscribe", identifier(fmt.Sprint("room-", n)))
			c.wait(500 * time.Millisecond)
		}
		if most > 4 {
			t.Errorf("%d rooms are remembered, want 4 at most", most)
		}
		s.Broadcast(cable.Stream{Room: "home"}, []byte(`"still here"`))
		c.wantMessage(`"still here"`)
		c.ws.Close()
	})
}

// TestLimits_Identifiers has a room in which some write its name in their own way:
// each way costs everybody's broadcasts a copy.
func TestLimits_Identifiers(t *testing.T) {
	const room = `a"b\<é>&' 中`
	var mu sync.Mutex
	inside := 0
	s := startServer(t, cable.Config{Handler: &fake{
		join:  func(*cable.Session, string) error { mu.Lock(); defer mu.Unlock(); inside++; return nil },
		leave: func(*cable.Session, string) { mu.Lock(); defer mu.Unlock(); inside-- },
	}})
	own := func(n int) string {
		return fmt.Sprintf(`{"channel":"Live","room":%s,"x":%d}`, encode(t, room), n)
	}
	// As JSON.stringify writes it, on both levels.
	const canonical = `"{\"channel\":\"Live\",\"room\":\"a\\\"b\\\\<é>&' 中\"}"`
	const reversed = `"{\"room\":\"a\\\"b\\\\<é>&' 中\",\"channel\":\"Live\"}"`

	c, other := open(t, s, ""), open(t, s, "")
	for n := range cable.MaxForeign {
		c.command("subscribe", own(n))
		c.wantConfirm(own(n))
	}
	reject := func(c *client, id string) {
		t.Helper()
		c.command("subscribe", id)
		if f := c.next(); f.Type != "reject_subscription" || f.Identifier != id || f.Reason != "too many identifiers for this room" {
			t.Errorf("frame = %s, want a reject of %s with the reason", f.raw, id)
		}
	}
	reject(c, own(100))
	reject(other, own(100)) // its first subscription to the room: joined and left
	for _, id := range []string{canonical, reversed} {
		other.write(`{"command":"subscribe","identifier":` + id + `}`)
		if f := other.next(); f.raw != `{"identifier":`+id+`,"type":"confirm_subscription"}` {
			t.Errorf("frame = %s, want a confirm of %s", f.raw, id)
		}
	}
	other.command("subscribe", own(0)) // which is there already
	other.wantConfirm(own(0))
	reject(other, own(100))
	c.command("unsubscribe", own(1))
	c.command("subscribe", own(100))
	c.wantConfirm(own(100))
	reject(open(t, s, ""), own(101)) // which never gets in
	mu.Lock()
	if inside != 2 {
		t.Errorf("%d sessions are in the room, want 2", inside)
	}
	mu.Unlock()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inside != 0 || s.Rooms() != 0 {
		t.Errorf("%d sessions are in %d rooms when all have gone", inside, s.Rooms())
	}
}

// TestServer_Follow: the handler is told of each subscription what it shows, between the
// join of the room and its leave.
func TestServer_Follow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		tell := func(what ...any) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(what...))
		}
		s := runServer(t, cable.Config{Handler: &fake{
			join:   func(_ *cable.Session, room string) error { tell("join ", room); return nil },
			leave:  func(_ *cable.Session, room string) { tell("leave ", room) },
			follow: func(room, feature string, n int) { tell("follow ", room, "#", feature, " ", n) },
		}})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		lamp := `{"channel":"Live","room":"home","feature":"lamp"}`
		for _, id := range []string{identifier("home"), lamp} {
			c.command("subscribe", id)
			c.next()
		}
		c.command("unsubscribe", identifier("home"))
		c.command("subscribe", `{"channel":"Live","room":"home","feature":"nope"}`)
		c.next()
		c.ws.Close()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []string{"join home", "follow home# 1", "follow home#lamp 1", "follow home# -1", "follow home#lamp -1", "leave home"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}
