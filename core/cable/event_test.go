package cable_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins/dom"
)

// click is what the binder sends for a click, with more or other entries.
func click(more map[string]any) map[string]any {
	m := map[string]any{
		"action": "event", "v": 1, "id": "4e169494271d426a9dff54bb", "tabId": "t", "target": "lightbulb#set",
		"event": "click", "url": "http://host/", "dataset": map[string]string{"on": "true"},
		"attrs": map[string]any{"id": "b", "checked": false},
	}
	for k, v := range more {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

func TestSession_Event(t *testing.T) {
	got := make(chan cable.Event, 1)
	rooms := make(chan string, 1)
	s := startServer(t, cable.Config{Handler: &fake{
		event: func(s *cable.Session, room string, e cable.Event, done func(cable.Ack)) {
			rooms <- room
			got <- e
			done(cable.Ack{Status: cable.OK})
			done(cable.Ack{Status: cable.Failed, Sentence: "ignored"})
		},
	}})
	c := open(t, s, "")
	c.join("home")
	c.command("message", identifier("home"), click(map[string]any{
		"dataset":  map[string]string{"on": "true", "by": "1"},
		"formData": "by=2&by=3&name=a%26b+c&empty=",
	}))
	want := cable.Event{
		ID: "4e169494271d426a9dff54bb", Target: "lightbulb#set",
		Fields: map[string]string{"on": "true", "by": "2", "name": "a&b c", "empty": ""},
	}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if room := <-rooms; room != "home" {
		t.Errorf("room = %q, want home", room)
	}
	const message = `{"cableReady":true,"version":"5.0.6","operations":[{"operation":"dispatchEvent","name":"live:ack","detail":{"id":"4e169494271d426a9dff54bb","status":"ok"}}]}`
	c.wantMessage(message)
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`"next"`))
	c.wantMessage(`"next"`) // and no second ack
}

func TestSession_EventInvalid(t *testing.T) {
	s := startServer(t, cable.Config{Handler: &fake{
		event: func(_ *cable.Session, _ string, e cable.Event, done func(cable.Ack)) {
			t.Errorf("event %+v was handed on", e)
			done(cable.Ack{Status: cable.OK})
		},
	}})
	c := open(t, s, "")
	c.join("home")
	for _, more := range []map[string]any{
		{"id": "short"},
		{"id": strings.Repeat("x", 65)},
		{"id": "with spaces"},
		{"id": 12345678},
		{"id": nil},
		{"target": ""},
		{"target": nil},
		{"target": 7},
		{"target": strings.Repeat("x", 129)},
		{"dataset": []int{1}},
		{"dataset": map[string]any{"a": 1}},
		{"formData": 1},
		{"formData": "a=%zz"},
		{"formData": "a=%ff"},
	} {
		c.command("message", identifier("home"), click(more))
		if a := c.wantAck(); a.Status != "invalid" || a.Error == "" {
			t.Errorf("%v: ack %+v, want invalid with a sentence", more, a)
		}
	}
}

func TestSession_EventWithoutFields(t *testing.T) {
	got := make(chan cable.Event, 2)
	s := startServer(t, cable.Config{Handler: &fake{
		event: func(_ *cable.Session, _ string, e cable.Event, _ func(cable.Ack)) { got <- e },
	}})
	c := open(t, s, "")
	c.join("home")
	c.write(`{"command":"message","identifier":` + encode(t, identifier("home")) + `,"data":"{\"action\":\"event\",\"id\":\"12345678\",\"target\":\"a#b\",\"dataset\":null,\"formData\":\"x=1\"}"}`)
	c.command("message", identifier("home"), click(map[string]any{"dataset": nil}))
	if e := <-got; e.Fields["x"] != "1" {
		t.Errorf("fields = %v, want x", e.Fields)
	}
	if e := <-got; e.Fields == nil || len(e.Fields) != 0 {
		t.Errorf("fields = %v, want an empty map", e.Fields)
	}
}

