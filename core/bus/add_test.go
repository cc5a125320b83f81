package bus_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// corner is what the tests take for a section.
func corner(s bus.Section) string {
	return `<section id="` + s.Name + `"><h2>` + s.Title + `</h2>` + s.Resting + s.HTML + `</section>`
}

func withCorner(c *bus.Config) { c.Corner = corner }

// clock is a feature beside the demo: a word that people set.
var clockManifest = plugins.Manifest{
	Name: "clock", Title: "Clock", State: []plugins.Field{{Name: "word", Kind: plugins.Register}},
	Events: []plugins.EventType{{Name: "set", Rate: 1000, Burst: 10000, Fields: []plugins.Param{{Name: "to", Type: plugins.Text}}}},
}

func newClock() *demo {
	return &demo{
		handle: func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Set("word", ev.Fields.Text("to"))}, nil
		},
		render: func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			return []plugins.Fragment{{ID: "clock-word", HTML: `<p id="clock-word">` + v.State.Registers["word"].Value + `</p>`}}, nil
		},
	}
}

// addClock adds a clock that is up.
func (n *node) addClock(tb testing.TB) *demo {
	tb.Helper()
	c := newClock()
	if err := n.Add(bus.Feature{Name: "clock", Carrier: c}); err != nil {
		tb.Fatal(err)
	}
	n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
	return c
}

func setClock(id, to string) bus.Request {
	return bus.Request{ID: id, Room: "home", Target: "clock#set", Fields: map[string]string{"to": to}, Person: person("ann")}
}

// names returns the features of a page, in order.
func (n *node) names(tb testing.TB, only string) []string {
	tb.Helper()
	sections, err := n.Page(context.Background(), "home", only, person("ann"))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, s := range sections {
		names = append(names, s.Name)
	}
	return names
}

// told returns the operations of messages, one a line.
func lines(messages []message) string {
	var s strings.Builder
	for _, m := range messages {
		for _, op := range m.ops {
			fmt.Fprintln(&s, op["operation"], op["selector"], op["name"], op["value"], strip(fmt.Sprint(op["html"])))
		}
	}
	return s.String()
}

// TestBus_Add: a feature that is added while people look is on their pages, takes
// events, and is gone from them when it is removed; its state is there when it comes back.
func TestBus_Add(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), withCorner)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		for round, before := range []string{"", "noon"} {
			n.addClock(t)
			settle()
			told := n.wall.take()
			log := lines(told)
			for _, want := range []string{
				"remove #clock ", "insertAdjacentHtml html:not([data-live-only]) main ", `insertAdjacentHtml html[data-live-only="clock"] main `,
				`<section id="clock"><h2>clock</h2>`, `<h2 id="page_title-clock">Clock</h2>`, `<p id="clock-word">` + before + `</p>`,
			} {
				if !strings.Contains(log, want) {
					t.Errorf("round %d: pages were not told %s but\n%s", round, want, log)
				}
			}
			if diff := cmp.Diff([]string{"demo", "clock"}, n.names(t, "")); diff != "" {
				t.Errorf("round %d: page (-want +got):\n%s", round, diff)
			}
			if o := n.do(t, setClock(fmt.Sprint("e", round), "noon")); o.Status != bus.OK {
				t.Errorf("round %d: an event = %+v, want ok", round, o)
			}
			settle()
			n.wall.take()
			n.Remove("clock")
			n.Remove("clock")
			if got, want := lines(n.wall.take()), "remove #clock <nil> <nil> <nil>\n"+
				`setProperty html[data-live-only="clock"] [data-live-message] textContent This is not here any more. <nil>`+"\n"; got != want {
				t.Errorf("round %d: pages were told\n%swant\n%s", round, got, want)
			}
			if diff := cmp.Diff([]string{"demo"}, n.names(t, "")); diff != "" {
				t.Errorf("round %d: page after it went (-want +got):\n%s", round, diff)
			}
			if o := n.do(t, setClock(fmt.Sprint("late", round), "x")); o.Status != bus.Forbidden || o.Sentence == "" {
				t.Errorf("round %d: an event after it went = %+v, want it forbidden with a sentence", round, o)
			}
			if n.Shows("clock") || !n.Knows("clock") || n.Knows("other") {
				t.Errorf("round %d: Shows %t, Knows %t, of another %t", round, n.Shows("clock"), n.Knows("clock"), n.Knows("other"))
			}
			n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest}) // of a process that ends
			settle()
			if got := n.wall.take(); len(got) > 0 {
				t.Errorf("round %d: a feature that is gone is told of: %s", round, lines(got))
			}
		}
	})
}

