package cable_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

func nobody(*fiber.Ctx) (plugins.Person, bool) { return plugins.Person{}, false }

// address takes the user for where the request comes from.
func address(c *fiber.Ctx) string { return c.Cookies("user") }

// text is a message of this size.
func text(size int) []byte { return []byte(`"` + strings.Repeat("x", size-2) + `"`) }

// TestServer_Allow counts with the events of the address's sessions.
func TestServer_Allow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{AddressRate: 2, AddressBurst: 3})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		event := func() string {
			c.command("message", identifier("home"), click(nil))
			return c.wantAck().Status
		}
		for range 2 {
			if wait, ok := s.Allow("pipe", 1); !ok || wait != 0 {
				t.Errorf("Allow = %v, %v; want true", wait, ok)
			}
		}
		if got := event(); got != "ok" {
			t.Errorf("third event: ack %s, want ok", got)
		}
		if wait, ok := s.Allow("pipe", 1); ok || wait != 500*time.Millisecond {
			t.Errorf("Allow = %v, %v; want a wait of 500 ms", wait, ok)
		}
		if got := event(); got != "busy" {
			t.Errorf("fourth event: ack %s, want busy", got)
		}
		if _, ok := s.Allow("elsewhere", 1); !ok {
			t.Error("Allow refuses another address")
		}
		c.ws.Close()
	})
}

// TestServer_Allow_Clones gives an address whose bytes are soon another request's.
func TestServer_Allow_Clones(t *testing.T) {
	s := cable.New(cable.Config{Handler: &fake{}, Authenticate: nobody, AddressRate: 1, AddressBurst: 1})
	request := []byte("192.0.2.1")
	if _, ok := s.Allow(unsafe.String(&request[0], len(request)), 1); !ok {
		t.Fatal("Allow refuses the first")
	}
	copy(request, "198.51.10")
	if _, ok := s.Allow("192.0.2.1", 1); ok {
		t.Error("the address was forgotten")
	}
	if _, ok := s.Allow("198.51.10", 1); !ok {
		t.Error("another address is refused")
	}
}

// TestLimits_RefusedByAddress spends nothing of the session's own budget.
func TestLimits_RefusedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{EventRate: 0.001, EventBurst: 2, AddressRate: 1, AddressBurst: 1})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		event := func(want string) {
			t.Helper()
			c.command("message", identifier("home"), click(nil))
			if got := c.wantAck().Status; got != want {
				t.Errorf("ack %s, want %s", got, want)
			}
		}
		event("ok")
		for range 3 {
			event("busy")
		}
		c.wait(time.Second)
		event("ok")
		c.ws.Close()
	})
}

// TestLimits_Sessions has more tabs open from one address than it may.
func TestLimits_Sessions(t *testing.T) {
	left := make(chan string, 3)
	s := startServer(t, cable.Config{
		MaxSessions: 2,
		Address:     address,
		Handler:     &fake{leave: func(s *cable.Session, _ string) { left <- s.Address() }},
	})
	first := open(t, s, "x")
	first.join("home")
	open(t, s, "x")
	dial(t, s, "x").wantDisconnect(`{"type":"disconnect","reason":"too_many_sessions","reconnect":true}`)
	open(t, s, "y")
	first.ws.Close()
	<-left
	for { // it is gone a moment after its leave
		c := dial(t, s, "x")
		if c.next().Type == "welcome" {
			break
		}
	}
	dial(t, s, "x").wantDisconnect(`{"type":"disconnect","reason":"too_many_sessions","reconnect":true}`)
}

// TestLimits_MalformedForgiven has a tab open for so long that a bad frame now and
// then is many.
func TestLimits_MalformedForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := runServer(t, cable.Config{})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		for range cable.MaxMalformed {
			c.write("garbage")
		}
		for range 5 {
			for range 3 { // wait answers no ping
				c.wait(20 * time.Second)
				if err := c.ws.WriteMessage(websocket.PongMessage, nil); err != nil {
					t.Fatal(err)
				}
			}
			c.write("garbage")
		}
		c.join("still-here")
		c.write("garbage")
		c.wantDisconnect(`{"type":"disconnect","reason":"invalid_request","reconnect":false}`)
		c.ws.Close()
	})
}

// TestPeer_ClockSet sets the wall clock while pages are open: nobody was silent.
func TestPeer_ClockSet(t *testing.T) {
	s := startServer(t, cable.Config{PingInterval: time.Hour}) // its slots are pinged here
	c := open(t, s, "")
	c.join("home")
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour} {
		for range 36_000 { // every slot
			s.Ping(setClock(time.Now(), step))
		}
	}
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`"still here"`))
	c.wantMessage(`"still here"`)

	later := time.Now().Add(31 * time.Second) // by both clocks
	for range 36_000 {
		s.Ping(later)
	}
	c.wantEnd(`{"type":"disconnect","reason":"no_pong","reconnect":true}`)
}

// setClock returns t as it would be read had the wall clock been set by step and
// the monotonic one gone on. No function of package time does that, so it writes
// the seconds in the field wall, which begin at bit 30.
func setClock(t time.Time, step time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(step/time.Second) << 30)
	return t
}

// TestOutbox_Bytes has a page that stops reading: large frames fill its outbox as
// many do, but one may always wait.
func TestOutbox_Bytes(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int // the first is being written, the others wait
		want  string
	}{
		"one large":        {[]int{5000, 5000}, "end"},
		"some small":       {[]int{5000, 400, 400}, "end"},
		"large and small":  {[]int{5000, 5000, 10}, "too_slow"},
		"small and large":  {[]int{5000, 10, 5000}, "too_slow"},
		"too many of them": {[]int{5000, 400, 400, 400}, "too_slow"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := runServer(t, cable.Config{OutboxBytes: 1000})
				page := pipe(t, s, plugins.Person{User: "u"})
				page.next()
				page.join("home")
				for _, size := range c.sizes {
					s.Broadcast(cable.Stream{Room: "home"}, text(size))
					synctest.Wait()
				}
				if c.want == "too_slow" {
					page.wantDisconnect(`{"type":"disconnect","reason":"too_slow","reconnect":true}`)
				} else {
					for _, size := range c.sizes {
						page.wantMessage(string(text(size)))
					}
					s.Broadcast(cable.Stream{Room: "home"}, text(900)) // nothing waits any more
					page.wantMessage(string(text(900)))
				}
				page.ws.Close()
			})
		})
	}
}
