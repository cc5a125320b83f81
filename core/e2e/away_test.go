package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// outages are the ways in which a region's store goes away and comes back.
var outages = map[string]struct{ begin, end func(*keydbtest.Server) }{
	"killed":  {(*keydbtest.Server).Kill, func(s *keydbtest.Server) { s.Restart(true) }},
	"stopped": {(*keydbtest.Server).Pause, (*keydbtest.Server).Resume},
}

// startOnRedis starts a region on a Redis of its own that will go away.
func startOnRedis(t *testing.T) (*server, *keydbtest.Server) {
	t.Helper()
	store := keydbtest.Start(t, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	p := &place{code: "lhr", args: []string{"--region=lhr", secretArg, "--keydb=" + store.URL()}}
	p.start(t)
	p.server.waitReady()
	return p.server, store
}

const (
	sayLive = "Live"
	sayAway = "Live, but this region's store is away: what you do is kept and sent when it is back"
)

// TestAway: while its store is away a page says so and keeps what is done; as soon as
// the store is back the page says that, and has it sent. Pages that are opened
// meanwhile come alive by themselves.
func TestAway(t *testing.T) {
	for name, o := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := startOnRedis(t)
			ann := newPerson(t)
			a := ann.open(s.url)
			a.click(addOne)
			a.waitCount(1)
			a.mark()
			a.waitText("[data-live-status]", sayLive)

			o.begin(store)
			began := time.Now()
			a.waitState("away")
			t.Logf("the page says so after %v", time.Since(began).Round(time.Millisecond))
			a.waitText("[data-live-status]", sayAway)
			a.click(addOne)
			a.waitText("#page_error-counter", "It can't be saved yet, but is kept.")
			a.click(addOne)
			a.click(lightSwitch)

			kitchen := ann.newTab() // a room that is not in memory
			kitchen.visit(s.url + "/r/kitchen")
			kitchen.waitState("away")
			kitchen.wantAbsent(true)
			kitchen.mark()
			old := newPerson(t).newTab()
			send(old, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			old.scriptOff = true
			old.visit(s.url + "/r/kitchen")
			old.wantAbsent(true)
			front := newPerson(t).newTab() // a room that is
			front.visit(s.url)
			front.waitState("away")
			front.waitCount(1)

			// By now the page leaves the store alone for long.
			waitFor(t, "the page to have been refused often", func() (string, bool) {
				n := len(a.heard.frames("counter#add"))
				return fmt.Sprint(n), n >= 1+5
			})
			before := len(a.heard.frames("counter#add"))
			// It forgets when to try again by itself, so that only word of the store makes it.
			eval[bool](a, `(timer => { for (; timer > 0; timer--) clearTimeout(timer); return true })(setTimeout(() => {}))`)
			o.end(store)
			back := time.Now()
			a.waitState("connected")
			told := time.Since(back)
			a.waitIdle()
			sent := time.Since(back)
			t.Logf("the page says that the store is back after %v, all is sent after %v", told.Round(time.Millisecond), sent.Round(time.Millisecond))
			if n := len(a.heard.frames("counter#add")) - before; n > 4 {
				t.Errorf("the page sent its two clicks %d times when the store was back", n)
			}
			a.waitText("[data-live-status]", sayLive)
			for _, page := range []*tab{a, front} {
				page.waitCount(3)
				page.waitLight(true)
			}
			a.checkMark()

			kitchen.waitLive()
			kitchen.wantAbsent(false)
			kitchen.waitCount(0)
			kitchen.waitText("#identity dd", "Drawn at random and kept in a cookie. It is the same in all your tabs.") // for one person
			kitchen.click(addOne)
			kitchen.waitCount(1)
			kitchen.checkMark()
			old.wantAbsent(false)
			old.click(addOne)
			old.waitCount(2)
			kitchen.waitCount(2)
		})
	}
}