// TestBus_Add_names: names that clash are refused, and the error says with which.
func TestBus_Add_names(t *testing.T) {
	n := startNode(t, startEngine(t, memory.Config{}))
	n.addClock(t)
	for name, want := range map[string]string{
		"demo": `feature "demo"`, "clock": `feature "clock"`, "demo-count": `feature "demo"`, "": "name", `x"><script>`: "name", "Big": "name",
	} {
		if err := n.Add(bus.Feature{Name: name, Carrier: &demo{}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add(%q) = %v, want an error with %s", name, err, want)
		}
	}
	if err := n.Add(bus.Feature{Name: "demos", Carrier: &demo{}}); err != nil {
		t.Errorf("Add(demos) = %v", err)
	}
	if err := n.Ready(); err != nil {
		t.Errorf("Ready() = %v, want nil: what is added does not count", err)
	}
}

// TestBus_Add_beforeRun: what is added and removed before Run is there, or not, in it.
func TestBus_Add_beforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{demo: newClock(), wall: &wall{}}
		b, err := bus.New(bus.Config{Engine: startEngine(t, memory.Config{}), Broadcaster: n.wall, Region: "lhr"})
		if err != nil {
			t.Fatal(err)
		}
		n.Bus = b
		for _, name := range []string{"gone", "clock"} {
			if err := n.Add(bus.Feature{Name: name, Carrier: n.demo}); err != nil {
				t.Fatal(err)
			}
		}
		n.Remove("gone")
		n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: clockManifest})
		stop := running(t, b.Run)
		settle()
		if o := n.do(t, setClock("e1", "noon")); o.Status != bus.OK {
			t.Errorf("an event = %+v, want ok", o)
		}
		stop()
		n.Remove("clock")
		n.addClock(t)
		if diff := cmp.Diff([]string{"clock"}, namesOf(b)); diff != "" {
			t.Errorf("features after Run (-want +got):\n%s", diff)
		}
	})
}

func namesOf(b *bus.Bus) (names []string) {
	for _, m := range b.Manifests() {
		names = append(names, m.Name)
	}
	return names
}

// TestBus_Remove_hangs: Remove waits for no feature, and tells at once those who do.
func TestBus_Remove_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		release := make(chan struct{})
		c := n.addClock(t)
		began := make(chan struct{}, 1)
		c.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			began <- struct{}{}
			<-release
			return []plugins.Mutation{plugins.Set("word", "late")}, nil
		})
		var mu sync.Mutex
		outcomes := map[string]bus.Outcome{}
		dispatch := func(id string) {
			n.Dispatch(setClock(id, "x"), func(o bus.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				outcomes[id] = o
			})
		}
		dispatch("held")
		<-began
		dispatch("waits")
		start := time.Now()
		n.Remove("clock")
		synctest.Wait()
		mu.Lock()
		if o := outcomes["waits"]; o.Status != bus.Forbidden || !strings.Contains(o.Sentence, "not on the page any more") {
			t.Errorf("an event that waited = %+v, want it told that its feature is gone", o)
		}
		mu.Unlock()
		if took := time.Since(start); took != 0 {
			t.Errorf("Remove took %v, want no time", took)
		}
		n.addClock(t)
		if o := n.do(t, setClock("next", "noon")); o.Status != bus.OK {
			t.Errorf("an event of the next one = %+v, want ok", o)
		}
		close(release)
		settle()
		mu.Lock()
		defer mu.Unlock()
		if o := outcomes["held"]; o.Status != bus.OK {
			t.Errorf("the event that it had in hand = %+v, want ok", o)
		}
	})
}

