package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// values returns what messages hand to the element of a field.
func values(messages []message, field string) (all []string, frames int) {
	for _, m := range messages {
		for _, op := range m.ops {
			if op["selector"] != "#demo-"+field || op["name"] != "live:signals" {
				continue
			}
			frames++
			for _, v := range op["detail"].(map[string]any)["values"].([]any) {
				all = append(all, v.(string))
			}
		}
	}
	return all, frames
}

// waitValue waits until an element was handed a value, and returns all that came.
func (n *node) waitValue(t *testing.T, field, want string) (all []string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%s to get %q", field, want), func() bool {
		got, _ := values(n.wall.take(), field)
		all = append(all, got...)
		return len(all) > 0 && all[len(all)-1] == want
	})
	return all
}

// TestSignals: what a feature signals goes to the element, and of a key the newest.
func TestSignals(t *testing.T) {
	n := startBoard(t)
	n.wall.take()
	renders := n.demo.renders()
	for x := range 500 {
		req := bus.Request{
			ID: fmt.Sprint("m-", x), Room: "home", Target: "demo#move", Fields: map[string]string{"x": fmt.Sprint(x)},
			Person: plugins.Person{User: "ann", Session: "ann-1", Region: "lhr"},
		}
		n.Dispatch(req, func(o bus.Outcome) {
			if o.Status != bus.OK {
				t.Errorf("move %d: %+v", x, o)
			}
		})
	}
	if all := n.waitValue(t, "at", "ann 499"); len(all) > 100 {
		t.Errorf("%d values were shown of 500 moves at once, want the newest ones", len(all))
	}
	if n.demo.renders() != renders {
		t.Error("a pointer that moved was rendered")
	}
	// Nobody looks at another room.
	o := n.Do(t.Context(), bus.Request{ID: "m-else", Room: "attic", Target: "demo#move", Fields: map[string]string{"x": "1"}, Person: plugins.Person{User: "bob"}})
	if o.Status != bus.OK {
		t.Errorf("move in a room that nobody looks at: %+v", o)
	}
	// One that is not direct is rendered once.
	if o := n.event(t, "ann", "wave", nil); o.Status != bus.OK {
		t.Fatalf("wave: %+v", o)
	}
	waitFor(t, "the wave", func() bool { return strings.Contains(last(n.wall.take(), "#demo-said"), "hey") })
}

// TestSignals_crowd: of a crowd the newest hundred are shown, in frames of 4 kB.
func TestSignals_crowd(t *testing.T) {
	n := startBoard(t)
	n.wall.take()
	long := strings.Repeat("x", 60)
	for i := range 300 {
		req := bus.Request{
			ID: fmt.Sprint("c-", i), Room: "home", Target: "demo#move", Fields: map[string]string{"x": "1"},
			Person: plugins.Person{User: fmt.Sprintf("%03d%s", i, long), Session: fmt.Sprint("s", i), Region: "lhr"},
		}
		n.Dispatch(req, func(bus.Outcome) {})
	}
	newest := fmt.Sprintf("%03d%s 1", 299, long)
	waitFor(t, "the last of the crowd", func() bool {
		for _, m := range n.wall.take() {
			all, frames := values([]message{m}, "at")
			if size := len(strings.Join(all, `","`)); frames > 0 && (size > plugins.MaxFrameSize || len(all) > 100) {
				t.Errorf("a frame of %d values and %d bytes", len(all), size)
			}
			if len(all) > 0 && all[len(all)-1] == newest {
				return true
			}
		}
		return false
	})
}

// TestLeaves: a tab that is gone is an event of the feature.
func TestLeaves(t *testing.T) {
	n := startBoard(t)
	if err := n.Join("home", plugins.Person{User: "bob", Session: "bob-1", Region: "lhr"}); err != nil {
		t.Fatal(err)
	}
	n.Leave("home", "bob-1")
	n.waitValue(t, "at", "bob")
}

