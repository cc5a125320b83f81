package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// TestBus_render_coalesces: the first change is rendered at once, those that follow
// within the frame together at its end.
func TestBus_render_coalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		before := n.demo.renders()
		began := time.Now()
		for i := range 50 {
			n.do(t, request(fmt.Sprint("e", i), "1"))
			synctest.Wait()
			if i == 0 {
				if got := n.demo.renders() - before; got != 1 || time.Since(began) > 0 {
					t.Errorf("%d renders %v after the first event, want one at once", got, time.Since(began))
				}
			}
		}
		if time.Since(began) > 0 {
			t.Fatalf("50 events took %v of the test's time, want none", time.Since(began))
		}
		settle()
		if got := n.demo.renders() - before; got != 2 {
			t.Errorf("%d renders for 50 events within a frame, want 2", got)
		}
		if got := strip(last(n.wall.take(), "#demo-count")); got != `<p id="demo-count">50</p>` {
			t.Errorf("broadcast %q, want the count of 50", got)
		}
	})
}

// TestBus_render_unwatched: a room that nobody looks at costs no render.
func TestBus_render_unwatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		for i := range 5 {
			n.do(t, request(fmt.Sprint("e", i), "1"))
			settle()
		}
		if got := n.demo.renders(); got != 0 {
			t.Errorf("%d renders with nobody there, want none", got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">5</p>`) {
			t.Errorf("page has %s, want the count of 5", got)
		}
	})
}

// revsOf returns the revisions in HTML, by id, as a page reports them.
func revsOf(html string) map[string]string {
	revs := map[string]string{}
	for part := range strings.SplitSeq(html, `data-live-rev="`) {
		rev, rest, ok := strings.Cut(part, `"`)
		_, id, found := strings.Cut(rest, `id="`)
		if id, _, _ = strings.Cut(id, `"`); ok && found && rev != "" && !strings.Contains(rev, "<") {
			revs[id] = rev
		}
	}
	return revs
}

// sync asks what is stale and returns the operations.
func (n *node) sync(viewer plugins.Person, revs map[string]string) []dom.Operation {
	var mu sync.Mutex
	var all []dom.Operation
	n.Sync("home", "", viewer, revs, func(ops ...dom.Operation) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, ops...)
	})
	settle()
	mu.Lock()
	defer mu.Unlock()
	return all
}

// TestBus_Sync_cache: a thousand pages that come back cost one render, and each
// gets exactly what is stale.
func TestBus_Sync_cache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		sections, err := n.Page(context.Background(), "home", "", person("ann"))
		if err != nil {
			t.Fatal(err)
		}
		old := revsOf(sections[0].HTML + sections[0].Resting)
		if len(old) != 3 {
			t.Fatalf("page has revisions %v, want those of 3 elements in\n%s", old, sections[0].HTML+sections[0].Resting)
		}
		if got := n.sync(person("ann"), old); len(got) > 0 {
			t.Errorf("a page that is right was sent %v", got)
		}
		n.do(t, request("e1", "7"))
		before := n.demo.renders()
		var stale atomic.Int32
		for range 1000 {
			n.Sync("home", "", person("ann"), old, func(ops ...dom.Operation) {
				if len(ops) == 1 && ops[0].Selector() == "#demo-count" && strings.Contains(ops[0].HTML(), ">7<") {
					stale.Add(1)
				} else {
					t.Errorf("sync sent %v, want the count alone", ops)
				}
			})
		}
		settle()
		if got := stale.Load(); got != 1000 {
			t.Errorf("%d of 1000 pages were told of the count", got)
		}
		if got := n.demo.renders() - before; got != 1 {
			t.Errorf("%d renders for 1000 pages, want 1", got)
		}
	})
}

// TestBus_Sync_corner: a page that lacks a fragment gets the whole corner.
func TestBus_Sync_corner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		ops := n.sync(person("ann"), nil)
		var got []string
		for _, op := range ops {
			got = append(got, op.String())
		}
		if d := cmp.Diff([]string{"morph #page_rest-demo", "morph #page_room-demo", "morph #page_own-demo"}, got); d != "" {
			t.Fatalf("operations (-want +got):\n%s", d)
		}
		if want := `<p id="demo-count">0</p><p id="demo-here">0 people</p>`; strip(ops[1].HTML()) != want {
			t.Errorf("corner is %s, want %s", strip(ops[1].HTML()), want)
		}
	})
}