// TestBus_Remove_watches: nothing is watched for a feature that is gone, while it has a
// change in hand or not, and again when it is back.
func TestBus_Remove_watches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		n := startNode(t, e)
		watchers := func() int {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.watchers)
		}
		m := clockManifest
		m.Watches = []plugins.Watch{{Keys: "sign", Event: "told"}}
		for round := range 2 {
			c := n.addClock(t)
			release := make(chan struct{})
			c.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
				<-release
				return nil, nil
			})
			n.FeatureChanged(plugins.Status{Name: "clock", Up: true, Manifest: m})
			<-time.After(5 * time.Second)
			e.set("sign", fmt.Sprint("open", round))
			settle()
			if got := watchers(); got != 1 {
				t.Errorf("round %d: %d watch the keys, want one", round, got)
			}
			n.Remove("clock")
			settle()
			if got := watchers(); got != 0 {
				t.Errorf("round %d: %d watch the keys of a feature that is gone", round, got)
			}
			close(release)
		}
	})
}

// TestBus_Remove_rendering: what a feature was rendering when it was removed is not shown
// after it is gone, where one of its name may be by then.
func TestBus_Remove_rendering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), withCorner)
		c := n.addClock(t)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		release := make(chan struct{})
		c.setRender(func(context.Context, plugins.View) ([]plugins.Fragment, error) {
			<-release
			return []plugins.Fragment{{ID: "clock-word", HTML: `<p id="clock-word">late</p>`}}, nil
		})
		n.do(t, setClock("e1", "noon"))
		n.Remove("clock")
		n.addClock(t)
		settle()
		n.wall.take()
		close(release)
		settle()
		if got := n.wall.take(); len(got) > 0 {
			t.Errorf("pages were told\n%s", lines(got))
		}
	})
}

// TestBus_Remove_required: what was removed is not waited for.
func TestBus_Remove_required(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), func(c *bus.Config) {
			c.Features = append(c.Features, bus.Feature{Name: "clock", Carrier: newClock()})
		}, func(c *bus.Config) { c.Features = c.Features[:1] })
		if err := n.Ready(); err != nil {
			t.Fatal(err)
		}
		n.Remove("demo")
		if err := n.Ready(); err != nil {
			t.Errorf("Ready() = %v after the only feature was removed, want nil", err)
		}
	})
}

// TestBus_Remove_race: features come and go while people click and look; no event is
// lost without an answer, and nothing is left.
func TestBus_Remove_race(t *testing.T) {
	n := startNode(t, startEngine(t, memory.Config{}), withCorner)
	if err := n.Join("home", person("ann")); err != nil {
		t.Fatal(err)
	}
	var clicks sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		clicks.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				req := setClock(fmt.Sprint(w, "-", i), "x")
				if i%2 == 0 {
					req = request(fmt.Sprint(w, "-", i), "1")
				}
				if o := n.do(t, req); i%2 == 0 && o.Status != bus.OK {
					t.Errorf("an event of the other feature = %+v, want ok", o)
				}
				n.Sync("home", "", person("ann"), map[string]string{"page_rest-clock": "x", "page_style": "y"}, func(...dom.Operation) {})
			}
		})
	}
	for range 50 {
		n.addClock(t)
		n.Remove("clock")
	}
	close(done)
	clicks.Wait()
	if diff := cmp.Diff([]string{"demo"}, n.names(t, "")); diff != "" {
		t.Errorf("page in the end (-want +got):\n%s", diff)
	}
}

