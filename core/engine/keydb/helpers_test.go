package keydb_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// TestMain looks for what goes on after the tests, but for the proxy of links: it leaves
// behind what it had in hand for a connection that broke.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

const (
	home    = "lhr" // the site of most stores here
	room    = "home"
	feature = "demo"
	binary  = "binary-1"
)

// open opens the store of cfg, of home if no site is named, until the test ends.
func open(tb testing.TB, cfg keydb.Config) *keydb.Store {
	tb.Helper()
	cfg.Site = cmp.Or(cfg.Site, home)
	s, err := keydb.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// openRedis opens a store on a Redis of its own.
func openRedis(tb testing.TB) (*keydb.Store, *keydbtest.Server) {
	tb.Helper()
	server := keydbtest.Start(tb, keydbtest.Options{})
	return open(tb, keydb.Config{URL: server.URL()}), server
}

// runStore runs a store until the test ends; the names that it wakes for come over
// the channel, as far as it has room.
func runStore(tb testing.TB, s *keydb.Store) <-chan string {
	tb.Helper()
	woken := make(chan string, 1024)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Run(ctx, func(name string) {
			select {
			case woken <- name:
			default:
			}
		}, func(string, []byte) {})
		if err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return woken
}

// waitWoken waits until the store wakes for name.
func waitWoken(tb testing.TB, woken <-chan string, name string) {
	tb.Helper()
	late := time.After(keydbtest.Patience)
	for {
		select {
		case got := <-woken:
			if got == name {
				return
			}
		case <-late:
			tb.Fatalf("not woken for %q after %v", name, keydbtest.Patience)
		}
	}
}

// wait waits until done returns "" and fails with what it said last.
func wait(tb testing.TB, what string, done func() string) {
	tb.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.After(keydbtest.Patience)
	for {
		last := done()
		if last == "" {
			return
		}
		select {
		case <-poll.C:
		case <-late:
			tb.Fatalf("no %s after %v: %s", what, keydbtest.Patience, last)
		}
	}
}

// write writes changes of one binary, which must be taken.
func write(tb testing.TB, s *keydb.Store, changes ...engine.Change) site.Written {
	tb.Helper()
	return writeAll(tb, s, siteWrite(changes...))
}

func siteWrite(changes ...engine.Change) site.Write {
	return site.Write{Batch: engine.Batch{Binary: binary, Changes: changes}}
}

func writeAll(tb testing.TB, s *keydb.Store, w site.Write) site.Written {
	tb.Helper()
	done, err := s.Write(tb.Context(), w)
	if err != nil {
		tb.Fatalf("Write: %v", err)
	}
	return done
}

// load returns the cells of a room in the order of their stamps.
func load(tb testing.TB, s *keydb.Store, room string) []state.Cell {
	tb.Helper()
	cells, _, err := s.Load(tb.Context(), room)
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	slices.SortFunc(cells, func(a, b state.Cell) int {
		return cmp.Or(a.Stamp.Compare(b.Stamp), strings.Compare(a.Field+" "+a.Key, b.Field+" "+b.Key))
	})
	return cells
}

// value returns the value of the only cell of a field.
func value(tb testing.TB, s *keydb.Store, field string) string {
	tb.Helper()
	for _, c := range load(tb, s, room) {
		if c.Field == field {
			return c.Value
		}
	}
	return ""
}

// readAll returns the records of a site.
func readAll(tb testing.TB, s *keydb.Store, name string) []site.Record {
	tb.Helper()
	records, err := s.Read(tb.Context(), engine.Positions{name: {}}, 10_000)
	if err != nil {
		tb.Fatalf("Read: %v", err)
	}
	return records
}

func set(field, v string) engine.Change {
	return engine.Change{Cell: state.Cell{Room: room, Feature: feature, Field: field, Kind: plugins.Register, Value: v}}
}

func add(field string, delta int64) engine.Change { return engine.Add(room, feature, field, delta) }

func push(field, v string, keep int) engine.Change {
	return engine.Change{Cell: state.Cell{Room: room, Feature: feature, Field: field, Kind: plugins.List, Value: v}, Cap: keep}
}

// journal is a logger that keeps its lines.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(s string) int { return strings.Count(j.String(), s) }
