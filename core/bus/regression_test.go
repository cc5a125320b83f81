package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// withTabs makes the demo feature show each user their own number of tabs, if any.
func (n *node) withTabs() {
	own := manifest
	own.Personal = true
	own.State = []plugins.Field{{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser}}
	n.demo.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
		var fs []plugins.Fragment
		for _, g := range v.State.Presence["mine"] {
			if g.Tabs > 0 || v.Personal() {
				fs = append(fs, plugins.Fragment{
					ID: "demo-tabs", HTML: fmt.Sprintf(`<p id="demo-tabs">%d tabs</p>`, g.Tabs), Audience: plugins.Audience{User: g.Key},
				})
			}
		}
		return fs, nil
	})
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
}

// TestBus_Join_crowd: more people who come within a frame than one render may tell
// of are all told.
func TestBus_Join_crowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.withTabs()
		const crowd = 1000
		for i := range crowd {
			if err := n.Join("home", person(fmt.Sprint("user", i))); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		told := map[string]bool{}
		for _, m := range n.wall.take() {
			told[m.audience.User] = true
		}
		if len(told) != crowd {
			t.Errorf("%d of %d people were told of their tabs", len(told), crowd)
		}
	})
}

// TestBus_Leave_last: what was kept of somebody whose last tab closed is not shown
// when they come back.
func TestBus_Leave_last(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.withTabs()
		for _, user := range []string{"bob", "ann"} { // bob keeps the room loaded
			if err := n.Join("home", person(user)); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		if got := strip(n.page(t)); !strings.Contains(got, ">1 tabs<") {
			t.Fatalf("page has %s, want 1 tab", got)
		}
		n.Leave("home", "tab-of-ann")
		settle()
		if got := strip(n.page(t)); !strings.Contains(got, ">0 tabs<") {
			t.Errorf("page has %s after the tab closed, want 0 tabs", got)
		}
	})
}

// TestBus_render_bounded: however much happens while a feature fails, one render is
// told of a bounded number of changes.
func TestBus_render_bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		own := manifest
		own.State = []plugins.Field{{Name: "words", Kind: plugins.List, Cap: 10}}
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
		n.demo.handle = func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			return slices.Repeat([]plugins.Mutation{plugins.Push("words", ev.ID)}, 50), nil
		}
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.demo.setRender(func(context.Context, plugins.View) ([]plugins.Fragment, error) { return nil, errors.New("broken") })
		for i := range 200 {
			if got := n.do(t, request(fmt.Sprint("e", i), "1")); got.Status != bus.OK {
				t.Fatal(got)
			}
			<-time.After(30 * time.Millisecond)
		}
		most := 0
		n.demo.mu.Lock()
		for _, v := range n.demo.views {
			most = max(most, len(v.Changes))
		}
		n.demo.mu.Unlock()
		if most > 1000 {
			t.Errorf("one render was told of %d changes, want at most 1000", most)
		}
	})
}

// TestBus_render_patchFails: a feature that fails on changes but can render
// everything is shown.
func TestBus_render_patchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			for _, c := range v.Changes {
				if c.Field == "count" {
					return nil, errors.New("a bug in the patch")
				}
			}
			return show(ctx, v)
		})
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.do(t, request("e1", "1"))
		<-time.After(2 * time.Second)
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">1</p>`) {
			t.Errorf("page has %s, want the count of 1", got)
		}
	})
}

// slowTail is an engine whose log is read only when gate is closed.
type slowTail struct {
	engine.Engine
	gate chan struct{}
}

func (s slowTail) Tail(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	<-s.gate
	return s.Engine.Tail(ctx, from, deliver)
}

// TestBus_Ready_log: no event is taken before the log has been read, or one that is
// sent again after a restart would run twice.
func TestBus_Ready_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		first := startNode(t, e)
		if got := first.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Fatal(got)
		}
		first.stop()

		slow := slowTail{e, make(chan struct{})}
		n := &node{demo: &demo{}, wall: &wall{}}
		b, err := bus.New(bus.Config{Engine: slow, Broadcaster: n.wall, Features: []bus.Feature{{Name: "demo", Carrier: n.demo}}})
		if err != nil {
			t.Fatal(err)
		}
		n.Bus = b
		running(t, b.Run)
		b.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: manifest})
		settle()
		if err := b.Ready(); err == nil || err.Error() != "reading the logs" {
			t.Errorf("Ready() = %v before the log was read, want it to say so", err)
		}
		if got := n.do(t, request("e1", "1")); got.Status != bus.Unavailable {
			t.Errorf("outcome %+v before the log was read, want unavailable", got)
		}
		close(slow.gate)
		settle()
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Errorf("outcome %+v, want ok", got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">1</p>`) {
			t.Errorf("page has %s, want the event counted once", got)
		}
	})
}

