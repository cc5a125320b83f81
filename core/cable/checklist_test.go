package cable_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// The tests here are the lines of the acceptance checklist that concern the
// server: each was a way in which the official clients were seen to fail.

func TestChecklist_UnknownSubprotocolRefused(t *testing.T) {
	s := startServer(t, cable.Config{})
	for _, offered := range [][]string{nil, {"foo"}, {"actioncable-v1-ext-json", "graphql-ws"}} {
		ws, resp, err := (&websocket.Dialer{Subprotocols: offered}).DialContext(t.Context(), s.url, nil)
		if err == nil {
			ws.Close()
			t.Errorf("offering %v connects, want a refusal", offered)
			continue
		}
		if resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("offering %v: %v, want 400", offered, resp)
		}
	}
}

func TestChecklist_UnsupportedSelectable(t *testing.T) {
	s := startServer(t, cable.Config{})
	ws, _, err := (&websocket.Dialer{Subprotocols: []string{"actioncable-v2", "actioncable-unsupported"}}).DialContext(t.Context(), s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := ws.Subprotocol(); got != "actioncable-unsupported" {
		t.Errorf("Subprotocol() = %q, want actioncable-unsupported", got)
	}
	(&client{t, ws}).wantClosed()
}

func TestChecklist_BaseProtocolSelected(t *testing.T) {
	s := startServer(t, cable.Config{})
	for _, offered := range [][]string{{"actioncable-v1-json"}, {"actioncable-unsupported", "actioncable-v1-json"}, {"actioncable-v1-json", "token.x"}} {
		ws, _, err := (&websocket.Dialer{Subprotocols: offered}).DialContext(t.Context(), s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		if got := ws.Subprotocol(); got != subprotocol {
			t.Errorf("offering %v: Subprotocol() = %q, want %s", offered, got, subprotocol)
		}
	}
}

func TestChecklist_WelcomeBeforeAnything(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := dial(t, s, "")
	c.command("subscribe", identifier("home")) // sent before the welcome has come
	if f := c.next(); f.raw != `{"type":"welcome"}` {
		t.Fatalf("first frame = %s, want the welcome", f.raw)
	}
	c.wantConfirm(identifier("home"))
}

// TestChecklist_Pings lets 20 s pass on an idle page: never more than 3 s between
// two pings, and the page, which answers only the WebSocket's own, stays.
func TestChecklist_Pings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{})
		c := pipe(t, s, plugins.Person{User: "u"})
		start := time.Now()
		last, pings := start, 0
		for time.Since(start) < 20*time.Second {
			_, raw, err := c.ws.ReadMessage()
			if err != nil {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			if !strings.HasPrefix(string(raw), `{"type":"ping","message":`) {
				continue
			}
			if gap := time.Since(last); gap > 3*time.Second {
				t.Errorf("ping after %v, want at most 3s", gap)
			}
			last = time.Now()
			pings++
		}
		if pings < 6 {
			t.Errorf("%d pings in 20 s, want at least 6", pings)
		}
		c.ws.Close()
	})
}

func TestChecklist_IdentifierVerbatim(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := open(t, s, "")

	const odd = `{"b":1,"channel":"X","a":"<é>"}`
	c.command("subscribe", odd)
	if f := c.next(); f.Type != "reject_subscription" || f.Identifier != odd || f.Reason != "unknown channel" {
		t.Errorf("frame = %s, want a reject of %s with a reason", f.raw, odd)
	}

	for _, id := range []string{
		`{"b":1,"channel":"Live","a":"<é>","room":"home"}`,
		`{ "room" : "home" , "channel":"Live"}`,
		`{"channel":"Live","room":"home","x":"\ud800 & \u2028"}`,
	} {
		c.command("subscribe", id)
		c.wantConfirm(id)
	}
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`{"n":1}`))
	got := map[string]bool{}
	for range 3 {
		got[c.next().Identifier] = true
	}
	if len(got) != 3 {
		t.Errorf("broadcast came for %v, want all three identifiers", got)
	}

	// A lone surrogate as JSON.stringify writes it must come back as it was, which
	// decoding and encoding in Go would not do.
	c.write(`{"command":"subscribe","identifier":"{\"channel\":\"Live\",\"room\":\"home\",\"x\":\"\ud83d\"}"}`)
	if f := c.next(); !strings.Contains(f.raw, `\"x\":\"\ud83d\"`) || f.Type != "confirm_subscription" {
		t.Errorf("frame = %s, want the lone surrogate in it", f.raw)
	}
}

func TestChecklist_DuplicateSubscribeConfirmedAgain(t *testing.T) {
	joins := make(chan string, 10)
	s := startServer(t, cable.Config{Handler: &fake{join: func(_ *cable.Session, room string) error { joins <- room; return nil }}})
	c := open(t, s, "")
	c.join("home")
	c.join("home") // a second Subscription object: exactly one more confirm
	if len(joins) != 1 {
		t.Errorf("%d joins, want 1", len(joins))
	}
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`1`))
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`2`))
	c.wantMessage("1") // once each
	c.wantMessage("2")
}

