package site_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

const binary = "b1"

func register(field, value string) engine.Change {
	return engine.Change{Cell: state.Cell{Room: "home", Feature: "demo", Field: field, Kind: plugins.Register, Value: value}}
}

func item(value string) engine.Change {
	return engine.Change{Cell: state.Cell{Room: "home", Feature: "demo", Field: "words", Kind: plugins.List, Value: value}, Cap: 5}
}

// paint is a patch of a board.
func paint(colour uint8) engine.Change {
	p := state.Patch{Colour: colour, By: "ann", Runs: []state.Run{{X: 3, Y: 4, N: 1}}}
	return engine.Change{Cell: state.Cell{Room: "home", Feature: "demo", Field: "board", Kind: plugins.Grid, Value: p.Encode()}}
}

func add(delta int64) engine.Change { return engine.Add("home", "demo", "clicks", delta) }

func write(t *testing.T, e *site.Engine, event string, changes ...engine.Change) error {
	t.Helper()
	_, err := e.Append(t.Context(), engine.Batch{Binary: binary, Events: []string{event}, Changes: changes})
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wait lets time pass in the bubble.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func values(rs []site.Restore) (all []string) {
	for _, r := range rs {
		for _, c := range r.Cells {
			all = append(all, c.Field+"="+c.Value)
		}
		all = append(all, r.Events...)
	}
	return all
}

func TestEngine_gate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.health.Synced, s.health.Missing = false, "link to syd is down"
		var log strings.Builder
		e := run(t, s, site.Config{SyncTimeout: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		wait(time.Second)
		if err := e.Ready(); !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "link to syd is down") {
			t.Errorf("Ready = %v while the store is not synced, want ErrUnavailable and why", err)
		}
		if err := write(t, e, "e1", register("a", "1")); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append = %v while the store is not synced, want ErrUnavailable", err)
		}
		if calls, _ := s.took(); calls != nil {
			t.Errorf("store was asked to %v behind a closed gate", calls)
		}
		wait(5 * time.Second)
		if err := write(t, e, "e1", register("a", "1")); err != nil || e.Ready() != nil {
			t.Errorf("Append = %v, Ready = %v after the sync timeout, want to go on", err, e.Ready())
		}
		if n := strings.Count(log.String(), `level=INFO msg="waiting for the store to be synced before taking writes`); n != 1 || !strings.Contains(log.String(), `missing="link to syd is down" at_most=5s`) {
			t.Errorf("the log tells %d times that writes wait, want once and for how long:\n%s", n, &log)
		}
	})
}

func TestEngine_gate_staysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(time.Second)
		s.set(func(s *script) { s.health.Synced, s.health.Links = false, "cut" })
		wait(20 * time.Second)
		must(t, write(t, e, "e1", register("a", "1"))) // a region that is cut off goes on
		s.set(func(s *script) { s.down = fmt.Errorf("%w: refused", engine.ErrUnavailable) })
		wait(2 * time.Second)
		if err := e.Ready(); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Ready = %v while the store is away", err)
		}
		s.set(func(s *script) { s.down = nil })
		wait(time.Second)
		if err := e.Ready(); err != nil {
			t.Errorf("Ready = %v a second after the same server is back, still cut off; want nil", err)
		}
	})
}

// TestEngine_restarted: what a server has lost comes back before anything new is
// written to it.
func TestEngine_restarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		must(t, write(t, e, "e1", register("a", "1"), add(2), item("x"), paint(1)))
		must(t, write(t, e, "e2", register("a", "2"), paint(2)))
		s.took()
		s.set(func(s *script) {
			s.health = site.Health{Incarnation: "2", Missing: "loading", Links: "a"}
			s.log, s.lose = nil, 1
		})
		if err := write(t, e, "e3", register("a", "3")); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append = %v on an empty server, want ErrUnavailable", err)
		}
		wait(5 * time.Second)
		if calls, _ := s.took(); cmp.Diff([]string{"lost"}, calls) != "" {
			t.Errorf("store was asked to %v before it was synced", calls)
		}
		s.set(func(s *script) { s.health.Synced = true })
		wait(time.Second)
		must(t, write(t, e, "e3", register("a", "3")))
		calls, restores := s.took()
		if calls[0] != "restore" {
			t.Errorf("store was asked to %v, want to restore first", calls)
		}
		if diff := cmp.Diff([]string{"clicks=2", "board=1 ann 3,4,0", "a=2", "board=2 ann 3,4,0", "words=x", "e1", "e2"}, values(restores[:1])); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		if after := restores[0].After; after.IsZero() {
			t.Error("restored without an id to follow")
		}
	})
}

