package enginetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var lifePromises = []promise{
	{"it is not ready before Run and after Run", func(t *testing.T, s Suite) {
		e := s.Open(t)
		if err := e.Ready(); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Ready before Run = %v, want ErrUnavailable", err)
		}
		n := start(t, e) // waits until it is ready
		n.stop()
		if err := e.Ready(); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Ready after Run = %v, want ErrUnavailable", err)
		}
	}},
	{"it has a name", func(t *testing.T, s Suite) {
		e := s.Open(t)
		if first, again := e.Site(), e.Site(); first == "" || first != again {
			t.Errorf("Site() = %q, then %q", first, again)
		}
	}},
	{"an Append after Run gets ErrUnavailable", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.stop()
		if _, err := n.Append(t.Context(), engine.Batch{Binary: binary, Changes: []engine.Change{set("a", "1")}}); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append = %v, want ErrUnavailable", err)
		}
	}},
	{"an Append that waits when Run ends is taken or gets ErrUnavailable", func(t *testing.T, s Suite) {
		n := s.open(t)
		var (
			wg         sync.WaitGroup
			busy, once = make(chan struct{}), sync.Once{}
		)
		for range 16 {
			wg.Go(func() {
				for {
					_, err := n.Append(context.Background(), engine.Batch{Binary: binary, Changes: []engine.Change{add("c", 1)}})
					if err == nil {
						once.Do(func() { close(busy) })
						continue
					}
					if !errors.Is(err, engine.ErrUnavailable) {
						t.Errorf("Append = %v, want ErrUnavailable", err)
					}
					return
				}
			})
		}
		<-busy
		n.stop()
		wg.Wait() // none waits for ever
	}},
	{"a Tail ends with ErrUnavailable when Run ends, after what was taken", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		id := n.append(t, "e1", set("a", "1"))
		f.through(t, id)
		n.stop()
		<-f.ended
		if !errors.Is(f.err, engine.ErrUnavailable) {
			t.Errorf("Tail = %v, want ErrUnavailable", f.err)
		}
	}},
}

var reopenPromises = []promise{
	{"state, log and event ids are as they were", func(t *testing.T, s Suite) {
		s.needReopen(t)
		n := s.open(t)
		for i := range 10 {
			n.append(t, event("e", i), set("r", event("v", i)), add("c", 3), push("words", event("w", i), 4), paint(uint8(i), dot(i, 2), dot(190, 190)))
		}
		n.append(t, "gone", unset("r"), set("kept", "1"))
		last := n.append(t, "no-change")
		cells, _ := n.load(t, room)
		log := durableLog(n.follow(t, nil).through(t, last))
		n.stop()

		again := start(t, s.Reopen(t, n.Engine))
		got, at := again.load(t, room)
		if diff := cmp.Diff(cells, got); diff != "" {
			t.Errorf("state (-before +after):\n%s", diff)
		}
		if at[again.Site()].Compare(last) < 0 {
			t.Errorf("position = %s, want at least %s", at[again.Site()], last)
		}
		if diff := cmp.Diff(log, durableLog(again.follow(t, nil).through(t, last))); diff != "" {
			t.Errorf("log (-before +after):\n%s", diff)
		}
	}},
	{"ids go on above the last one, counters and lists where they were", func(t *testing.T, s Suite) {
		s.needReopen(t)
		n := s.open(t)
		n.append(t, "e1", add("c", 40), push("words", "a", 2), push("words", "b", 2))
		ahead := state.ID{MS: 1 << 52} // a clock that is far ahead, and then is not
		last := n.appendBatch(t, engine.Batch{Binary: binary, After: ahead, Changes: []engine.Change{member("never-came", "", true)}})
		n.stop()

		again := start(t, s.Reopen(t, n.Engine))
		id := again.append(t, "e2", add("c", 2), push("words", "c", 2))
		if id.Compare(last) <= 0 {
			t.Errorf("Append = %s after %s", id, last)
		}
		cells, _ := again.load(t, room)
		if got := values(cells, "words"); len(got) != 2 || got[0] != "b" || got[1] != "c" {
			t.Errorf("items = %v, want b and c", got)
		}
		if got := values(cells, "c"); len(got) != 1 || got[0] != "42" {
			t.Errorf("total = %v, want 42", got)
		}
	}},
	{"a Tail goes on from a position of before", func(t *testing.T, s Suite) {
		s.needReopen(t)
		n := s.open(t)
		first := n.append(t, "e1", set("a", "1"))
		n.append(t, "e2", set("a", "2"))
		n.stop()

		again := start(t, s.Reopen(t, n.Engine))
		last := again.append(t, "e3", set("a", "3"))
		got := again.follow(t, engine.Positions{again.Site(): first}).through(t, last)
		if ids := events(got); len(ids) != 2 || ids[0] != "e2" || ids[1] != "e3" {
			t.Errorf("events = %v, want e2 and e3", ids)
		}
	}},
	{"the secret stays", func(t *testing.T, s Suite) {
		s.needReopen(t)
		type keeper interface{ Secret() ([]byte, error) }
		secret := func(e engine.Engine) string {
			k, ok := e.(keeper)
			if !ok {
				t.Skip("this engine keeps no secret")
			}
			b, err := k.Secret()
			if err != nil || len(b) != 32 {
				t.Fatalf("Secret = %d bytes, %v; want 32", len(b), err)
			}
			return string(b)
		}
		n := s.open(t)
		before := secret(n.Engine)
		n.stop()
		if after := secret(start(t, s.Reopen(t, n.Engine)).Engine); after != before {
			t.Errorf("secret changed")
		}
	}},
}

func (s Suite) needReopen(t *testing.T) {
	t.Helper()
	if s.Reopen == nil {
		t.Skip("this engine's store does not outlive it")
	}
}

// durableLog returns the entries that a store must keep, without the cells that
// it need not.
func durableLog(ds []engine.Delivery) []engine.Delivery {
	var kept []engine.Delivery
	for _, d := range ds {
		var cells []state.Cell
		for _, c := range d.Cells {
			if c.Kind != plugins.Presence {
				cells = append(cells, c)
			}
		}
		if d.Cells = cells; len(cells) > 0 || len(d.Events) > 0 {
			kept = append(kept, d)
		}
	}
	return kept
}