// TestBus_Sync_removed: a page that missed the removal of a fragment is told.
func TestBus_Sync_removed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		old := revsOf(n.page(t))
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			fs, err := show(ctx, v)
			return fs[:1], err
		})
		n.FeatureChanged(plugins.Status{Name: "demo"})
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: manifest})
		settle()
		for _, op := range n.sync(person("ann"), old) {
			if op.Selector() == "#page_room-demo" && strip(op.HTML()) == `<p id="demo-count">0</p>` {
				return
			}
		}
		t.Error("the corner without the removed fragment was not sent")
	})
}

// TestBus_FeatureChanged_personal: somebody who opened the page while a feature was
// down sees what is theirs alone when it is back.
func TestBus_FeatureChanged_personal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.withTabs()
		own, _ := n.Manifest("demo")
		n.FeatureChanged(plugins.Status{Name: "demo"})
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		if got := n.page(t); strings.Contains(got, "demo-tabs") {
			t.Fatalf("page has %s while the feature is down", got)
		}
		n.sync(person("ann"), nil)
		n.wall.take()
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
		settle()
		for _, m := range n.wall.take() {
			if m.audience.User == "ann" && strings.Contains(strip(last([]message{m}, "#page_own-demo")), ">1 tabs<") {
				return
			}
		}
		t.Error("ann was not shown her tabs when the feature came back")
	})
}

// TestBus_FeatureChanged_first: somebody whose page is there before a feature has ever
// been up sees what is theirs alone when it is.
func TestBus_FeatureChanged_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &demo{render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if !v.Personal() {
				return nil, nil
			}
			return []plugins.Fragment{{
				ID: "late-own", HTML: `<p id="late-own">for ` + v.Viewer.User + `</p>`, Audience: plugins.Audience{User: v.Viewer.User},
			}}, nil
		}}
		n := &node{wall: &wall{}}
		b, err := bus.New(bus.Config{
			Engine: startEngine(t, memory.Config{}), Broadcaster: n.wall, Region: "lhr",
			Features: []bus.Feature{{Name: "late", Carrier: late}},
		})
		if err != nil {
			t.Fatal(err)
		}
		n.Bus = b
		running(t, b.Run)
		settle()
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		n.sync(person("ann"), nil)
		n.wall.take()
		n.FeatureChanged(plugins.Status{Name: "late", Up: true, Manifest: plugins.Manifest{Name: "late", Title: "Late", Personal: true}})
		settle()
		for _, m := range n.wall.take() {
			if m.audience.User == "ann" && strings.Contains(strip(last([]message{m}, "#page_own-late")), ">for ann<") {
				return
			}
		}
		t.Error("ann was not shown what is hers when the feature came up")
	})
}

// TestBus_unload_rendering: a room is not unloaded while it is rendered, or that
// render would be shown after newer ones of a new room of its name.
func TestBus_unload_rendering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), func(c *bus.Config) { c.MaxIdleRooms = 1 })
		var slow atomic.Bool
		slow.Store(true)
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			fs, err := show(ctx, v)
			if v.Room == "home" && slow.Swap(false) {
				<-time.After(1900 * time.Millisecond)
			}
			return fs, err
		})
		for _, room := range []string{"home", "other"} { // the first gives up after a second
			if _, err := n.Page(t.Context(), room, "", person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(600 * time.Millisecond) // there are too many idle rooms
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		n.do(t, request("e1", "1"))
		<-time.After(time.Minute)
		var counts []string
		for _, m := range n.wall.take() {
			for _, op := range m.ops {
				if html, _ := op["html"].(string); strings.Contains(html, "demo-count") {
					counts = append(counts, strip(html))
				}
			}
		}
		if len(counts) == 0 || !strings.Contains(counts[len(counts)-1], `<p id="demo-count">1</p>`) {
			t.Errorf("broadcasts of the count, in order: %q; want 1 last", counts)
		}
	})
}

