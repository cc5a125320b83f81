package wan_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const room = "home"

// three are the sites of most tests.
var three = []wan.Site{{Name: "iad", Region: "iad"}, {Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd"}}

// start runs a planet until the test ends.
func start(tb testing.TB, cfg wan.Config) *wan.Planet {
	tb.Helper()
	p, err := wan.New(cfg)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return p
}

// pass lets d go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func cell(kind plugins.Kind, name, value string) state.Cell {
	return state.Cell{Room: room, Feature: "demo", Field: name, Kind: kind, Value: value}
}

func set(name, value string) engine.Change {
	return engine.Change{Cell: cell(plugins.Register, name, value)}
}

func add(name string, delta int64) engine.Change { return engine.Add(room, "demo", name, delta) }

func push(name, value string, keep int) engine.Change {
	return engine.Change{Cell: cell(plugins.List, name, value), Cap: keep}
}

// write has a store take changes.
func write(t *testing.T, s *wan.Store, changes ...engine.Change) site.Written {
	t.Helper()
	w, err := s.Write(t.Context(), site.Write{Batch: engine.Batch{Binary: "b1", Changes: changes}})
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return w
}

// load returns the cells of the room that a store holds of a site.
func load(t *testing.T, s *wan.Store, of string) []state.Cell {
	t.Helper()
	cells, _, err := s.Load(t.Context(), room)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	cells = slices.DeleteFunc(cells, func(c state.Cell) bool { return c.Stamp.Site != of })
	slices.SortFunc(cells, func(a, b state.Cell) int {
		return cmp.Or(a.Stamp.Compare(b.Stamp), strings.Compare(a.Field+a.Key, b.Field+b.Key))
	})
	return cells
}

// values returns what a store holds of a site's field, oldest first.
func values(t *testing.T, s *wan.Store, of, name string) string {
	t.Helper()
	var vs []string
	for _, c := range load(t, s, of) {
		if c.Field == name {
			vs = append(vs, c.Value)
		}
	}
	return strings.Join(vs, " ")
}

// read returns what a store holds of a site's log.
func read(t *testing.T, s *wan.Store, of string) []site.Record {
	t.Helper()
	records, err := s.Read(t.Context(), engine.Positions{of: {}}, 1<<20)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return records
}

func health(t *testing.T, s *wan.Store) site.Health {
	t.Helper()
	h, err := s.Health(t.Context())
	if err != nil {
		t.Fatalf("Health: %v", err)
	}
	return h
}

// wakeups collects what a store's Run wakes for.
type wakeups struct {
	mu    sync.Mutex
	sites []string
	at    []time.Duration
}

func follow(t *testing.T, s *wan.Store) *wakeups {
	t.Helper()
	w := &wakeups{}
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Run(ctx, func(site string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sites, w.at = append(w.sites, site), append(w.at, time.Since(began))
		}, func(string, []byte) {})
		if err != nil {
			t.Errorf("Run of the store: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	synctest.Wait()
	return w
}

// take returns what came since the last call.
func (w *wakeups) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sites := w.sites
	w.sites = nil
	return sites
}

// cellOfMember is a member of the room, or one who left.
func cellOfMember(session string, left bool) state.Cell {
	if left {
		return state.Leave(room, session)
	}
	return state.Join(room, session, state.Member{User: "ann", Region: "iad", Binary: "b1"})
}
