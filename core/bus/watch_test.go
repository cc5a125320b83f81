package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
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
)

// keyed is an engine beside which other programs keep keys.
type keyed struct {
	engine.Engine
	*keystore
	append atomic.Bool // fails
}

var _ engine.Watcher = (*keyed)(nil)

func (k *keyed) Append(ctx context.Context, b engine.Batch) (id state.ID, err error) {
	if k.append.Load() {
		return id, engine.ErrUnavailable
	}
	return k.Engine.Append(ctx, b)
}

// keystore holds keys and tells everybody who watches.
type keystore struct {
	mu       sync.Mutex
	values   map[string]string
	watchers map[*keyWatcher]bool
	watches  int // how many there were
	fails    error
}

type keyWatcher struct {
	patterns []string
	changes  chan engine.KeyChange
}

func newKeystore() *keystore {
	return &keystore{values: map[string]string{}, watchers: map[*keyWatcher]bool{}}
}

func matches(pattern, key string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == key
	}
	return len(key) >= len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
}

func (s *keystore) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	s.tell(engine.KeyChange{Key: key, Command: "set", Value: value})
}

func (s *keystore) del(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	s.tell(engine.KeyChange{Key: key, Command: "del", Missing: true})
}

func (s *keystore) tell(c engine.KeyChange) {
	for w := range s.watchers {
		for _, p := range w.patterns {
			if c.Pattern = p; matches(p, c.Key) {
				w.changes <- c
			}
		}
	}
}

// sync tells a watcher what there is; s.mu is held.
func (s *keystore) sync(w *keyWatcher) {
	for _, p := range w.patterns {
		for _, key := range slices.Sorted(maps.Keys(s.values)) {
			if matches(p, key) {
				w.changes <- engine.KeyChange{Pattern: p, Key: key, Command: "sync", Value: s.values[key]}
			}
		}
		if _, there := s.values[p]; !there && !strings.Contains(p, "*") {
			w.changes <- engine.KeyChange{Pattern: p, Key: p, Command: "sync", Missing: true}
		}
		if strings.Contains(p, "*") {
			w.changes <- engine.KeyChange{Pattern: p, Command: "synced"}
		}
	}
}

// resync tells all watchers what there is, as after a lost connection.
func (s *keystore) resync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		s.sync(w)
	}
}

func (s *keystore) Watch(ctx context.Context, patterns []string, changed func(engine.KeyChange)) error {
	w := &keyWatcher{patterns: patterns, changes: make(chan engine.KeyChange, 100_000)}
	s.mu.Lock()
	s.watches++
	if s.fails != nil {
		defer s.mu.Unlock()
		return s.fails
	}
	s.watchers[w] = true
	s.sync(w)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case c := <-w.changes:
			changed(c)
		}
	}
}

var watching = func() plugins.Manifest {
	m := manifest
	m.State = append([]plugins.Field{{Name: "text", Kind: plugins.Register}}, m.State...)
	m.Watches = []plugins.Watch{
		{Keys: "sign", Event: "told"},
		{Keys: "sign:*", Event: "told", Room: "*"},
	}
	return m
}()

// startWatching runs a bus whose demo feature watches keys.
func startWatching(tb testing.TB, e engine.Engine, edit ...func(*bus.Config)) *node {
	tb.Helper()
	n := startNode(tb, e, edit...)
	n.demo.setHandle(func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
		if ev.Name == "told" {
			return []plugins.Mutation{plugins.Set("text", ev.Fields["value"])}, nil
		}
		return add(ctx, ev, s)
	})
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: watching})
	return n
}

// heard returns what demo features were told of keys, "room key command value", and
// forgets it.
func heard(nodes ...*node) []string {
	var all []string
	for _, n := range nodes {
		n.demo.mu.Lock()
		for _, ev := range n.demo.handled {
			if ev.Name == "told" {
				value, there := ev.Fields["value"]
				if !there {
					value = "(none)"
				}
				all = append(all, fmt.Sprintf("%s %s %s %s", ev.Room, ev.Fields["key"], ev.Fields["command"], value))
			}
		}
		n.demo.handled = nil
		n.demo.mu.Unlock()
	}
	return all
}

