package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

// beatOf is a beat of a binary of syd, bob's join with it if joins.
func beatOf(binary string, id state.ID, joins bool) engine.Delivery {
	e := engine.Entry{Site: "syd", ID: id, Binary: binary, Beat: &engine.Beat{Region: "syd"}}
	if joins {
		c := state.Join("home", "tab-bob", state.Member{User: "bob", Region: "syd", Binary: binary})
		c.Stamp = state.Stamp{ID: id, Site: "syd"}
		e.Cells = []state.Cell{c}
	}
	return engine.Delivery{Entry: e}
}

func (n *node) wantPeople(tb testing.TB, when string, want int) {
	tb.Helper()
	settle()
	if got := strip(n.page(tb)); !strings.Contains(got, fmt.Sprintf(">%d people<", want)) {
		tb.Errorf("%s: page has %s, want %d people", when, got, want)
	}
}

// TestBus_hear_backlog: a cut heals behind which a site had died. Its beats, which
// come only now, bring nobody back, and the site is cut off since the last of them,
// also where they come in several pieces.
func TestBus_hear_backlog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		n := startAt(t, r)
		<-time.After(5 * time.Second)
		start := time.Now()
		for i := range 60 {
			id := state.ID{MS: start.Add(-6*time.Minute + time.Duration(i)*time.Second).UnixMilli()}
			r.slip <- []engine.Delivery{beatOf("syd-dead", id, i == 0)}
			if i%20 == 19 {
				<-time.After(600 * time.Millisecond)
			}
		}
		for range 10 {
			n.wantPeople(t, "after the backlog", 1)
			<-time.After(400 * time.Millisecond)
		}
		want := start.Add(-5*time.Minute - time.Second)
		if got := n.sites(); len(got) != 2 || got[1].CutOff.Sub(want).Abs() > 2*time.Second {
			t.Errorf("told %+v, want syd cut off since %v", got, want.UTC())
		}
	})
}

// TestBus_hear_slowClock: a site whose clock is an hour behind and that has not heard
// of others counts as alive when its beats come in as they are written, and as dead
// when they no longer do.
func TestBus_hear_slowClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		n := startAt(t, r)
		<-time.After(5 * time.Second)
		slow := ago(time.Hour)
		for i := range 300 { // what was written while it was cut off
			slow.Seq++
			r.slip <- []engine.Delivery{beatOf("syd-b", slow, i == 0)}
		}
		n.wantPeople(t, "after the backlog", 1)
		for i := range 30 {
			<-time.After(time.Second - 100*time.Millisecond)
			slow.MS += 1000
			r.slip <- []engine.Delivery{beatOf("syd-b", slow, false)}
			if i >= 3 {
				n.wantPeople(t, fmt.Sprint("beat ", i), 2)
			} else {
				settle()
			}
		}
		last := time.Now()
		<-time.After(5 * time.Second)
		n.wantPeople(t, "after five silent seconds", 1)
		if got := n.sites(); len(got) != 2 || got[1].CutOff.Sub(last).Abs() > 2*time.Second {
			t.Errorf("told %+v, want syd cut off since %v", got, last.UTC())
		}
	})
}

// TestBus_hear_fastClock: ids an hour ahead of this host's clock, as of a fast store
// or on a slow host, revive nobody who died half an hour before, at the start.
func TestBus_hear_fastClock(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReader(startEngine(t, memory.Config{Site: "lhr", Now: func() time.Time { return time.Now().Add(skew) }}))
				end := ago(30*time.Minute - skew)
				r.ends["syd"] = end
				n := &node{demo: &demo{}, wall: &wall{}}
				b, err := bus.New(bus.Config{Engine: r, Broadcaster: n.wall, Region: "lhr", Features: []bus.Feature{{Name: "demo", Carrier: n.demo}}})
				if err != nil {
					t.Fatal(err)
				}
				n.Bus = b
				start := time.Now()
				running(t, b.Run)
				m := manifest
				m.State = append([]plugins.Field{{Name: "far", Kind: plugins.Sites}}, m.State...)
				b.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: m})
				r.slip <- []engine.Delivery{beatOf("syd-dead", end, true)}
				if err := n.Join("home", person("ann")); err != nil {
					t.Fatal(err)
				}
				waitFor(t, "the bus to be ready", func() bool { return b.Ready() == nil })
				n.wantPeople(t, "at the start", 1)
				want := start.Add(-30 * time.Minute)
				waitFor(t, "the feature to be told of both sites", func() bool { return len(n.sites()) == 2 })
				if got := n.sites(); len(got) != 2 || got[1].CutOff.Sub(want).Abs() > 2*time.Second {
					t.Errorf("told %+v, want syd cut off since %v", got, want.UTC())
				}
			})
		})
	}
}