// TestBus_comingAndGoing: a feature hears of each tab that comes to a room and goes, in that
// order, also when it comes again. Others tell nobody who has left
// (centrifugal/centrifugo#93, #195, #924).
func TestBus_comingAndGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		m := manifest
		m.Joins, m.Leaves = "came", "went"
		m.Events = m.Events[:1]
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: m})
		n.demo.setHandle(func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Add("count", map[string]int64{"came": 1, "went": -1}[ev.Name])}, nil
		})
		for _, session := range []string{"bob-1", "bob-2"} {
			if err := n.Join("home", plugins.Person{User: "bob", Session: session, Region: "lhr"}); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">2</p>`) {
			t.Errorf("page has %s, want both tabs counted by the feature", got)
		}
		n.Leave("home", "bob-1")
		n.Leave("home", "bob-2")
		if err := n.Join("home", plugins.Person{User: "bob", Session: "bob-1", Region: "lhr"}); err != nil {
			t.Fatal(err)
		}
		settle()
		n.demo.mu.Lock()
		var got []string
		for _, ev := range n.demo.handled {
			got = append(got, ev.Name+" "+ev.Person.User+" "+ev.Person.Session+" in "+ev.Room+" as "+ev.ID)
		}
		n.demo.mu.Unlock()
		want := []string{
			"came bob bob-1 in home as joined-bob-1", "came bob bob-2 in home as joined-bob-2",
			"went bob bob-1 in home as left-bob-1", "went bob bob-2 in home as left-bob-2", "came bob bob-1 in home as joined-bob-1",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the feature heard (-want +got):\n%s", d)
		}
		if page := strip(n.page(t)); !strings.Contains(page, `<p id="demo-count">1</p>`) {
			t.Errorf("page has %s, want the tab that came again", page)
		}
		for _, target := range []string{"demo#came", "demo#went"} { // nobody can say it of themselves, nor can a service
			for _, backend := range []bool{false, true} {
				req := bus.Request{ID: "fake", Room: "home", Target: target, Person: person("ann"), Backend: backend}
				if o := n.do(t, req); o.Status != bus.Forbidden {
					t.Errorf("%s of a person's own: %+v, want forbidden", target, o)
				}
			}
		}
	})
}

// TestTraffic: events are told by the site that took them, and how many.
func TestTraffic(t *testing.T) {
	n := startBoard(t)
	n.wall.take()
	n.paint(t, "ann", 1, "1,1")
	n.waitValue(t, "traffic", "lhr 1")
}

// TestTrace: a traced event tells where it was, in the order in which that happened.
func TestTrace(t *testing.T) {
	n := startBoard(t)
	traces := make(chan plugins.Trace, 10)
	n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
		if value := v.State.Registers["trace"].Value; value != "" {
			trace, err := plugins.ParseTrace(value)
			if err != nil {
				t.Error(err)
			}
			traces <- trace
		}
		return renderBoard(ctx, v)
	})
	if o := n.event(t, "ann", "pulse", nil); o.Status != bus.OK {
		t.Fatalf("pulse: %+v", o)
	}
	timeout := time.After(patience)
	for {
		select {
		case trace := <-traces:
			if !trace.Done {
				continue
			}
			if len(trace.Rows) != 1 {
				t.Fatalf("trace of one site = %+v", trace)
			}
			r := trace.Rows[0]
			if trace.By != "ann" || trace.Site != "lhr" || r.Site != "lhr" || r.Region != "lhr" {
				t.Errorf("trace = %+v", trace)
			}
			if trace.Appended <= 0 || r.Arrived <= 0 || r.Rendered < r.Arrived || r.Returned < r.Rendered {
				t.Errorf("trace = %+v: want appended, and arrived before rendered before returned", trace)
			}
			return
		case <-timeout:
			t.Fatal("no trace came to its end")
		}
	}
}
