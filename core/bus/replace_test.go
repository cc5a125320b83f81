package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// TestBus_FeatureChanged_replaced: a feature that is replaced by a version with another
// title, other fields and other fragments is shown as the new one is, to everybody and
// to each, without a word to the others.
func TestBus_FeatureChanged_replaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), withCorner)
		c := n.addClock(t)
		for _, user := range []string{"ann", "bob"} {
			if err := n.Join("home", person(user)); err != nil {
				t.Fatal(err)
			}
		}
		n.do(t, setClock("e1", "noon"))
		settle()
		n.wall.take()
		others := n.demo.renders()

		next := plugins.Manifest{
			Name: "clock", Title: "Clock & <date>", Personal: true,
			State: []plugins.Field{
				{Name: "word", Kind: plugins.Register},
				{Name: "ticks", Kind: plugins.Counter},
				{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion},
			},
			Events: []plugins.EventType{{Name: "tick", Rate: 1000, Burst: 10000}},
		}
		c.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Add("ticks", 1)}, nil
		})
		c.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if v.Personal() {
				return []plugins.Fragment{{
					ID: "clock-own", HTML: `<p id="clock-own">` + v.Viewer.User + `'s</p>`, Audience: plugins.Audience{User: v.Viewer.User},
				}}, nil
			}
			people := 0
			for _, g := range v.State.Presence["here"] {
				people += g.People
			}
			return []plugins.Fragment{{ID: "clock-face", HTML: fmt.Sprintf(`<p id="clock-face">%s, %d ticks, %d people</p>`,
				v.State.Registers["word"].Value, v.State.Counters["ticks"], people)}}, nil
		})
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: next})
		settle()
		messages := n.wall.take()
		log := lines(messages)
		for _, want := range []string{
			`morph #page_title-clock <nil> <nil> <h2 id="page_title-clock">Clock &amp; &lt;date&gt;</h2>`,
			`morph #page_room-clock <nil> <nil> <p id="clock-face">noon, 0 ticks, 2 people</p>`,
		} {
			if !strings.Contains(log, want) {
				t.Errorf("pages were not told %s but\n%s", want, log)
			}
		}
		for _, user := range []string{"ann", "bob"} {
			if !slices.ContainsFunc(messages, func(m message) bool {
				return m.audience.User == user && strings.Contains(strip(last([]message{m}, "#page_own-clock")), user+"'s")
			}) {
				t.Errorf("%s was not shown what is theirs:\n%s", user, log)
			}
		}
		if o := n.do(t, setClock("e2", "x")); o.Status != bus.Forbidden {
			t.Errorf("an event of the old version = %+v, want it forbidden", o)
		}
		tick := setClock("e3", "")
		tick.Target = "clock#tick"
		if o := n.do(t, tick); o.Status != bus.OK {
			t.Errorf("an event of the new version = %+v, want ok", o)
		}
		settle()
		if got := strip(last(n.wall.take(), "#clock-face")); !strings.Contains(got, "noon, 1 ticks, 2 people") {
			t.Errorf("pages show %s", got)
		}

		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
		c.setRender(newClock().render)
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
		settle()
		log = lines(n.wall.take())
		for _, want := range []string{"morph #page_own-clock <nil> <nil> \n", `<p id="clock-word">noon</p>`, `<h2 id="page_title-clock">Clock</h2>`} {
			if !strings.Contains(log, want) {
				t.Errorf("back at the old version, pages were not told %s but\n%s", want, log)
			}
		}
		if got := n.demo.renders() - others; got != 0 {
			t.Errorf("the other feature was rendered %d times, want none", got)
		}
	})
}

// TestBus_FeatureChanged_underWay: events that were on their way to a feature when it was
// replaced are taken by the new version if it knows them.
func TestBus_FeatureChanged_underWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		c := n.addClock(t)
		began, release := make(chan struct{}, 9), make(chan struct{})
		c.setHandle(func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			began <- struct{}{}
			<-release
			return []plugins.Mutation{plugins.Set("word", ev.Fields.Text("to"))}, nil
		})
		var mu sync.Mutex
		outcomes := map[string]bus.Status{}
		dispatch := func(id string) {
			n.Dispatch(setClock(id, id), func(o bus.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				outcomes[id] = o.Status
			})
		}
		dispatch("held")
		<-began
		dispatch("waits")
		dispatch("much-too-long")
		next := clockManifest
		next.Events = []plugins.EventType{{Name: "set", Fields: []plugins.Param{{Name: "to", Type: plugins.Text, Max: 9}}}}
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: next})
		close(release)
		settle()
		mu.Lock()
		defer mu.Unlock()
		want := map[string]bus.Status{"held": bus.OK, "waits": bus.OK, "much-too-long": bus.Invalid}
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}

// TestBus_FeatureChanged_early: a new version that answers a moment before the bus is
// told of it loses no event, and one that answers what it never declares fails alone.
func TestBus_FeatureChanged_early(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		c := n.addClock(t)
		next := clockManifest
		next.State = append([]plugins.Field{{Name: "ticks", Kind: plugins.Counter}}, next.State...)
		c.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Add("ticks", 1)}, nil
		})
		answered := make(chan bus.Outcome, 1)
		n.Dispatch(setClock("e1", "x"), func(o bus.Outcome) { answered <- o })
		synctest.Wait()
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: next})
		if o := <-answered; o.Status != bus.OK {
			t.Errorf("an event that the new version answered first = %+v, want ok", o)
		}
		c.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Add("never", 1)}, nil
		})
		if o := n.do(t, setClock("e2", "x")); o.Status != bus.Failed {
			t.Errorf("an event with an undeclared answer = %+v, want it failed", o)
		}
	})
}