// TestBus_sites_restartLate: a site that was silent for an hour when this binary
// started is told of as cut off since then.
func TestBus_sites_restartLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 100*time.Millisecond, "lhr", "syd")
		startNode(t, world["lhr"]) // the newest log
		there := startAt(t, world["syd"])
		<-time.After(time.Minute)
		there.stop()
		stopped := time.Now()
		<-time.After(time.Hour)
		here := startAt(t, world["lhr"])
		<-time.After(time.Second)
		settle()
		if got := here.sites(); len(got) != 2 || got[1].Region != "syd" || stopped.Sub(got[1].CutOff).Abs() > 2*time.Second {
			t.Errorf("told %+v, want syd cut off since about %v", got, stopped.UTC())
		}
	})
}

// lateSite is an engine whose Load knows of one more site from the second time on, as
// while a store syncs.
type lateSite struct {
	engine.Engine
	loads atomic.Int64
	end   state.ID
}

func (l *lateSite) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	cells, at, err := l.Engine.Load(ctx, room)
	if l.loads.Add(1) > 1 {
		at = engine.Positions{"old": l.end, "lhr": at["lhr"]}
	}
	return cells, at, err
}

// TestBus_Run_lateSite: a log that ended an hour ago and appears while this binary
// starts holds nothing up, though nothing of it comes.
func TestBus_Run_lateSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{Site: "lhr"})
		first := startNode(t, e)
		<-time.After(time.Minute)
		first.stop()
		startNode(t, &lateSite{Engine: e, end: ago(time.Hour)}) // waits until it is ready
	})
}

// slowFirst is an engine whose first load of a room is slow, and old when it is done.
type slowFirst struct {
	*reader
	n    atomic.Int64
	cell state.Cell
}

func (s *slowFirst) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	if room != "lobby" {
		return s.reader.Load(ctx, room)
	}
	if s.n.Add(1) == 1 {
		<-time.After(500 * time.Millisecond)
		return []state.Cell{s.cell}, engine.Positions{"syd": s.cell.Stamp.ID}, nil
	}
	return nil, engine.Positions{"syd": {MS: s.cell.Stamp.MS + 1000}}, nil
}

// TestBus_reload_first: the first load of a room, begun before a gap, does not come
// after the one that makes the gap good.
func TestBus_reload_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(startEngine(t, memory.Config{Site: "lhr"}))
		s := &slowFirst{reader: r}
		n := startNode(t, s)
		<-time.After(time.Second)
		s.cell = beatOf("syd-b", ago(0), true).Cells[0]
		s.cell.Room = "lobby"
		r.slip <- []engine.Delivery{beatOf("syd-b", ago(0), false)}
		if err := n.Join("lobby", person("ann")); err != nil {
			t.Fatal(err)
		}
		<-time.After(100 * time.Millisecond)
		r.slip <- []engine.Delivery{{Entry: engine.Entry{Site: "syd", ID: ago(0)}, Gap: true}}
		for range 5 {
			<-time.After(time.Second)
			r.slip <- []engine.Delivery{beatOf("syd-b", ago(0), false)}
		}
		settle()
		sections, err := n.Page(t.Context(), "lobby", "", person("ann"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strip(sections[0].HTML); !strings.Contains(got, ">1 people<") {
			t.Errorf("the lobby has %s, want ann alone", got)
		}
	})
}

