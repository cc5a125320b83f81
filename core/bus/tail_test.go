package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// reader is an engine that notes where it is read from, and hands over what a test
// puts into its tail.
type reader struct {
	engine.Engine
	ends  engine.Positions // besides those of the engine
	extra []state.Cell     // of the room home, as Load has them
	slip  chan []engine.Delivery
	broke chan error // ends the tail

	mu     sync.Mutex
	from   engine.Positions
	loads  int
	atOnce int // loads of rooms that were under way at the same time, at most
	now    int
	busy   map[string]int // loads under way, by room
	twice  bool           // two loads of one room were
	takes  time.Duration  // of a load of another room than home
}

func (r *reader) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	r.mu.Lock()
	r.now++
	r.loads++
	r.atOnce = max(r.atOnce, r.now)
	r.busy[room]++
	r.twice = r.twice || r.busy[room] > 1
	takes := r.takes
	r.mu.Unlock()
	if room != plugins.Home {
		<-time.After(takes)
	}
	cells, at, err := r.Engine.Load(ctx, room)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now--
	r.busy[room]--
	all := engine.Positions{}
	for _, p := range []engine.Positions{at, r.ends} {
		maps.Copy(all, p)
	}
	if room == plugins.Home {
		cells = append(cells, r.extra...)
	}
	return cells, all, err
}

func (r *reader) Tail(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	r.mu.Lock()
	r.from = maps.Clone(from)
	r.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	var mu sync.Mutex
	one := func(ds []engine.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		return deliver(ds)
	}
	var wg sync.WaitGroup
	wg.Go(func() { cancel(r.Engine.Tail(ctx, from, one)) })
	for ctx.Err() == nil {
		select {
		case ds := <-r.slip:
			if err := one(ds); err != nil {
				cancel(err)
			}
		case err := <-r.broke:
			cancel(err)
		case <-ctx.Done():
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

func newReader(e engine.Engine) *reader {
	return &reader{Engine: e, ends: engine.Positions{}, slip: make(chan []engine.Delivery), broke: make(chan error), busy: map[string]int{}}
}

func ago(d time.Duration) state.ID { return state.ID{MS: time.Now().Add(-d).UnixMilli()} }

// TestBus_Run_positions: each log is read from ten minutes before its end, one that
// ended a day ago from there; and a dead site's log holds nothing up.
func TestBus_Run_positions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{Site: "lhr"})
		first := startNode(t, e)
		<-time.After(time.Hour)
		first.stop()
		r := newReader(e)
		r.ends["syd"], r.ends["iad"] = ago(time.Hour), ago(30*time.Hour)
		startNode(t, r) // ready, though nothing of syd and iad ever comes
		want := engine.Positions{"": ago(10 * time.Minute), "lhr": ago(10 * time.Minute), "syd": ago(70 * time.Minute), "iad": ago(30 * time.Hour)}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.from) != len(want) {
			t.Errorf("read from %v, want %v", r.from, want)
		}
		for site, at := range want {
			if got := r.from[site]; got.MS < at.MS-1000 || got.MS > at.MS {
				t.Errorf("%q is read from %v, want %v", site, got, at)
			}
		}
	})
}

// TestBus_Run_lostLog: a log that the store is found not to have any more does not
// keep the bus from being ready.
func TestBus_Run_lostLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{}))
		r.ends["syd"] = ago(time.Minute)
		n := &node{demo: &demo{}, wall: &wall{}}
		b, err := bus.New(bus.Config{Engine: r, Broadcaster: n.wall, Region: "lhr", Features: []bus.Feature{{Name: "demo", Carrier: n.demo}}})
		if err != nil {
			t.Fatal(err)
		}
		running(t, b.Run)
		b.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: manifest})
		<-time.After(time.Minute)
		if err := b.Ready(); err == nil {
			t.Error("ready before the log of syd was read")
		}
		r.mu.Lock()
		delete(r.ends, "syd")
		r.mu.Unlock()
		<-time.After(6 * time.Second)
		if err := b.Ready(); err != nil {
			t.Errorf("Ready() = %v, want nil: there is no log of syd", err)
		}
	})
}

// TestBus_merge_restores: an entry that puts back older cells shows them, and its
// events are known.
func TestBus_merge_restores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		n := startNode(t, r)
		n.page(t)
		cell := func(ms int64, value string) state.Cell {
			return state.Cell{
				Room: "home", Feature: "demo", Field: "count", Kind: plugins.Counter, Value: value,
				Stamp: state.Stamp{ID: state.ID{MS: ms}, Site: "syd"},
			}
		}
		now := time.Now().UnixMilli()
		r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: state.ID{MS: now}, Cells: []state.Cell{cell(now, "7")}}}}
		r.slip <- []engine.Delivery{{Entry: engine.Entry{
			Site: "syd", ID: state.ID{MS: now + 9}, Restores: true, Events: []string{"ann/e1"}, Cells: []state.Cell{cell(now-5, "3")},
		}}}
		synctest.Wait()
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">7</p>`) {
			t.Errorf("page has %s, want the newer 7", got)
		}
		r.slip <- []engine.Delivery{{Entry: engine.Entry{
			Site: "syd", ID: state.ID{MS: now + 20}, Restores: true, Cells: []state.Cell{cell(now+5, "12")},
		}}}
		synctest.Wait()
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Error(got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">12</p>`) {
			t.Errorf("page has %s, want 12: the event is among those put back", got)
		}
	})
}