// TestBus_watch: of two binaries at one store, one tells the feature of a change,
// once; the other takes over when that one dies, and tells what it may have missed.
func TestBus_watch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, keys := startEngine(t, memory.Config{}), newKeystore()
		keys.set("sign", "open")
		engines := []*keyed{{Engine: e, keystore: keys}, {Engine: e, keystore: keys}}
		nodes := []*node{startWatching(t, engines[0]), startWatching(t, engines[1])}
		<-time.After(4 * time.Second)
		settle()
		if diff := cmp.Diff([]string{"home sign sync open"}, heard(nodes...)); diff != "" {
			t.Errorf("at the start (-want +got):\n%s", diff)
		}

		keys.set("sign", "closed")
		keys.set("sign:kitchen", "wet paint")
		keys.set("signs", "not ours")
		settle()
		first := heard(nodes[0])
		second := heard(nodes[1])
		if diff := cmp.Diff([]string{"home sign set closed", "kitchen sign:kitchen set wet paint"}, append(first, second...)); diff != "" {
			t.Errorf("after two changes (-want +got):\n%s", diff)
		}
		lead, other := 0, 1
		if len(first) == 0 {
			lead, other = 1, 0
		}
		if got := nodes[other].text(t, "home"); got != "closed" {
			t.Errorf("the other binary shows %q, want closed", got)
		}

		engines[lead].append.Store(true) // killed
		nodes[lead].stop()
		heard(nodes...)
		keys.set("sign", "ask inside")
		keys.del("sign:kitchen") // of which no sync tells
		<-time.After(time.Second)
		if got := heard(nodes[other]); len(got) != 0 {
			t.Errorf("a second after the other died: %q, want nothing yet", got)
		}
		<-time.After(5 * time.Second)
		settle()
		got := heard(nodes[other])
		for _, want := range []string{"home sign set ask inside", "kitchen sign:kitchen del (none)", "home sign sync ask inside"} {
			if !slices.Contains(got, want) {
				t.Errorf("after taking over the feature was told %q, want %q among it", got, want)
			}
		}
		if home, kitchen := nodes[other].text(t, "home"), nodes[other].text(t, "kitchen"); home != "ask inside" || kitchen != "" {
			t.Errorf("home shows %q, kitchen %q; want ask inside and nothing", home, kitchen)
		}
	})
}

// text returns the register text of a room.
func (n *node) text(tb testing.TB, room string) string {
	tb.Helper()
	n.demo.setRender(func(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
		return []plugins.Fragment{{ID: "demo-text", HTML: `<p id="demo-text">` + v.State.Registers["text"].Value + `</p>`}}, nil
	})
	n.FeatureChanged(plugins.Status{Name: "demo"})
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: watching})
	sections, err := n.Page(context.Background(), room, "", person("ann"))
	if err != nil {
		tb.Fatal(err)
	}
	html := strip(sections[0].HTML)
	_, html, _ = strings.Cut(html, `<p id="demo-text">`)
	html, _, _ = strings.Cut(html, "</p>")
	return html
}

// TestBus_watch_sites: with a store in each region the first by site tells, and each
// side of a cut has one that does.
func TestBus_watch_sites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, keys := startWorld(t, 50*time.Millisecond, "iad", "syd"), newKeystore()
		iad := startWatching(t, &keyed{Engine: world["iad"], keystore: keys})
		syd := startWatching(t, &keyed{Engine: world["syd"], keystore: keys})
		<-time.After(5 * time.Second)
		heard(iad, syd)
		keys.set("sign", "one")
		settle()
		if in, out := heard(iad), heard(syd); len(in) != 1 || len(out) != 0 {
			t.Errorf("iad was told %q, syd %q; want one and nothing", in, out)
		}
		setCut(world["iad"], world["syd"], true)
		<-time.After(6 * time.Second)
		heard(iad, syd)
		keys.set("sign", "two")
		settle()
		if in, out := heard(iad), heard(syd); len(in) != 1 || len(out) != 1 {
			t.Errorf("while cut off iad was told %q, syd %q; want one each", in, out)
		}
		setCut(world["iad"], world["syd"], false)
		<-time.After(6 * time.Second)
		heard(iad, syd)
		keys.set("sign", "three")
		settle()
		if in, out := heard(iad), heard(syd); len(in) != 1 || len(out) != 0 {
			t.Errorf("after healing iad was told %q, syd %q; want one and nothing", in, out)
		}
	})
}

