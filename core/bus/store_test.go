package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// outage is an engine whose store can go away.
type outage struct {
	engine.Engine
	gone   atomic.Bool // nothing can be read or written
	failed atomic.Bool // the last write was not taken, of which only another one tells
	hangs  atomic.Pointer[chan struct{}]
	writes atomic.Int32
}

var errGone = fmt.Errorf("%w: connection refused", engine.ErrUnavailable)

func (o *outage) Ready() error {
	if o.failed.Load() {
		return errGone
	}
	return o.Engine.Ready()
}

func (o *outage) Append(ctx context.Context, b engine.Batch) (id state.ID, err error) {
	o.writes.Add(1)
	if wait := o.hangs.Load(); wait != nil {
		<-*wait
	}
	if o.gone.Load() {
		o.failed.Store(true)
		return id, errGone
	}
	o.failed.Store(false)
	return o.Engine.Append(ctx, b)
}

func (o *outage) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	if o.gone.Load() || o.failed.Load() { // the way back is found by a write
		return nil, nil, errGone
	}
	return o.Engine.Load(ctx, room)
}

// told returns what the rooms were told of the store, as "room away" or "room back".
func told(messages []message) (told []string) {
	for _, m := range messages {
		for _, op := range m.ops {
			if op["name"] != "live:store" {
				continue
			}
			word := "back"
			if op["detail"].(map[string]any)["away"] == true {
				word = "away"
			}
			told = append(told, m.room+" "+word)
		}
	}
	return told
}

func wantTold(t *testing.T, when string, n *node, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, told(n.wall.take())); d != "" {
		t.Errorf("%s pages were told (-want +got):\n%s", when, d)
	}
}

// TestBus_store: pages hear within a moment that the store is away, and that it is
// back, by which time it takes events; who comes meanwhile hears it too.
func TestBus_store(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &outage{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Second)
		wantTold(t, "with the store there", n)
		for range 2 {
			e.gone.Store(true)
			<-time.After(1500 * time.Millisecond) // a beat, and some looks
			wantTold(t, "with the store away", n, "home away")
			said := n.sync(person("bob"), revsOf(n.page(t)))
			want := `{"operation":"dispatchEvent","name":"live:store","detail":{"away":true}}`
			if len(said) == 0 || string(said[0].AppendJSON(nil)) != want {
				t.Errorf("who comes meanwhile is told %v, want %s", said, want)
			}
			<-time.After(time.Minute)
			wantTold(t, "a minute later", n)
			e.gone.Store(false)
			<-time.After(300 * time.Millisecond)
			wantTold(t, "with the store back for 300 ms", n, "home back")
			if o := n.do(t, request(fmt.Sprint("e", e.writes.Load()), "1")); o.Status != bus.OK {
				t.Errorf("an event after that: %+v, want ok", o)
			}
			if said := n.sync(person("bob"), revsOf(n.page(t))); len(said) > 0 && said[0].Name() == "dispatchEvent" {
				t.Errorf("who comes now is told %v", said)
			}
		}
		before := e.writes.Load()
		e.gone.Store(true)
		<-time.After(time.Minute)
		if tries := e.writes.Load() - before; tries > 60*6+10 {
			t.Errorf("%d writes were tried in a minute, want a few a second", tries)
		}
	})
}

// TestBus_store_hitch: what is over in a moment is told to nobody.
func TestBus_store_hitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &away{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			e.ready.Store(true)
			<-time.After(150 * time.Millisecond)
			e.ready.Store(false)
			<-time.After(150 * time.Millisecond)
		}
		wantTold(t, "after hitches", n)
	})
}

// TestBus_store_silent: a store that neither takes nor refuses what is written is
// away.
func TestBus_store_silent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &outage{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		wait := make(chan struct{})
		e.hangs.Store(&wait)
		<-time.After(2 * time.Second)
		wantTold(t, "at first", n)
		<-time.After(2 * time.Second)
		wantTold(t, "after more than two beats", n, "home away")
		e.hangs.Store(nil)
		close(wait)
		<-time.After(200 * time.Millisecond)
		wantTold(t, "when it answers", n, "home back")
	})
}

// TestBus_store_absent: a room that cannot be loaded is a page without fragments that
// gets all of them, those for one person too, as soon as the store is back, without
// asking again.
func TestBus_store_absent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &outage{Engine: startEngine(t, memory.Config{})}
		var log bytes.Buffer
		n := startNode(t, e, func(c *bus.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		own := manifest
		own.Personal = true
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if v.Viewer.User == "" {
				return show(ctx, v)
			}
			return []plugins.Fragment{{
				ID: "demo-you", HTML: `<p id="demo-you">` + v.Viewer.User + `</p>`, Audience: plugins.Audience{User: v.Viewer.User},
			}}, nil
		})
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
		settle()
		e.gone.Store(true)
		<-time.After(2 * time.Second)
		var revs map[string]string
		for range 20 {
			sections, err := n.Page(context.Background(), "home", "", person("ann"))
			if !errors.Is(err, engine.ErrUnavailable) || len(sections) != 1 {
				t.Fatalf("Page = %v, %v; want one section and that the store is away", sections, err)
			}
			s := sections[0]
			if want := `<div class="corner" id="page_room-demo"></div><div class="corner" id="page_own-demo"></div>`; s.Title != "Demo" || s.HTML != want {
				t.Errorf("section %q is %s, want Demo with empty corners", s.Title, s.HTML)
			}
			if revs = revsOf(s.Resting); len(revs) != 1 {
				t.Errorf("section has the note %s", s.Resting)
			}
			<-time.After(time.Second)
		}
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		n.Sync("home", "", person("ann"), revs, func(ops ...dom.Operation) {
			if ops[0].Name() != "dispatchEvent" {
				t.Errorf("sync says %v of a room that is not there", ops)
			}
		})
		<-time.After(30 * time.Second)
		n.wall.take()
		if got := strings.Count(log.String(), "room not loaded"); got != 1 {
			t.Errorf("the log tells %d times that a room was not loaded, want once a minute:\n%s", got, log.String())
		}
		e.gone.Store(false)
		var messages []message
		for len(told(messages)) == 0 {
			<-time.After(10 * time.Millisecond)
			messages = append(messages, n.wall.take()...)
		}
		<-time.After(50 * time.Millisecond)
		messages = append(messages, n.wall.take()...)
		if got := strip(last(messages, "#page_room-demo")); !strings.Contains(got, `<p id="demo-count">0</p>`) {
			t.Errorf("everybody's corner was sent %q", got)
		}
		if got := strip(last(messages, "#page_own-demo")); got != `<p id="demo-you">ann</p>` {
			t.Errorf("ann's corner was sent %q", got)
		}
	})
}

// TestBus_store_keeps: a room that could not be loaded again stays.
func TestBus_store_keeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &outage{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		n.do(t, request("e1", "3"))
		n.page(t)
		e.gone.Store(true)
		<-time.After(5 * time.Minute)
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">3</p>`) {
			t.Errorf("page has %s, want what is in memory", got)
		}
		if _, err := n.Page(context.Background(), "kitchen", "", person("ann")); err == nil {
			t.Error("a room that is not in memory is shown")
		}
		<-time.After(2 * time.Minute)
		if got := n.Rooms(); got != 1 {
			t.Errorf("%d rooms in memory, want the one that was loaded", got)
		}
		e.gone.Store(false)
		<-time.After(2 * time.Minute)
		if got := n.Rooms(); got != 0 {
			t.Errorf("%d rooms in memory after the store was back for long, want none", got)
		}
	})
}