// TestBus_render_broken: whatever a feature answers, the page keeps what it shows,
// and a second later it is tried again.
func TestBus_render_broken(t *testing.T) {
	fragments := func(f ...plugins.Fragment) func(context.Context, plugins.View) ([]plugins.Fragment, error) {
		return func(context.Context, plugins.View) ([]plugins.Fragment, error) { return f, nil }
	}
	good := plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count">x</p>`}
	patch := func(op dom.Operation) func(context.Context, plugins.View) ([]plugins.Fragment, error) {
		f := good
		f.Patch = []dom.Operation{op}
		return fragments(f)
	}
	for name, render := range map[string]func(context.Context, plugins.View) ([]plugins.Fragment, error){
		"error":              func(context.Context, plugins.View) ([]plugins.Fragment, error) { return nil, errors.New("broken") },
		"two roots":          fragments(plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count"></p><p></p>`}),
		"leading comment":    fragments(plugins.Fragment{ID: "demo-count", HTML: `<!-- x --><p id="demo-count"></p>`}),
		"not closed":         fragments(plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count"><b></p>`}),
		"another's id":       fragments(plugins.Fragment{ID: "other", HTML: `<p id="other"></p>`}),
		"script":             fragments(plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count"><script>x</script></p>`}),
		"handler":            fragments(plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count" onclick="x"></p>`}),
		"too large":          fragments(plugins.Fragment{ID: "demo-count", HTML: `<p id="demo-count">` + strings.Repeat("x", plugins.MaxFragmentSize) + `</p>`}),
		"twice":              fragments(good, good),
		"too many":           fragments(make([]plugins.Fragment, plugins.MaxFragments+1)...),
		"patch elsewhere":    patch(dom.Remove("#other")),
		"patch of all":       patch(dom.Remove("body")),
		"patch of the page":  patch(dom.SetTitle("x")),
		"patch reloads":      patch(dom.Reload()),
		"patch with script":  patch(dom.Append("#demo-count", `<img src="x" onerror="x">`)),
		"patch with handler": patch(dom.SetAttribute("#demo-count", "onclick", "x")),
		"patch of revision":  patch(dom.SetAttribute("#demo-count", "data-live-rev", "x")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := startNode(t, startEngine(t, memory.Config{}))
				if err := n.Join("home", person("ann")); err != nil {
					t.Fatal(err)
				}
				settle()
				before := n.page(t)
				n.wall.take()
				n.demo.setRender(render)
				if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
					t.Fatalf("outcome %+v, want ok: what a feature renders is not the event's fault", got)
				}
				settle()
				got := n.wall.take()
				if note := strip(last(got, "#page_rest-demo")); len(got) != 1 || !strings.Contains(note, "can't be shown") {
					t.Errorf("broadcast %+v, want a note and nothing else", got)
				}
				if d := cmp.Diff(before, n.page(t)); d != "" {
					t.Errorf("page changed (-want +got):\n%s", d)
				}
				n.demo.setRender(nil)
				<-time.After(time.Second)
				settle()
				got = n.wall.take()
				if count := strip(last(got, "#demo-count")); count != `<p id="demo-count">1</p>` {
					t.Errorf("broadcast %q when the feature is right again, want the count of 1", count)
				}
				if note := strip(last(got, "#page_rest-demo")); note != `<p id="page_rest-demo" class="rest" role="status"></p>` {
					t.Errorf("broadcast %q when the feature is right again, want an empty note", note)
				}
			})
		})
	}
}