// gatedLoad is an engine that loads rooms only while its gate is open.
type gatedLoad struct {
	engine.Engine
	gate chan struct{} // holds a token while it is open
}

func (g *gatedLoad) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	select {
	case <-g.gate:
		g.gate <- struct{}{}
		return g.Engine.Load(ctx, room)
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// TestBus_FeatureChanged_loading: while the state of a feature with new fields is loaded,
// which may take the store a while, the others go on, and it shows and handles nothing
// by half.
func TestBus_FeatureChanged_loading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &gatedLoad{startEngine(t, memory.Config{}), make(chan struct{}, 1)}
		e.gate <- struct{}{}
		n := startNode(t, e)
		c := n.addClock(t)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		n.do(t, setClock("e1", "noon"))
		settle()
		<-e.gate
		n.wall.take()

		next := clockManifest
		next.State = append([]plugins.Field{{Name: "ticks", Kind: plugins.Counter}}, next.State...)
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: next})
		if o := n.do(t, request("e2", "1")); o.Status != bus.OK {
			t.Errorf("an event of another feature = %+v, want ok", o)
		}
		settle()
		log := lines(n.wall.take())
		if !strings.Contains(log, `<p id="demo-count">1</p>`) || strings.Contains(log, "clock-word") {
			t.Errorf("pages were told\n%swant the other feature and nothing of this one", log)
		}
		var seen []plugins.State
		c.setHandle(func(_ context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
			seen = append(seen, s)
			return []plugins.Mutation{plugins.Set("word", ev.Fields.Text("to"))}, nil
		})
		answered := make(chan bus.Outcome, 1)
		n.Dispatch(setClock("e3", "night"), func(o bus.Outcome) { answered <- o })
		synctest.Wait()
		e.gate <- struct{}{}
		if o := <-answered; o.Status != bus.OK || len(seen) != 1 || seen[0].Registers["word"].Value != "noon" {
			t.Errorf("an event meanwhile = %+v with the state %v, want ok and that of before", o, seen)
		}
		settle()
		if got := strip(last(n.wall.take(), "#clock-word")); got != `<p id="clock-word">night</p>` {
			t.Errorf("pages show %q", got)
		}
	})
}

// TestBus_FeatureChanged_fields: fields that the page shows by elements of its own, and
// watches, come and go with the versions of a feature.
func TestBus_FeatureChanged_fields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		c := n.addClock(t)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		wave := func(id string) bus.Outcome {
			req := setClock(id, id)
			req.Target = "clock#wave"
			return n.do(t, req)
		}
		waving := clockManifest
		waving.State = append(slices.Clone(waving.State), plugins.Field{Name: "hand", Kind: plugins.Volatile, Direct: true},
			plugins.Field{Name: "dial", Kind: plugins.Grid, Width: 8, Height: 4, Palette: []plugins.Colour{{Name: "a", RGB: "#000000"}, {Name: "b", RGB: "#ffffff"}}})
		waving.Events = append(slices.Clone(waving.Events), plugins.EventType{Name: "wave", Rate: 1000, Burst: 1000})
		row := 0
		c.setHandle(func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Signal("hand", ev.ID), plugins.Paint("dial", 1, plugins.Point{X: 1, Y: row})}, nil
		})
		if o := wave("e1"); o.Status != bus.Forbidden {
			t.Errorf("wave before there is such an event = %+v", o)
		}
		for round := range 2 {
			row = round
			n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: waving})
			settle()
			n.wall.take()
			for i := range 3 { // the last ones wait for their moment
				if o := wave(fmt.Sprint("w", round, "-", i)); o.Status != bus.OK {
					t.Errorf("round %d: wave = %+v", round, o)
				}
			}
			settle()
			log := lines(n.wall.take())
			for _, want := range []string{"dispatchEvent #clock-hand live:signals", "dispatchEvent #clock-dial live:cells"} {
				if !strings.Contains(log, want) {
					t.Errorf("round %d: pages were not told %s but\n%s", round, want, log)
				}
			}
			if b, err := n.Board(context.Background(), "home", "clock"); err != nil || len(b.Colours) != 32 || b.Colours[1] != 1 || b.Colours[8*round+1] != 1 {
				t.Errorf("round %d: board = %v, %v", round, b.Colours, err)
			}
			wave(fmt.Sprint("x", round))
			n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
			settle()
			n.wall.take()
			if o := wave(fmt.Sprint("y", round)); o.Status != bus.Forbidden {
				t.Errorf("round %d: wave after it went = %+v", round, o)
			}
			if _, err := n.Board(context.Background(), "home", "clock"); err == nil {
				t.Errorf("round %d: there is a board that no version declares", round)
			}
			<-time.After(time.Second)
			if got := n.wall.take(); len(got) > 0 {
				t.Errorf("round %d: after that pages were told\n%s", round, lines(got))
			}
		}
	})
}

// TestBus_FeatureChanged_rates: what one person may send is what the version that runs
// allows, also for somebody who has just sent something.
func TestBus_FeatureChanged_rates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.addClock(t)
		strict := clockManifest
		strict.Events = slices.Clone(strict.Events)
		strict.Events[0].Rate, strict.Events[0].Burst = 1, 1
		send := func(id string) bus.Status { return n.do(t, setClock(id, "x")).Status }
		got := []bus.Status{send("a1"), send("a2")}
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: strict})
		got = append(got, send("b1"), send("b2"))
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
		got = append(got, send("c1"), send("c2"))
		want := []bus.Status{bus.OK, bus.OK, bus.OK, bus.Busy, bus.OK, bus.OK}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}