// TestBus_watch_later: what cannot be told now, for whatever reason, is told when it
// can, and of one key only the last.
func TestBus_watch_later(t *testing.T) {
	for name, obstacle := range map[string]func(e *keyed, n *node, on bool){
		"feature down": func(_ *keyed, n *node, on bool) {
			n.FeatureChanged(plugins.Status{Name: "demo", Up: !on, Manifest: watching})
		},
		"store away": func(e *keyed, _ *node, on bool) { e.append.Store(on) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
				n := startWatching(t, e)
				<-time.After(4 * time.Second)
				obstacle(e, n, true)
				for i := range 10 {
					e.set("sign", fmt.Sprint(i))
					e.set(fmt.Sprint("sign:room", i), "x")
				}
				<-time.After(time.Minute)
				settle() // a try that begins at this very moment has failed
				heard(n)
				obstacle(e, n, false)
				<-time.After(2 * time.Second)
				settle()
				got := heard(n)
				if len(got) != 11 || !slices.Contains(got, "home sign set 9") {
					t.Errorf("told %q, want the last of sign and ten rooms", got)
				}
			})
		})
	}
}

// TestBus_watch_many: more keys than may wait are all told, to a slow feature too.
func TestBus_watch_many(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		const many = 5000
		for i := range many {
			e.set(fmt.Sprint("sign:room", i), "x")
		}
		n := startWatching(t, e)
		n.demo.setHandle(func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			<-time.After(time.Millisecond)
			return []plugins.Mutation{plugins.Set("text", ev.Fields["value"])}, nil
		})
		<-time.After(time.Minute)
		told := map[string]bool{}
		for _, x := range heard(n) {
			told[x] = true
		}
		if len(told) != many+1 { // and that there is no sign at home
			t.Errorf("told of %d keys, want %d", len(told), many+1)
		}
	})
}

// TestBus_watch_refused: what no feature could read, or is not theirs, is not told,
// and the log says so, but not each time.
func TestBus_watch_refused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		var log bytes.Buffer
		n := startWatching(t, e, func(c *bus.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		<-time.After(4 * time.Second)
		heard(n)
		e.set("sign", strings.Repeat("x", plugins.MaxValueSize+1))
		e.set("sign:a", "\xff")
		e.set("sign:\xff", "x")
		e.set("sign:", "no such room")
		e.set("sign: a", "no such room")
		e.set("sign:"+strings.Repeat("x", plugins.MaxTextSize), "x")
		e.set("sign:b", "good")
		settle()
		if diff := cmp.Diff([]string{"b sign:b set good"}, heard(n)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := strings.Count(log.String(), "watched key not taken"); got != 1 {
			t.Errorf("%d lines of keys that were not taken, want 1:\n%s", got, &log)
		}
		if got := n.do(t, bus.Request{ID: "e1", Room: "home", Target: "demo#told", Person: person("ann")}); got.Status != bus.Forbidden {
			t.Errorf("somebody sends the event of a watched key: %+v, want forbidden", got)
		}
	})
}

// TestBus_watch_changes: a feature that comes up with other watches follows those.
func TestBus_watch_changes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		e.set("board", "new")
		n := startWatching(t, e)
		<-time.After(4 * time.Second)
		heard(n)
		next := watching
		next.Watches = []plugins.Watch{{Keys: "board", Event: "told"}}
		n.FeatureChanged(plugins.Status{Name: "demo"})
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: next})
		<-time.After(2 * time.Second)
		settle()
		e.set("sign", "nobody reads")
		settle()
		if diff := cmp.Diff([]string{"home board sync new"}, slices.Compact(heard(n))); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		watches := e.watches
		n.FeatureChanged(plugins.Status{Name: "demo"})
		n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: next})
		settle()
		if e.watches != watches {
			t.Error("a feature that comes back with the same watches has them begun anew")
		}
	})
}

// TestBus_watch_fails: a watch that breaks off is begun again, after a while.
func TestBus_watch_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		e.fails = errors.New("no such command")
		n := startWatching(t, e)
		<-time.After(time.Minute)
		settle()
		e.mu.Lock()
		if e.watches < 5 || e.watches > 30 {
			t.Errorf("%d tries in a minute, want about one in five seconds", e.watches)
		}
		e.fails = nil
		e.mu.Unlock()
		<-time.After(6 * time.Second)
		e.set("sign", "open")
		settle()
		if got := heard(n); !slices.Contains(got, "home sign set open") {
			t.Errorf("told %q", got)
		}
	})
}

// TestBus_watch_none: a store that no other program reaches is told of in one line.
func TestBus_watch_none(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		startWatching(t, startEngine(t, memory.Config{}), func(c *bus.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		<-time.After(time.Minute)
		settle()
		if got := strings.Count(log.String(), "--engine keydb"); got != 1 {
			t.Errorf("%d lines, want 1:\n%s", got, &log)
		}
	})
}