// TestBus_FeatureChanged: a feature that is down rests in its corner, its events
// are told to come again, and what happened meanwhile is shown when it is back.
func TestBus_FeatureChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		n, other := startNode(t, e), startNode(t, e)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()

		n.FeatureChanged(plugins.Status{Name: "demo", Err: errors.New("killed")})
		if got := strip(last(n.wall.take(), "#page_rest-demo")); !strings.Contains(got, "Resting") {
			t.Errorf("broadcast %q, want word of the rest", got)
		}
		want := bus.Outcome{Status: bus.Unavailable, Sentence: "Resting. What you press is kept."}
		if got := n.do(t, request("e1", "1")); got != want {
			t.Errorf("outcome %+v, want %+v", got, want)
		}
		other.do(t, request("e2", "5")) // by the binary next door
		settle()
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">0</p>`) {
			t.Errorf("page has %s, want what was shown last", got)
		}

		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: manifest})
		settle()
		messages := n.wall.take()
		if got := strip(last(messages, "#page_rest-demo")); got != `<p id="page_rest-demo" class="rest" role="status"></p>` {
			t.Errorf("broadcast %q, want the rest to end", got)
		}
		if got := strip(last(messages, "#demo-count")); got != `<p id="demo-count">5</p>` {
			t.Errorf("broadcast %q, want the count of 5", got)
		}
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Errorf("the same event again: %+v, want ok", got)
		}
	})
}

// TestBus_Page_deadFeature: a feature that never came up does not keep a page from
// being shown.
func TestBus_Page_deadFeature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		b, err := bus.New(bus.Config{
			Engine: startEngine(t, memory.Config{}), Broadcaster: &wall{}, Region: "lhr",
			Features: []bus.Feature{{Name: "demo", Carrier: n.demo}},
		})
		if err != nil {
			t.Fatal(err)
		}
		running(t, b.Run)
		waitFor(t, "the bus to lack nothing but the feature", func() bool {
			err := b.Ready()
			return err != nil && err.Error() == "features not up yet: demo"
		})
		sections, err := b.Page(context.Background(), "home", "", person("ann"))
		if err != nil || len(sections) != 1 || !strings.Contains(sections[0].Resting, "Resting") {
			t.Errorf("Page = %+v, %v; want one resting section", sections, err)
		}
	})
}

// TestBus_render_personal: what one user sees goes to that user alone, comes from a
// cache, and follows what changes for them.
func TestBus_render_personal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := manifest
		own.Personal = true
		own.State = []plugins.Field{{Name: "mine", Kind: plugins.Presence, By: plugins.ByUser}}
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			var fs []plugins.Fragment
			for _, g := range v.State.Presence["mine"] {
				fs = append(fs, plugins.Fragment{
					ID: "demo-tabs", HTML: fmt.Sprintf(`<p id="demo-tabs">%s: %d tabs</p>`, g.Key, g.Tabs), Audience: plugins.Audience{User: g.Key},
				})
			}
			return fs, nil
		})
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: own})
		join := func(user, session string) {
			p := person(user)
			p.Session = session
			if err := n.Join("home", p); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		join("ann", "a1")
		join("bob", "b1")
		if got := strip(n.page(t)); !strings.Contains(got, "ann: 1 tabs") || strings.Contains(got, "bob") {
			t.Errorf("ann's page has %s, want her tabs alone", got)
		}
		n.wall.take()
		join("ann", "a2")
		messages := n.wall.take()
		if len(messages) != 1 || messages[0].audience != (plugins.Audience{User: "ann"}) {
			t.Fatalf("broadcast %+v, want one message for ann", messages)
		}
		if got := strip(last(messages, "#demo-tabs")); got != `<p id="demo-tabs">ann: 2 tabs</p>` {
			t.Errorf("broadcast %q, want 2 tabs", got)
		}
		before := n.demo.renders()
		if got := strip(n.page(t)); !strings.Contains(got, "ann: 2 tabs") {
			t.Errorf("ann's page has %s, want 2 tabs", got)
		}
		if got := n.demo.renders() - before; got != 0 {
			t.Errorf("%d renders for a page seen before, want none", got)
		}
		n.Leave("home", "a1")
		settle()
		if got := n.sync(person("ann"), map[string]string{"demo-tabs": "old"}); !strings.Contains(got[len(got)-1].HTML(), "ann: 1 tabs") {
			t.Errorf("sync sent %v, want 1 tab", got)
		}
	})
}