// TestEngine_lost: a log that was rolled back under a writer's hands is mended, and
// the write then taken.
func TestEngine_lost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		must(t, write(t, e, "e1", register("a", "1")))
		s.took()
		s.set(func(s *script) { s.lose = 1 })
		must(t, write(t, e, "e2", register("b", "1")))
		calls, restores := s.took()
		if diff := cmp.Diff([]string{"lost", "restore", "write"}, calls); diff != "" {
			t.Errorf("store was asked to (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a=1", "e1"}, values(restores)); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	})
}

// TestEngine_link: after a change of a link what was written since it was last known
// to be up, and a while before, is put back, also once more when the dust has
// settled.
func TestEngine_link(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		must(t, write(t, e, "e1", register("old", "1")))
		wait(10 * time.Minute)
		must(t, write(t, e, "e2", register("a", "1")))
		wait(30 * time.Second)
		s.set(func(s *script) { s.health.Synced, s.health.Links = false, "cut" })
		wait(20 * time.Minute)
		must(t, write(t, e, "e3", register("b", "1")))
		s.took()
		s.set(func(s *script) { s.health.Synced, s.health.Links = true, "back" })
		wait(12 * time.Second)
		calls, restores := s.took()
		if diff := cmp.Diff([]string{"restore", "call", "restore", "call", "restore", "call"}, calls); diff != "" {
			t.Errorf("store was asked to (-want +got):\n%s", diff)
		}
		for _, r := range restores {
			if diff := cmp.Diff([]string{"a=1", "b=1"}, values([]site.Restore{r})); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		}
		wait(time.Minute)
		if calls, _ := s.took(); calls != nil {
			t.Errorf("store was asked to %v long after", calls)
		}
	})
}

// TestEngine_called: an entry of another site that restores nothing has this one put
// back what is its own.
func TestEngine_called(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		tail(t, e, nil)
		wait(20 * time.Second)
		must(t, write(t, e, "e1", register("a", "1")))
		s.took()
		s.set(func(s *script) {
			s.log = append(s.log, site.Record{Entry: engine.Entry{Site: "syd", ID: state.ID{MS: 1}, Restores: true}})
		})
		s.woken("syd")
		wait(1100 * time.Millisecond)
		calls, restores := s.took()
		if diff := cmp.Diff([]string{"restore"}, calls); diff != "" {
			t.Errorf("store was asked to (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a=1"}, values(restores)); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	})
}

// TestEngine_totals: a write tells the newest total that its writer knows, so that a
// state that was rolled back counts on from there.
func TestEngine_totals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(time.Second)
		must(t, write(t, e, "e1", add(5)))
		if w := s.lastWrite(); len(w.Totals) != 0 || !w.Last.IsZero() {
			t.Errorf("first write knows %v and %s, want nothing", w.Totals, w.Last)
		}
		must(t, write(t, e, "e2", add(7), add(1), register("a", "1")))
		w := s.lastWrite()
		if len(w.Totals) != 1 || w.Totals[0].Value != "5" || w.Totals[0].Stamp.ID != w.Last {
			t.Errorf("second write knows %v and %s, want the total 5 of the last entry", w.Totals, w.Last)
		}
	})
}