// TestBus_Sync_sections: a page that was away while features came and went has their
// sections put right, and so has the frame of one.
func TestBus_Sync_sections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}), withCorner)
		n.addClock(t)
		n.do(t, setClock("e1", "noon"))
		n.StyleChanged("/assets/features-2.css")
		sections, err := n.Page(context.Background(), "home", "", person("ann"))
		if err != nil {
			t.Fatal(err)
		}
		whole := map[string]string{"page_style": "/assets/features-2.css"}
		for _, s := range sections {
			maps.Copy(whole, revsOf(s.HTML+s.Resting))
			whole["page_title-"+s.Name] = s.TitleRev
		}
		edit := func(drop string, add ...string) map[string]string {
			revs := map[string]string{}
			for id, rev := range whole {
				if drop == "" || !strings.Contains(id, drop) {
					revs[id] = rev
				}
			}
			for _, id := range add {
				revs[id] = "x"
			}
			return revs
		}
		for _, tt := range []struct {
			name, only string
			revs       map[string]string
			want       []string
		}{
			{"the same", "", edit(""), nil},
			{"one came", "", edit("clock"), []string{"remove #clock", "insertAdjacentHtml main"}},
			{"one went", "", edit("", "page_rest-old"), []string{"remove #old", `setProperty html[data-live-only="old"] [data-live-message]`}},
			{"no name", "", edit("", `page_rest-"] *`), nil},
			{"title", "", edit("page_title-clock", "page_title-clock"), []string{"morph #page_title-clock"}},
			{"style", "", edit("page_style", "page_style"), []string{"setAttribute #page_style", "setAttribute #page_style"}},
			{"of before", "", edit("page_style", "page_none"), nil},
			{"frame", "clock", edit("demo"), nil},
			{"frame came", "clock", map[string]string{"page_style": "/assets/features-2.css"}, []string{"remove #clock", "insertAdjacentHtml main", "setProperty [data-live-message]"}},
			{"frame went", "old", map[string]string{"page_style": "/assets/features-2.css"}, []string{"setProperty [data-live-message]"}},
		} {
			var mu sync.Mutex
			var got []string
			html := ""
			n.Sync("home", tt.only, person("ann"), tt.revs, func(ops ...dom.Operation) {
				mu.Lock()
				defer mu.Unlock()
				for _, op := range ops {
					got = append(got, op.String())
					html += op.HTML()
				}
			})
			settle()
			mu.Lock()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: operations (-want +got):\n%s", tt.name, diff)
			}
			if slices.Contains(got, "remove #clock") && !strings.Contains(strip(html), `<p id="clock-word">noon</p>`) {
				t.Errorf("%s: the section comes as %s, want it with what it shows", tt.name, html)
			}
			mu.Unlock()
		}
	})
}

// TestBus_Add_unknownLooks: where nobody told the bus what a section looks like, people
// are asked to load the page again.
func TestBus_Add_unknownLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		n.addClock(t)
		if got := lines(n.wall.take()); !strings.Contains(got, "[data-live-message] textContent This page has changed. Reload it") {
			t.Errorf("pages were told\n%s", got)
		}
		for _, op := range n.sync(person("ann"), map[string]string{"page_rest-demo": "x"}) {
			if op.Selector() == "[data-live-message]" {
				return
			}
		}
		t.Error("a page that lacks the feature was not told")
	})
}

// TestBus_StyleChanged: pages are told of a new style sheet once.
func TestBus_StyleChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		for range 2 {
			n.StyleChanged("/assets/features-1.css")
		}
		want := "setAttribute #page_style href /assets/features-1.css <nil>\nsetAttribute #page_style data-live-rev /assets/features-1.css <nil>\n"
		if got := lines(n.wall.take()); got != want {
			t.Errorf("pages were told\n%swant\n%s", got, want)
		}
	})
}