func TestSession_AckLater(t *testing.T) {
	later := make(chan func(cable.Ack), 1)
	s := startServer(t, cable.Config{Handler: &fake{
		event: func(_ *cable.Session, _ string, _ cable.Event, done func(cable.Ack)) { later <- done },
	}})
	c := open(t, s, "")
	c.join("home")
	c.command("message", identifier("home"), click(nil))
	done := <-later
	var many sync.WaitGroup
	for range 8 {
		many.Go(func() {
			done(cable.Ack{Status: cable.Unavailable, Sentence: "<resting>", RetryAfter: 1500 * time.Microsecond})
		})
	}
	many.Wait()
	want := ack{ID: "4e169494271d426a9dff54bb", Status: "unavailable", Error: "<resting>", RetryAfter: 2}
	if diff := cmp.Diff(want, c.wantAck()); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}

	// After the unsubscribe nothing comes for that identifier, also no ack.
	c.command("message", identifier("home"), click(nil))
	done = <-later
	c.command("unsubscribe", identifier("home"))
	c.join("elsewhere")
	done(cable.Ack{Status: cable.OK})
	s.Broadcast(cable.Stream{Room: "elsewhere"}, []byte(`1`))
	c.wantMessage("1")
}

func TestSession_EventNotSubscribed(t *testing.T) {
	s := startServer(t, cable.Config{Handler: &fake{
		event: func(*cable.Session, string, cable.Event, func(cable.Ack)) { t.Error("event was handed on") },
	}})
	c := open(t, s, "")
	c.command("message", identifier("home"), click(nil))
	c.join("home") // nothing came before the confirm
}

func TestSession_Sync(t *testing.T) {
	got := make(chan cable.Shown, 1)
	s := startServer(t, cable.Config{Handler: &fake{
		sync: func(_ *cable.Session, room string, shown cable.Shown, reply func(...dom.Operation)) {
			got <- shown
			reply()
			go func() {
				reply(dom.TextContent("#a", room))
				reply(dom.TextContent("#b", "<2>"))
				reply(dom.Operation{}) // faulty: dropped
			}()
		},
	}})
	c := open(t, s, "")
	c.join("home")
	c.command("message", identifier("home"), map[string]any{"action": "sync", "tabId": "t", "frags": map[string]string{"counter-total": "3f9c"}})
	if diff := cmp.Diff(cable.Shown{Revs: map[string]string{"counter-total": "3f9c"}}, <-got); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	c.wantMessage(`{"cableReady":true,"version":"5.0.6","operations":[{"operation":"textContent","selector":"#a","text":"home"}]}`)
	c.wantMessage(`{"cableReady":true,"version":"5.0.6","operations":[{"operation":"textContent","selector":"#b","text":"<2>"}]}`)

	many := map[string]string{}
	for i := range cable.MaxFragments + 100 {
		many[fmt.Sprintf("f-%04d", i)] = "r"
	}
	c.command("message", identifier("home"), map[string]any{"action": "sync", "frags": many})
	revs := (<-got).Revs
	if _, ok := revs["f-0000"]; len(revs) != cable.MaxFragments || !ok {
		t.Errorf("%d revs (first: %t), want the first %d", len(revs), ok, cable.MaxFragments)
	}
	c.command("message", identifier("home"), map[string]any{"action": "sync", "grids": map[string]string{"board-pixels": "lhr:5-0"}})
	if diff := cmp.Diff(cable.Shown{Boards: map[string]string{"board-pixels": "lhr:5-0"}}, <-got); diff != "" {
		t.Errorf("shown by a sync of boards alone (-want +got):\n%s", diff)
	}
	c.command("message", identifier("home"), map[string]any{"action": "sync"})
	if diff := cmp.Diff(cable.Shown{Revs: map[string]string{}}, <-got); diff != "" {
		t.Errorf("shown by a sync of nothing (-want +got):\n%s", diff)
	}
}

func TestSession_JoinRefused(t *testing.T) {
	s := startServer(t, cable.Config{Handler: &fake{
		join:  func(*cable.Session, string) error { return errors.New("members only & <nobody> else") },
		leave: func(*cable.Session, string) { t.Error("leave without a join") },
	}})
	c := open(t, s, "")
	c.command("subscribe", identifier("home"))
	f := c.next()
	if f.Type != "reject_subscription" || f.Identifier != identifier("home") || f.Reason != "members only & <nobody> else" {
		t.Errorf("frame = %s, want a reject with the reason", f.raw)
	}
}

