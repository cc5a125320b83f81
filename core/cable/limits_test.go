package cable_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// TestLimits_Busy runs on a clock that stands still while nobody waits.
func TestLimits_Busy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{EventRate: 10, EventBurst: 5})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		for i := range 7 {
			c.command("message", identifier("home"), click(nil))
			a := c.wantAck()
			if i < 5 && a.Status != "ok" {
				t.Errorf("event %d: ack %+v, want ok", i, a)
			}
			if i >= 5 && (a.Status != "busy" || a.RetryAfter != 100 || a.Error == "" || a.ID == "") {
				t.Errorf("event %d: ack %+v, want busy for 100 ms with a sentence", i, a)
			}
		}
		<-time.After(100 * time.Millisecond) // of the test's own clock
		c.command("message", identifier("home"), click(nil))
		if a := c.wantAck(); a.Status != "ok" {
			t.Errorf("after the wait: ack %+v, want ok", a)
		}
		c.ws.Close()
	})
}

func TestLimits_Address(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{AddressRate: 2, AddressBurst: 3})
		acks := map[string]int{}
		var clients []*client
		for range 5 { // of one address
			c := pipe(t, s, plugins.Person{User: "u"})
			clients = append(clients, c)
			c.next()
			c.join("home")
			c.command("message", identifier("home"), click(nil))
			acks[c.wantAck().Status]++
		}
		if acks["ok"] != 3 || acks["busy"] != 2 {
			t.Errorf("acks = %v, want 3 ok and 2 busy", acks)
		}
		if n := s.Addresses(); n != 1 {
			t.Errorf("%d addresses, want 1", n)
		}
		for _, c := range clients {
			c.ws.Close()
		}
		<-time.After(3 * time.Second) // of the test's own clock: full again after 1.5 s
		if n := s.Addresses(); n != 0 {
			t.Errorf("%d addresses are remembered when idle", n)
		}
	})
}

func TestLimits_Flood(t *testing.T) {
	frames := map[string]func(c *client) error{
		"events": func(c *client) error {
			return c.ws.WriteMessage(websocket.TextMessage, []byte(`{"command":"unsubscribe","identifier":"\"x\""}`))
		},
		"pings": func(c *client) error { return c.ws.WriteMessage(websocket.PingMessage, nil) },
		"pongs": func(c *client) error { return c.ws.WriteMessage(websocket.PongMessage, nil) },
		"fragments": func(c *client) error { // of one message that never ends, each 20 of them a write
			_, err := c.ws.NetConn().Write(bytes.Repeat(masked(0x00, ""), 20))
			return err
		},
	}
	for name, send := range frames {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, cable.Config{EventRate: 1, EventBurst: 5})
			c := open(t, s, "")
			if name == "fragments" {
				if _, err := c.ws.NetConn().Write(masked(0x01, "x")); err != nil { // begins it
					t.Fatal(err)
				}
			}
			// The flood's second may turn over once, so twice the limit is surely too
			// much; writing fails when the server has had enough.
			for range 200 {
				if send(c) != nil {
					break
				}
			}
			c.wantDisconnect(`{"type":"disconnect","reason":"too_many_frames","reconnect":false}`)
		})
	}
}