// TestBus_render_patch: a feature's own operations are sent in place of a morph,
// with the new revision.
func TestBus_render_patch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			fs, err := show(ctx, v)
			fs[0].Patch = []dom.Operation{dom.SetProperty("#demo-count", "textContent", fmt.Sprint(v.State.Counters["count"]))}
			return fs, err
		})
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		n.do(t, request("e1", "4"))
		settle()
		messages := n.wall.take()
		if len(messages) != 1 || len(messages[0].ops) != 2 {
			t.Fatalf("broadcast %+v, want one message of 2 operations", messages)
		}
		rev := revsOf(n.page(t))["demo-count"]
		want := []map[string]any{
			{"operation": "setProperty", "selector": "#demo-count", "name": "textContent", "value": "4"},
			{"operation": "setAttribute", "selector": "#demo-count", "name": "data-live-rev", "value": rev},
		}
		if d := cmp.Diff(want, messages[0].ops); d != "" {
			t.Errorf("operations (-want +got):\n%s", d)
		}
	})
}

// TestBus_render_order: the operations of one change are one message, in the order in
// which the feature returned them, patched fragments and whole ones alike; and what
// follows is another message, after it.
//
// Others did the operations of one event by two ways, of which either might come first
// (stimulusreflex/stimulus_reflex#482).
func TestBus_render_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
			count := fmt.Sprint(v.State.Counters["count"])
			var fs []plugins.Fragment
			for _, id := range []string{"demo-zoo", "demo-alp", "demo-mid"} {
				f := plugins.Fragment{ID: id, HTML: `<p id="` + id + `">` + count + `</p>`}
				if id != "demo-alp" {
					f.Patch = []dom.Operation{
						dom.SetAttribute("#"+id, "class", "is-"+count), dom.TextContent("#"+id, count), dom.SetAttribute("#"+id, "title", count),
					}
				}
				fs = append(fs, f)
			}
			return fs, nil
		})
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		for i := range 3 {
			n.do(t, request(fmt.Sprint("e", i), "1"))
			settle()
		}
		var got, want [][]string
		for _, m := range n.wall.take() {
			var ops []string
			for _, op := range m.ops {
				ops = append(ops, fmt.Sprint(op["operation"], " ", op["selector"], " ", op["name"]))
			}
			got = append(got, ops)
			want = append(want, []string{
				"setAttribute #demo-zoo class", "textContent #demo-zoo <nil>", "setAttribute #demo-zoo title", "setAttribute #demo-zoo data-live-rev",
				"morph #demo-alp <nil>",
				"setAttribute #demo-mid class", "textContent #demo-mid <nil>", "setAttribute #demo-mid title", "setAttribute #demo-mid data-live-rev",
			})
		}
		if d := cmp.Diff(want, got); d != "" || len(got) != 3 {
			t.Errorf("%d messages for three events (-want +got):\n%s", len(got), d)
		}
	})
}

// TestBus_render_key: a fragment that is sent as a whole says so, as the same every
// time, so that a page that lags may go without those before it; a patch does not.
func TestBus_render_key(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		keys := func() (all []string) {
			for _, m := range n.wall.take() {
				all = append(all, m.key)
			}
			return all
		}
		keys()
		for i := range 2 {
			n.do(t, request(fmt.Sprint("e", i), "1"))
			settle()
		}
		if diff := cmp.Diff([]string{"demo-count", "demo-count"}, keys()); diff != "" {
			t.Errorf("keys of the count (-want +got):\n%s", diff)
		}
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			fragments, err := show(ctx, v)
			fragments[0].Patch = []dom.Operation{dom.SetAttribute("#demo-count", "class", "new")}
			return fragments, err
		})
		n.do(t, request("e2", "1"))
		settle()
		if diff := cmp.Diff([]string{""}, keys()); diff != "" {
			t.Errorf("key of a patch (-want +got):\n%s", diff)
		}
	})
}