// TestBus_Run_goodbye: a binary that stops in order is gone at once, without a
// warning, and its site is cut off only when a restart would have been over.
func TestBus_Run_goodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 10*time.Millisecond, "iad", "syd")
		var log bytes.Buffer
		here := startAt(t, world["iad"], func(c *bus.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		syd := startAt(t, world["syd"])
		<-time.After(20 * time.Second)
		syd.stop()
		stopped := time.Now()
		settle()
		if got := here.sites(); len(got) != 2 || !got[1].CutOff.IsZero() {
			t.Errorf("just after the stop: %+v, want no word of a cut", got)
		}
		<-time.After(5 * time.Second)
		settle()
		if got := here.sites(); len(got) != 2 || stopped.Sub(got[1].CutOff).Abs() > 2*time.Second {
			t.Errorf("later: %+v, want syd cut off since %v", got, stopped)
		}
		if strings.Contains(log.String(), "level=WARN") {
			t.Errorf("warnings of a stop in order:\n%s", &log)
		}
	})
}

// badKey is a carrier whose feature breaks on one value.
type badKey struct {
	plugins.Carrier
	bad atomic.Int64
}

func (p *badKey) Handle(ctx context.Context, events []plugins.Event, states map[string]plugins.State) ([]plugins.Outcome, error) {
	if slices.ContainsFunc(events, func(ev plugins.Event) bool { return ev.Fields["value"] == "poison" }) {
		p.bad.Add(1)
		return nil, plugins.ErrUnavailable
	}
	return p.Carrier.Handle(ctx, events, states)
}

// TestBus_watch_poison: a key that breaks the feature is given up after three tries,
// and costs the others nothing.
func TestBus_watch_poison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		var bad *badKey
		n := startWatching(t, e, func(c *bus.Config) {
			bad = &badKey{Carrier: c.Features[0].Carrier}
			c.Features[0].Carrier = bad
		})
		<-time.After(5 * time.Second)
		heard(n)
		e.set("sign:bad", "poison")
		for i := range 5 {
			e.set(fmt.Sprint("sign:r", i), "fine")
		}
		<-time.After(5 * time.Minute)
		if got := bad.bad.Load(); got != 3 {
			t.Errorf("the feature was told of a key that breaks it %d times in five minutes, want 3", got)
		}
		if got := heard(n); len(got) != 5 {
			t.Errorf("told %q, want the five good keys", got)
		}
	})
}

// TestBus_watch_unable: the one that tells is one that can: an older binary without
// the watches, or one whose feature is down, leaves it to others.
func TestBus_watch_unable(t *testing.T) {
	for name, older := range map[string]bool{"older version": true, "feature down": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world, keys := startWorld(t, 50*time.Millisecond, "iad", "syd"), newKeystore()
				first := &keyed{Engine: world["iad"], keystore: keys}
				var iad *node
				if older {
					iad = startNode(t, first)
				} else {
					iad = startWatching(t, first)
				}
				syd := startWatching(t, &keyed{Engine: world["syd"], keystore: keys})
				<-time.After(10 * time.Second)
				if !older {
					iad.FeatureChanged(plugins.Status{Name: "demo"})
				}
				heard(iad, syd)
				keys.set("sign", "hello")
				<-time.After(5 * time.Second)
				settle()
				if got := heard(iad); len(got) != 0 {
					t.Errorf("iad was told %q", got)
				}
				if got := heard(syd); !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, " hello") }) {
					t.Errorf("syd was told %q, want hello", got)
				}
			})
		})
	}
}

// TestBus_watch_gone: a key whose end went unnoticed, while the watch had broken off,
// is told of as missing; one that was never there is not, and only once.
func TestBus_watch_gone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &keyed{Engine: startEngine(t, memory.Config{}), keystore: newKeystore()}
		n := startWatching(t, e)
		<-time.After(5 * time.Second)
		e.set("sign:kitchen", "wet paint")
		e.set("sign:hall", "mind the step")
		settle()
		heard(n)
		e.mu.Lock()
		delete(e.values, "sign:kitchen") // and nobody is told
		e.mu.Unlock()
		for range 2 {
			e.resync()
			<-time.After(2 * time.Second)
		}
		settle()
		got := slices.DeleteFunc(heard(n), func(s string) bool { return !strings.HasPrefix(s, "kitchen") })
		if len(got) != 1 || got[0] != "kitchen sign:kitchen sync (none)" {
			t.Errorf("told %q of the kitchen, want its end, once", got)
		}
		if kitchen, hall := n.text(t, "kitchen"), n.text(t, "hall"); kitchen != "" || hall != "mind the step" {
			t.Errorf("kitchen shows %q, hall %q", kitchen, hall)
		}
	})
}