// TestBus_FeatureChanged_atOnce: features that come up at the same moment while
// rooms are open all see their state.
func TestBus_FeatureChanged_atOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := bus.Config{Engine: startEngine(t, memory.Config{}), Broadcaster: &wall{}, Region: "lhr"}
		var manifests []plugins.Manifest
		for i := range 6 {
			m := plugins.Manifest{Name: fmt.Sprint("f", i), Title: "F", State: []plugins.Field{{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion}}}
			manifests = append(manifests, m)
			d := &demo{}
			d.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
				id := v.Feature + "-here"
				return []plugins.Fragment{{ID: id, HTML: fmt.Sprintf(`<p id="%s">%d groups</p>`, id, len(v.State.Presence["here"]))}}, nil
			})
			cfg.Features = append(cfg.Features, bus.Feature{Name: m.Name, Carrier: d})
		}
		b, err := bus.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		running(t, b.Run)
		synctest.Wait()
		const rooms = 40
		for i := range rooms {
			if err := b.Join(fmt.Sprint("room", i), person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for _, m := range manifests {
			wg.Go(func() { b.FeatureChanged(plugins.Status{Name: m.Name, Up: true, Manifest: m}) })
		}
		wg.Wait()
		settle()
		for i := range rooms {
			sections, err := b.Page(t.Context(), fmt.Sprint("room", i), "", person("ann"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sections {
				if !strings.Contains(s.HTML, ">1 groups<") {
					t.Errorf("room %d: %s shows %s, want 1 group", i, s.Name, strip(s.HTML))
				}
			}
		}
	})
}

// TestBus_Dispatch_poison: an event that a feature always fails with is given up,
// and costs the others only a second try.
func TestBus_Dispatch_poison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), func(c *bus.Config) {
			c.Features[0].Carrier = poisoned{c.Features[0].Carrier}
		})
		settled := map[string]bus.Outcome{}
		ids := []string{"good1", "poison", "good2"}
		tries := 0
		for ; len(settled) < len(ids); tries++ {
			if tries == 10 {
				t.Fatalf("after 10 tries only %v are settled", settled)
			}
			outcomes := make(chan func() (string, bus.Outcome), len(ids))
			for _, id := range ids {
				n.Dispatch(request(id, "1"), func(o bus.Outcome) { outcomes <- func() (string, bus.Outcome) { return id, o } })
			}
			for range ids {
				if id, o := (<-outcomes)(); o.Status != bus.Unavailable {
					settled[id] = o
				}
			}
		}
		if settled["poison"].Status != bus.Failed || settled["good1"].Status != bus.OK || settled["good2"].Status != bus.OK {
			t.Errorf("outcomes %+v, want error for poison and ok for the others", settled)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">2</p>`) {
			t.Errorf("page has %s, want the two others counted once", got)
		}
	})
}

// poisoned is a carrier whose process dies of an event.
type poisoned struct{ plugins.Carrier }

func (p poisoned) Handle(ctx context.Context, events []plugins.Event, states map[string]plugins.State) ([]plugins.Outcome, error) {
	for _, ev := range events {
		if ev.ID == "poison" {
			return nil, plugins.ErrUnavailable
		}
	}
	return p.Carrier.Handle(ctx, events, states)
}

// TestBus_personal_retried: what one person alone sees is tried again when it could not
// be rendered, also in a room in which nothing changes any more.
func TestBus_personal_retried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		own := &demo{render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if !v.Personal() {
				return nil, nil
			}
			if slow.Load() {
				return nil, fmt.Errorf("%w: %w", plugins.ErrUnavailable, context.DeadlineExceeded)
			}
			return []plugins.Fragment{{
				ID: "own-name", HTML: `<p id="own-name">for ` + v.Viewer.User + `</p>`, Audience: plugins.Audience{User: v.Viewer.User},
			}}, nil
		}}
		n := &node{wall: &wall{}}
		b, err := bus.New(bus.Config{
			Engine: startEngine(t, memory.Config{}), Broadcaster: n.wall, Region: "lhr",
			Features: []bus.Feature{{Name: "own", Carrier: own}},
		})
		if err != nil {
			t.Fatal(err)
		}
		n.Bus = b
		running(t, b.Run)
		n.FeatureChanged(plugins.Status{Name: "own", Up: true, Manifest: plugins.Manifest{Name: "own", Title: "Own", Personal: true}})
		settle()
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		slow.Store(true)
		n.sync(person("ann"), nil)
		time.Sleep(3 * time.Second) // it is tried, and fails again
		n.wall.take()
		slow.Store(false)
		time.Sleep(2 * time.Second)
		for _, m := range n.wall.take() {
			if m.audience.User == "ann" && strings.Contains(strip(last([]message{m}, "#page_own-own")), ">for ann<") {
				return
			}
		}
		t.Error("ann was not shown what is hers")
	})
}

// A render that fails once leaves no note that it can't be shown, also where nothing is
// left to be rendered but a passing value that is gone by then.
func TestBus_NoteGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		m := manifest
		m.State = append(slices.Clip(m.State), plugins.Field{Name: "ping", Kind: plugins.Volatile})
		n.demo.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Signal("ping", "x")}, nil
		})
		failed := false
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if slices.ContainsFunc(v.Changes, func(c plugins.Change) bool { return c.Field == "ping" }) && !failed {
				failed = true
				return nil, errors.New("only once")
			}
			if v.Changes == nil {
				time.Sleep(50 * time.Millisecond) // so that what follows comes together
			}
			return show(ctx, v)
		})
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		for range 2 { // a render begins, and all is to be rendered anew
			n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: m})
			time.Sleep(10 * time.Millisecond)
		}
		if o := n.do(t, request("e1", "1")); o.Status != bus.OK {
			t.Fatalf("event: %+v, want ok", o)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if note := last(n.wall.take(), "#page_rest-demo"); !failed || strings.Contains(note, "can't") {
			t.Errorf("failed %v; a minute later the note is %q, want none", failed, note)
		}
	})
}