func TestChecklist_UnsubscribeSubscribeFast(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := open(t, s, "")
	c.join("home")
	for range 100 {
		c.command("unsubscribe", identifier("home"))
		c.command("subscribe", identifier("home"))
	}
	for range 100 {
		c.wantConfirm(identifier("home"))
	}
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`"still here"`))
	c.wantMessage(`"still here"`)
}

func TestChecklist_DisconnectSaysReconnect(t *testing.T) {
	t.Run("true", func(t *testing.T) {
		s := startServer(t, cable.Config{})
		c := open(t, s, "")
		go s.stop()
		c.wantDisconnect(`{"type":"disconnect","reason":"server_restart","reconnect":true}`)
	})
	t.Run("false", func(t *testing.T) {
		s := startServer(t, cable.Config{Authenticate: func(*fiber.Ctx) (plugins.Person, bool) { return plugins.Person{}, false }})
		dial(t, s, "").wantDisconnect(`{"type":"disconnect","reason":"unauthorized","reconnect":false}`)
	})
}

func TestChecklist_BadAuthIsToldNotRefused(t *testing.T) {
	s := startServer(t, cable.Config{Authenticate: func(*fiber.Ctx) (plugins.Person, bool) { return plugins.Person{}, false }})
	c := dial(t, s, "") // no HTTP refusal
	if f := c.next(); f.raw != `{"type":"disconnect","reason":"unauthorized","reconnect":false}` {
		t.Errorf("first frame = %s, want the disconnect and no welcome", f.raw)
	}
	c.wantClosed()
}

// TestChecklist_Drain is what a SIGTERM does: everybody is told to come back, at
// the stated rate and no faster, so that not all do in the same moment
// (rails/rails#40873), and the server ends with them.
func TestChecklist_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions = 100
		left := make(chan string, sessions)
		s := runServer(t, cable.Config{
			DrainRate: 50,
			Handler:   &fake{leave: func(_ *cable.Session, room string) { left <- room }},
		})
		said := make(chan string, sessions)
		for range sessions {
			c := pipe(t, s, plugins.Person{User: "u"})
			c.next()
			c.join("home")
			go func() {
				said <- c.drained().raw
				c.ws.Close()
			}()
		}
		start := time.Now()
		if err := s.Drain(t.Context()); err != nil {
			t.Fatalf("Drain() = %v", err)
		}
		if got, want := time.Since(start), 2*time.Second; got != want {
			t.Errorf("Drain took %v, want %v", got, want)
		}
		for range sessions {
			if got := <-said; got != `{"type":"disconnect","reason":"server_restart","reconnect":true}` {
				t.Errorf("last frame = %s, want server_restart with reconnect", got)
			}
		}
		if len(left) != sessions {
			t.Errorf("%d leaves, want %d", len(left), sessions)
		}
	})
}

func TestDrain_ContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{DrainRate: 0.1})
		c := pipe(t, s, plugins.Person{User: "u"})
		go func() {
			c.drained()
			c.ws.Close()
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Drain(ctx); err == nil {
			t.Error("Drain() = nil, want the context's end")
		}
	})
}

// TestChecklist_SlowReaderCutOff has a page that stops reading among others that
// do not: it is told why and closed, and the others wait for nothing.
func TestChecklist_SlowReaderCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan string, 2)
		s := runServer(t, cable.Config{
			Outbox:  16,
			Handler: &fake{leave: func(s *cable.Session, _ string) { left <- s.Person().User }},
		})
		slow := pipe(t, s, plugins.Person{User: "slow"})
		slow.next()
		slow.join("home")
		fast := pipe(t, s, plugins.Person{User: "fast"})
		fast.next()
		fast.join("home")

		start := time.Now()
		for range 100 {
			s.Broadcast(cable.Stream{Room: "home"}, []byte(`{"n":1}`))
			fast.wantMessage(`{"n":1}`)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the others waited %v for the slow reader", took)
		}
		// It reads again within the second that it has: what was under way arrives,
		// then the reason.
		slow.wantDisconnect(`{"type":"disconnect","reason":"too_slow","reconnect":true}`)
		slow.ws.Close()
		if who := <-left; who != "slow" {
			t.Errorf("%s left, want the slow one", who)
		}
		fast.ws.Close()
	})
}

func TestSlowReader_NeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan time.Time, 1)
		s := runServer(t, cable.Config{
			Outbox:  16,
			Handler: &fake{leave: func(*cable.Session, string) { left <- time.Now() }},
		})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		start := time.Now()
		for range 100 {
			s.Broadcast(cable.Stream{Room: "home"}, []byte(`1`))
		}
		if took := (<-left).Sub(start); took != 0 {
			t.Errorf("left after %v, want at once", took)
		}
		s.stop()
		// Run waits as long as the page may take to close.
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("gone after %v, want 2 s", took)
		}
		c.ws.Close()
	})
}
