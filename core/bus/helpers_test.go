package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// demo is a feature of every kind of field. Its functions can be replaced.
type demo struct {
	handle func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error)
	render func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error)

	mu      sync.Mutex
	handled []plugins.Event
	views   []plugins.View
}

func (d *demo) Handle(ctx context.Context, events []plugins.Event, states map[string]plugins.State) ([]plugins.Outcome, error) {
	d.mu.Lock()
	d.handled = append(d.handled, events...)
	handle := d.handle
	d.mu.Unlock()
	if handle == nil {
		handle = add
	}
	var outcomes []plugins.Outcome
	for _, ev := range events {
		mutations, err := handle(ctx, ev, states[ev.Room])
		outcomes = append(outcomes, plugins.Outcome{Mutations: mutations, Err: err})
	}
	return outcomes, nil
}

func (d *demo) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	d.mu.Lock()
	d.views = append(d.views, v)
	render := d.render
	d.mu.Unlock()
	if render == nil {
		render = show
	}
	return render(ctx, v)
}

func (d *demo) renders() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.views)
}

func (d *demo) setHandle(f func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handle = f
}

func (d *demo) setRender(f func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.render = f
}

var manifest = plugins.Manifest{
	Name: "demo", Title: "Demo",
	State: []plugins.Field{
		{Name: "count", Kind: plugins.Counter},
		{Name: "here", Kind: plugins.Presence, By: plugins.ByRegion},
	},
	Events: []plugins.EventType{
		{Name: "add", Rate: 1000, Burst: 10000, Fields: []plugins.Param{{Name: "by", Type: plugins.Int, Min: -9, Max: 9}}},
		{Name: "slow", Rate: 1, Burst: 2},
	},
}

func add(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Add("count", ev.Fields.Int("by"))}, nil
}

func show(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	people := 0
	for _, g := range v.State.Presence["here"] {
		people += g.People
	}
	return []plugins.Fragment{
		{ID: "demo-count", HTML: fmt.Sprintf(`<p id="demo-count">%d</p>`, v.State.Counters["count"])},
		{ID: "demo-here", HTML: fmt.Sprintf(`<p id="demo-here">%d people</p>`, people)},
	}, nil
}

// message is a broadcast.
type message struct {
	room     string
	audience plugins.Audience
	key      string
	ops      []map[string]any
}

// wall is a Broadcaster that keeps what it got.
type wall struct {
	mu       sync.Mutex
	messages []message
}

func (w *wall) Broadcast(room, _ string, a plugins.Audience, key string, b []byte) {
	var envelope struct{ Operations []map[string]any }
	if err := json.Unmarshal(b, &envelope); err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, message{room, a, key, envelope.Operations})
}

// take returns what came since the last take.
func (w *wall) take() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.messages
	w.messages = nil
	return m
}

// last returns the newest HTML sent to an element, or "".
func last(messages []message, selector string) string {
	html := ""
	for _, m := range messages {
		for _, op := range m.ops {
			if op["selector"] == selector {
				html, _ = op["html"].(string)
			}
		}
	}
	return html
}

// node is a running bus.
type node struct {
	*bus.Bus
	demo *demo
	wall *wall
	stop func()
}

// Join is as of a session that looks at the whole room.
func (n *node) Join(room string, p plugins.Person) error {
	err := n.Bus.Join(room, p)
	if err == nil {
		n.Follow(room, "")
	}
	return err
}

// Leave ends a Join.
func (n *node) Leave(room, session string) {
	n.Unfollow(room, "")
	n.Bus.Leave(room, session)
}

// startEngine runs an engine until the test ends.
func startEngine(tb testing.TB, cfg memory.Config) *memory.Engine {
	tb.Helper()
	e, err := memory.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	running(tb, e.Run)
	tb.Cleanup(func() { _ = e.Close() })
	return e
}

// running runs f until the test ends or stop is called.
func running(tb testing.TB, f func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run returned %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

// startNode runs a bus with the demo feature, up, until the test ends.
func startNode(tb testing.TB, e engine.Engine, edit ...func(*bus.Config)) *node {
	tb.Helper()
	n := &node{demo: &demo{}, wall: &wall{}}
	cfg := bus.Config{
		Engine: e, Broadcaster: n.wall, Region: "lhr",
		Features: []bus.Feature{{Name: "demo", Carrier: n.demo}},
	}
	for _, f := range edit {
		f(&cfg)
	}
	b, err := bus.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	n.Bus = b
	n.stop = running(tb, b.Run)
	b.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: manifest})
	waitFor(tb, "the bus to be ready", func() bool { return b.Ready() == nil })
	return n
}

// patience is how long a test waits for what should happen at once.
const patience = 2 * time.Minute

// waitFor polls until cond holds.
func waitFor(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for !cond() {
		if <-tick.C; time.Now().After(deadline) {
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func person(user string) plugins.Person {
	return plugins.Person{User: user, Session: "tab-of-" + user, Region: "lhr", Edge: "lhr"}
}

// request is an event "add" of ann's.
func request(id, by string) bus.Request {
	return bus.Request{ID: id, Room: "home", Target: "demo#add", Fields: map[string]string{"by": by}, Person: person("ann")}
}

// do dispatches and waits.
func (n *node) do(tb testing.TB, req bus.Request) bus.Outcome {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return n.Do(ctx, req)
}

// page returns what ann sees of the demo feature.
func (n *node) page(tb testing.TB) string {
	tb.Helper()
	sections, err := n.Page(context.Background(), "home", "", person("ann"))
	if err != nil {
		tb.Fatalf("Page: %v", err)
	}
	return sections[0].HTML
}

// settle lets a synctest bubble's time pass until nothing more is to be rendered.
func settle() {
	<-time.After(100 * time.Millisecond)
	synctest.Wait()
}

// strip takes the revisions out of HTML.
func strip(html string) string {
	for {
		before, after, ok := strings.Cut(html, ` data-live-rev="`)
		if !ok {
			return html
		}
		_, after, _ = strings.Cut(after, `"`)
		html = before + after
	}
}