// TestSession_JoinLeave checks that leaves match joins whatever the page does.
func TestSession_JoinLeave(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	note := func(what, room string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, what+" "+room)
	}
	gone := make(chan struct{}, 1)
	s := startServer(t, cable.Config{Handler: &fake{
		join: func(_ *cable.Session, room string) error { note("join", room); return nil },
		leave: func(_ *cable.Session, room string) {
			if note("leave", room); room == "b" {
				gone <- struct{}{}
			}
		},
	}})
	c := open(t, s, "")
	other := `{"room":"a","channel":"Live"}` // another identifier of the same room
	c.join("a")
	c.command("subscribe", other)
	c.wantConfirm(other)
	c.command("unsubscribe", identifier("a"))
	c.command("unsubscribe", identifier("a"))
	c.command("unsubscribe", other)
	c.join("b")
	c.ws.Close()
	<-gone
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"join a", "leave a", "join b", "leave b"}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := s.Rooms(); n != 0 {
		t.Errorf("%d rooms are remembered that nobody follows", n)
	}
}

func TestSession_HandlerPanics(t *testing.T) {
	s := startServer(t, cable.Config{
		Logger: slog.New(slog.DiscardHandler),
		Handler: &fake{
			join: func(_ *cable.Session, room string) error {
				if room == "bad" {
					panic("join")
				}
				return nil
			},
			leave: func(*cable.Session, string) { panic("leave") },
			event: func(*cable.Session, string, cable.Event, func(cable.Ack)) { panic("event") },
			sync: func(*cable.Session, string, cable.Shown, func(...dom.Operation)) {
				panic("sync")
			},
		},
	})
	c := open(t, s, "")
	c.command("subscribe", identifier("bad"))
	if f := c.next(); f.Type != "reject_subscription" || strings.Contains(f.raw, "panic") {
		t.Errorf("frame = %s, want a reject that tells nothing", f.raw)
	}
	c.join("home")
	c.command("message", identifier("home"), map[string]any{"action": "sync"})
	c.command("message", identifier("home"), click(nil))
	if a := c.wantAck(); a.Status != "error" || a.ID == "" {
		t.Errorf("ack %+v, want an error", a)
	}
	c.command("unsubscribe", identifier("home"))
	c.join("home")
}

// TestEvent_Passing: an event of which only the newest counts gets no answer if its page
// waits for none, and has limits of its own.
func TestEvent_Passing(t *testing.T) {
	events := make(chan string, 100)
	s := startServer(t, cable.Config{EventRate: 1, EventBurst: 3, AddressRate: 1, AddressBurst: 1, Handler: &fake{
		event: func(_ *cable.Session, _ string, e cable.Event, done func(cable.Ack)) {
			events <- e.Target
			done(cable.Ack{Status: cable.OK})
		},
	}})
	c := open(t, s, "")
	c.join("home")
	send := func(n int, more map[string]any) {
		m := map[string]any{"action": "event", "id": fmt.Sprintf("event-%03d", n), "target": "pointer#move"}
		maps.Copy(m, more)
		c.command("message", identifier("home"), m)
	}
	for n := range 10 { // three are taken, none is answered
		send(n, map[string]any{"latest": true})
	}
	send(10, nil) // whose page waits for an answer
	if a := c.wantAck(); a.ID != "event-010" || a.Status != "ok" {
		t.Errorf("the first answer is %+v, want ok to event-010", a)
	}
	send(11, map[string]any{"latest": true, "target": "lamp#set"}) // which every page waits for
	if a := c.wantAck(); a.ID != "event-011" || a.Status != "busy" {
		t.Errorf("the next answer is %+v, want busy to event-011: the address has one event", a)
	}
	if got := len(events); got != 4 {
		t.Errorf("%d events were handed on, want 3 that pass and one", got)
	}
}