// TestBus_append_loaded: who changes what was loaded, from a store whose copy is
// ahead of the logs, gets a higher stamp than that.
func TestBus_append_loaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{Site: "lhr"})
		r := newReader(e)
		ahead := state.ID{MS: time.Now().Add(time.Hour).UnixMilli()}
		r.extra = []state.Cell{{
			Room: "home", Feature: "demo", Field: "text", Kind: plugins.Register, Value: "on",
			Stamp: state.Stamp{ID: ahead, Site: "syd"},
		}}
		n := startWatching(t, r)
		n.demo.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			return []plugins.Mutation{plugins.Set("text", "off")}, nil
		})
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Error(got)
		}
		if got := n.text(t, "home"); got != "off" {
			t.Errorf("home shows %q, want what was done last", got)
		}
	})
}

// TestBus_reload: many gaps at once cost one load of each room that somebody looks
// at, and one more for those that came meanwhile.
func TestBus_reload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		n := startNode(t, r)
		const looked, idle = 30, 50
		for i := range looked {
			if err := n.Join(fmt.Sprint("room", i), person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		for i := range idle {
			if _, err := n.Page(t.Context(), fmt.Sprint("idle", i), "", person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		r.mu.Lock()
		r.loads, r.atOnce, r.twice, r.takes = 0, 0, false, 50*time.Millisecond
		r.mu.Unlock()
		for range 20 {
			for _, site := range []string{"iad", "syd", "lhr"} {
				r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: site, ID: ago(0)}, Gap: true}}
			}
			<-time.After(time.Millisecond)
		}
		<-time.After(time.Minute)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.loads < looked || r.loads > 2*looked || r.atOnce > 8 || r.twice {
			t.Errorf("%d loads, %d of them at once, of one room twice: %v; want one or two of each of %d rooms, 8 at once", r.loads, r.atOnce, r.twice, looked)
		}
		if got := n.Rooms(); got != looked {
			t.Errorf("%d rooms in memory, want the %d that somebody looks at", got, looked)
		}
	})
}

// TestBus_reload_burst: gaps that follow each other quickly cost a room one load at a
// time.
func TestBus_reload_burst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		n := startNode(t, r)
		if err := n.Join("kitchen", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		r.mu.Lock()
		r.loads, r.twice, r.takes = 0, false, 50*time.Millisecond
		r.mu.Unlock()
		for range 40 {
			r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: ago(0)}, Gap: true}}
			<-time.After(time.Millisecond)
		}
		<-time.After(time.Minute)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.loads != 2 || r.twice {
			t.Errorf("%d loads, two at once: %v; want one after the other, 2 in all", r.loads, r.twice)
		}
	})
}

// TestBus_tail_gap: a tail that breaks off after word of a gap goes on before it.
func TestBus_tail_gap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		startNode(t, r)
		seen := ago(time.Minute)
		r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: seen}}}
		r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: ago(0)}, Gap: true}}
		r.broke <- engine.ErrUnavailable
		<-time.After(time.Second)
		r.mu.Lock()
		defer r.mu.Unlock()
		if got := r.from["syd"]; got != seen {
			t.Errorf("syd is read on from %v, want %v, the last entry that came", got, seen)
		}
	})
}

// TestBus_reload_shows: a room that missed entries shows what the store holds, also
// when the store is away at first.
func TestBus_reload_shows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		down := &loadless{Engine: r}
		n := startNode(t, down)
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		r.mu.Lock()
		r.ends["syd"] = ago(0)
		r.extra = []state.Cell{{
			Room: "home", Feature: "demo", Field: "count", Kind: plugins.Counter, Value: "5",
			Stamp: state.Stamp{ID: ago(0), Site: "syd"},
		}}
		r.mu.Unlock()
		down.away.Store(true)
		r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: ago(0)}, Gap: true}}
		<-time.After(10 * time.Second)
		down.away.Store(false)
		<-time.After(10 * time.Second)
		settle()
		if got := strip(last(n.wall.take(), "#demo-count")); got != `<p id="demo-count">5</p>` {
			t.Errorf("after the gap the page was sent %q, want a count of 5", got)
		}
	})
}

// loadless is an engine that loads no room now and then.
type loadless struct {
	engine.Engine
	away atomic.Bool
}

func (l *loadless) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	if l.away.Load() {
		return nil, nil, engine.ErrUnavailable
	}
	return l.Engine.Load(ctx, room)
}

// TestBus_Join_log: that presence cannot be written is told once, and once that it
// can be again.
func TestBus_Join_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &away{Engine: startEngine(t, memory.Config{})}
		var log bytes.Buffer
		startNode(t, e, func(c *bus.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		for range 2 {
			e.append.Store(true)
			<-time.After(time.Minute)
			e.append.Store(false)
			<-time.After(time.Minute)
		}
		synctest.Wait()
		for line, want := range map[string]int{"presence not written": 2, "presence written again": 2} {
			if got := strings.Count(log.String(), line); got != want {
				t.Errorf("%d lines %q, want %d:\n%s", got, line, want, &log)
			}
		}
	})
}