// TestEngine_members: a binary puts back its own members only; those of others may
// have gone with them.
func TestEngine_members(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		join := func(who, session string) engine.Batch {
			return engine.Batch{Binary: who, Changes: []engine.Change{{Cell: state.Join("home", session, state.Member{User: "u", Region: "lhr", Binary: who})}}}
		}
		s.set(func(s *script) {
			c := join("b2", "other").Changes[0].Cell
			c.Stamp = state.Stamp{ID: state.ID{MS: 1}, Site: "lhr"}
			s.log = append(s.log, site.Record{Entry: engine.Entry{Site: "lhr", ID: state.ID{MS: 1}, Binary: "b2", Cells: []state.Cell{c}}})
		})
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = e.Tail(ctx, nil, func([]engine.Delivery) error { return nil }) }()
		defer stop()
		_, err := e.Append(t.Context(), join(binary, "mine"))
		must(t, err)
		synctest.Wait()
		s.took()
		s.set(func(s *script) { s.lose = 1 })
		must(t, write(t, e, "e1", register("a", "1")))
		_, restores := s.took()
		var sessions []string
		for _, c := range restores[0].Cells {
			sessions = append(sessions, c.Key)
		}
		if diff := cmp.Diff([]string{"mine"}, sessions); diff != "" {
			t.Errorf("members put back (-want +got):\n%s", diff)
		}
	})
}

// TestEngine_memoryBytes: what is remembered is bounded.
func TestEngine_memoryBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{MemoryBytes: 4000})
		wait(20 * time.Second)
		for i := range 100 {
			must(t, write(t, e, fmt.Sprint("e", i), register(fmt.Sprint("f", i), "1")))
		}
		s.took()
		s.set(func(s *script) { s.lose = 1 })
		must(t, write(t, e, "last", register("a", "1")))
		_, restores := s.took()
		n := len(restores[0].Cells)
		if n == 0 || n > 25 || restores[0].Cells[n-1].Field != "f99" {
			t.Errorf("%d cells put back, want the newest few", n)
		}
	})
}

// TestEngine_large: what is put back comes in writes that a store takes gladly.
func TestEngine_large(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		for i := range 3000 {
			must(t, write(t, e, fmt.Sprint("e", i), register(fmt.Sprint("f", i), strings.Repeat("x", 100)), item(fmt.Sprint(i))))
		}
		s.took()
		s.set(func(s *script) { s.lose = 1 })
		must(t, write(t, e, "last", register("a", "1")))
		_, restores := s.took()
		cells, items, events := 0, 0, 0
		for _, r := range restores {
			if len(r.Cells) > engine.MaxBatchChanges || len(r.Events) > engine.MaxBatchChanges {
				t.Errorf("one write puts back %d cells and %d events", len(r.Cells), len(r.Events))
			}
			events += len(r.Events)
			for _, c := range r.Cells {
				if c.Kind == plugins.List {
					items++
				} else {
					cells++
				}
			}
		}
		if cells != 3000 || items != plugins.MaxListSize || events != 3000 {
			t.Errorf("put back %d registers, %d items, %d events; want 3000, %d, 3000", cells, items, events, plugins.MaxListSize)
		}
	})
}

// Of an entry in which a cell was painted twice only the last paint is put back: the
// state does not tell which of two with one stamp was first.
func TestEngine_restored_paintedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		e := run(t, s, site.Config{})
		wait(20 * time.Second)
		under := paint(1)
		under.Cell.Value = state.Patch{Colour: 1, By: "ann", Runs: []state.Run{{X: 2, Y: 4, N: 3}}}.Encode()
		must(t, write(t, e, "e1", under, paint(2)))
		s.took()
		s.set(func(s *script) {
			s.health = site.Health{Incarnation: "2", Missing: "loading", Links: "a"}
		})
		wait(2 * time.Second)
		s.set(func(s *script) { s.health = site.Health{Synced: true, Incarnation: "2", Links: "a"} })
		wait(20 * time.Second)
		_, restores := s.took()
		if len(restores) == 0 {
			t.Fatal("nothing was put back")
		}
		if diff := cmp.Diff([]string{"board=1 ann 2,4,0 4,4,0", "board=2 ann 3,4,0", "e1"}, values(restores[:1])); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
	})
}