func TestLimits_Malformed(t *testing.T) {
	for _, raw := range []string{
		`{`, `null`, `[]`, `"x"`, "\xff\xfe", `{"command":"subscribe"}`, `{"command":"subscribe","identifier":7}`,
		`{"identifier":"x"}`, `{"command":"explode","identifier":"x"}`, strings.Repeat(`[`, 20000),
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}","data":"{}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}","data":"x"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}","data":{"action":"event"}}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}","data":"{\"action\":\"x\"}"}`,
		`{"command":"message","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}","data":"{\"action\":\"sync\",\"frags\":[]}"}`,
	} {
		t.Run(raw[:min(len(raw), 90)], func(t *testing.T) {
			s := startServer(t, cable.Config{})
			c := open(t, s, "")
			c.join("home")
			for range cable.MaxMalformed {
				c.write(raw)
			}
			c.join("still-here")
			c.write(raw)
			c.wantDisconnect(`{"type":"disconnect","reason":"invalid_request","reconnect":false}`)
		})
	}
}

func TestLimits_Binary(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := open(t, s, "")
	for range cable.MaxMalformed + 1 {
		if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte(`{"command":"subscribe","identifier":"x"}`)); err != nil {
			t.Fatal(err)
		}
	}
	c.wantDisconnect(`{"type":"disconnect","reason":"invalid_request","reconnect":false}`)
}

func TestLimits_FrameTooLarge(t *testing.T) {
	s := startServer(t, cable.Config{MaxFrame: 1000})
	c := open(t, s, "")
	c.join("home")
	pad := func(size int) string {
		frame := `{"command":"unsubscribe","identifier":"x"}`
		return frame + strings.Repeat(" ", size-len(frame))
	}
	c.write(pad(1000))
	c.join("still-here")
	c.write(pad(100_000)) // most of which nobody reads before the reason is sent
	c.wantDisconnect(`{"type":"disconnect","reason":"frame_too_large","reconnect":false}`)
}

// What is still coming of a frame that is too large may look like the end of a close frame
// wherever it is cut: its sender learns the reason all the same.
func TestLimits_FrameTooLarge_likeAClose(t *testing.T) {
	s := startServer(t, cable.Config{MaxFrame: 1000})
	c := open(t, s, "")
	c.join("home")
	const size = 900_000
	header := []byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, size >> 16, size >> 8 & 0xFF, size & 0xFF, 0, 0, 0, 0}
	frame := append(header, bytes.Repeat([]byte{0x88}, size)...)
	for b := range slices.Chunk(frame, 4<<10) { // as clients write it
		if _, err := c.ws.NetConn().Write(b); err != nil {
			t.Fatal(err)
		}
	}
	c.wantDisconnect(`{"type":"disconnect","reason":"frame_too_large","reconnect":false}`)
}

func TestLimits_FrameTooLargeInPieces(t *testing.T) {
	s := startServer(t, cable.Config{MaxFrame: 1000})
	c := open(t, s, "")
	w, err := c.ws.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := w.Write(make([]byte, 5000)); err != nil {
			break
		}
	}
	c.wantDisconnect(`{"type":"disconnect","reason":"frame_too_large","reconnect":false}`)
}

func TestLimits_Subscriptions(t *testing.T) {
	s := startServer(t, cable.Config{MaxSubscriptions: 3})
	c := open(t, s, "")
	for i := range 3 {
		c.join(fmt.Sprint("room-", i))
	}
	c.command("subscribe", identifier("one-more"))
	if f := c.next(); f.Type != "reject_subscription" || f.Reason != "too many subscriptions" {
		t.Errorf("frame = %s, want a reject", f.raw)
	}
	c.command("unsubscribe", identifier("room-0"))
	c.join("one-more")
}

func TestLimits_Identifier(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := open(t, s, "")
	for id, reason := range map[string]string{
		`{"channel":"Chat","room":"home"}`:                             "unknown channel",
		`{"room":"home"}`:                                              "unknown channel",
		`{"channel":"Live"}`:                                           "invalid room",
		`{"channel":"Live","room":" home"}`:                            "invalid room",
		`{"channel":"Live","room":"` + strings.Repeat("x", 129) + `"}`: "invalid room",
		`{"channel":"Live","room":7}`:                                  "invalid identifier",
		`nonsense`:                                                     "invalid identifier",
		``:                                                             "invalid identifier",
		`{"channel":"Live","room":"home","x":"` + strings.Repeat("x", cable.MaxIdentifier) + `"}`: "identifier too long",
	} {
		c.command("subscribe", id)
		if f := c.next(); f.Type != "reject_subscription" || f.Identifier != id || f.Reason != reason {
			t.Errorf("%.60s: frame = %.200s, want a reject with %q", id, f.raw, reason)
		}
	}
}

func TestHandler_Refusals(t *testing.T) {
	s := startServer(t, cable.Config{})
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"foreign origin":  {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"no origin":       {http.Header{}, http.StatusSwitchingProtocols},
		"broken origin":   {http.Header{"Origin": {"://"}}, http.StatusForbidden},
		"the own origin":  {http.Header{"Origin": {"http" + strings.TrimSuffix(strings.TrimPrefix(s.url, "ws"), "/cable")}}, http.StatusSwitchingProtocols},
		"of another port": {http.Header{"Origin": {"http://127.0.0.1:1"}}, http.StatusForbidden},
	} {
		ws, resp, err := dialer().DialContext(t.Context(), s.url, c.header)
		if err == nil {
			ws.Close()
		}
		if resp == nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, want %d", name, resp, c.want)
		}
	}

	plain, err := http.Get("http" + strings.TrimPrefix(s.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if plain.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("no WebSocket: %s, want 426", plain.Status)
	}

	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, resp, err := dialer().DialContext(t.Context(), s.url, nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("stopping: %v, want 503", resp)
	}
}

// TestSession_KeepsItsStrings has many connections reuse the buffers that the
// first one's cookie and headers stood in.
func TestSession_KeepsItsStrings(t *testing.T) {
	sessions := make(chan *cable.Session, 100)
	s := startServer(t, cable.Config{
		Handler: &fake{join: func(s *cable.Session, _ string) error { sessions <- s; return nil }},
		Authenticate: func(c *fiber.Ctx) (plugins.Person, bool) {
			user := c.Cookies("user")
			return plugins.Person{User: user, Region: user[:3], Edge: user[3:6]}, true
		},
		Address: func(c *fiber.Ctx) string { return c.Cookies("user") },
	})
	ids := map[string]bool{}
	for i := range 50 {
		c := open(t, s, fmt.Sprintf("user-%04d", i))
		c.join("home")
		if i%2 == 0 {
			c.ws.Close()
		}
	}
	for i := range 50 {
		got, user := <-sessions, fmt.Sprintf("user-%04d", i)
		want := plugins.Person{User: user, Session: got.ID(), Region: user[:3], Edge: user[3:6]}
		if got.Person() != want || got.Address() != user {
			t.Errorf("session %d: %+v at %s, want %+v", i, got.Person(), got.Address(), want)
		}
		if ids[got.ID()] || len(got.ID()) != 16 || strings.Trim(got.ID(), "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("id %q: want 16 characters of base32 that are new", got.ID())
		}
		ids[got.ID()] = true
	}
}

// TestPeer_Dead has a peer that takes everything and answers nothing.
func TestPeer_Dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.ws.SetPingHandler(func(string) error { return nil })
		start := time.Now()
		c.wantEnd(`{"type":"disconnect","reason":"no_pong","reconnect":true}`)
		if took := time.Since(start); took < 30*time.Second || took > 33*time.Second+time.Millisecond {
			t.Errorf("closed after %v, want 30 to 33 s", took)
		}
		c.ws.Close()
	})
}

// TestPeer_Unfinished has a peer that begins a frame, answers pings, and never
// ends the frame.
func TestPeer_Unfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{})
		c := pipe(t, s, plugins.Person{User: "u"})
		go func() { _, _ = c.ws.NetConn().Write([]byte{0x01, 0x80, 1, 2, 3, 4}) }() // a text frame, empty and not final
		c.wantEnd(`{"type":"disconnect","reason":"frame_unfinished","reconnect":true}`)
		c.ws.Close()
	})
}

func TestPeer_WriteStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		s := runServer(t, cable.Config{Handler: &fake{leave: func(*cable.Session, string) { close(left) }}})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		start := time.Now()
		s.Broadcast(cable.Stream{Room: "home"}, []byte(`1`)) // nobody reads it
		<-left
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("left after %v, want the write timeout of 10 s", took)
		}
		c.ws.Close()
	})
}

// wantEnd reads until a disconnect and no further.
func (c *client) wantEnd(want string) {
	c.tb.Helper()
	for {
		if f := c.next(); f.Type == "disconnect" {
			if f.raw != want {
				c.tb.Errorf("disconnect = %s, want %s", f.raw, want)
			}
			return
		}
	}
}