// wantAbsent waits until the page is loaded whole and says that its room cannot be
// shown, or shows it.
func (t *tab) wantAbsent(is bool) {
	t.tb.Helper()
	want := "room"
	if is {
		want = "absent"
	}
	waitValue(t, `(() => {
		const e = document.querySelector('.absent')
		if (document.readyState !== 'complete') return 'loading'
		if (e && e.getBoundingClientRect().height > 0 && e.textContent.includes('store is away')) return 'absent'
		return document.querySelector('#counter-total') ? 'room' : 'nothing'
	})()`, want)
}

// TestAway_wire: the same to the byte: what sockets are told, and what a page is
// answered with. That events of others come again on the same sockets is [TestSilent].
func TestAway_wire(t *testing.T) {
	for name, o := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := startOnRedis(t)
			v := newVisitor(t, s.url)
			v.get("/").wantStatus(t, http.StatusOK)
			a := dialStore(t, v, "home")
			a.sync(t)

			o.begin(store)
			if !a.away(t) {
				t.Error("a socket is told that the store is back when it went away")
			}
			v.get("/").wantStatus(t, http.StatusOK) // in memory
			r := v.get("/r/kitchen")
			r.wantStatus(t, http.StatusServiceUnavailable)
			for _, part := range []string{
				"This room cannot be shown yet", `<noscript><meta http-equiv="refresh" content="3; url=/r/kitchen"></noscript>`,
				`id="page_room-counter"`, `data-live-room="kitchen"`, "<script defer",
			} {
				r.wantText(t, part)
			}
			if got := r.Header.Get("Retry-After"); got != "3" {
				t.Errorf("Retry-After is %q", got)
			}
			b := dialStore(t, v, "kitchen")
			b.sync(t)
			if !b.away(t) {
				t.Error("a socket that comes meanwhile is told that the store is back")
			}
			o.end(store)
			back := time.Now()
			for _, one := range []*storeSocket{a, b} {
				if one.away(t) {
					t.Error("a socket is told twice that the store is away")
				}
			}
			t.Logf("sockets are told %v after the store is back", time.Since(back).Round(time.Millisecond))
			// The word is true.
			if err := a.add("after-the-outage"); err != nil {
				t.Fatal(err)
			}
			for answered := false; !answered; {
				acks, err := a.read()
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range acks {
					if answered = true; x.Status != "ok" {
						t.Errorf("an event after that is answered %s", x.Status)
					}
				}
			}
		})
	}
}

// storeSocket is a socket that listens for what is said of the store.
type storeSocket struct{ *socket }

func dialStore(t *testing.T, v *visitor, room string) *storeSocket {
	t.Helper()
	s, err := dial(v, room)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.ws.Close() })
	return &storeSocket{s}
}

// sync asks what is stale, once the subscription is confirmed.
func (s *storeSocket) sync(t *testing.T) {
	t.Helper()
	s.until(t, func(raw string) bool { return strings.Contains(raw, "confirm_subscription") })
	if err := s.command("message", map[string]any{"action": "sync", "frags": map[string]string{}}); err != nil {
		t.Fatal(err)
	}
}

// away returns the next word on the store.
func (s *storeSocket) away(t *testing.T) (away bool) {
	t.Helper()
	s.until(t, func(raw string) bool {
		var f struct {
			Message struct {
				Operations []struct {
					Name   string
					Detail struct{ Away bool }
				}
			}
		}
		if !strings.Contains(raw, "live:store") {
			return false
		}
		if err := json.Unmarshal([]byte(raw), &f); err != nil || len(f.Message.Operations) != 1 {
			t.Fatalf("read %s, %v; want one operation", raw, err)
		}
		away = f.Message.Operations[0].Detail.Away
		return true
	})
	return away
}

// until reads frames until one is wanted.
func (s *storeSocket) until(t *testing.T, wanted func(raw string) bool) {
	t.Helper()
	for {
		_ = s.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
		kind, raw, err := s.ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if kind == websocket.TextMessage && wanted(string(raw)) {
			return
		}
	}
}
