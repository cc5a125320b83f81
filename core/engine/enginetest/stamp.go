package enginetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

var stampPromises = []promise{
	{"the id of an entry is greater than that of every earlier one", func(t *testing.T, s Suite) {
		n := s.open(t)
		var last state.ID
		for i := range 50 {
			id := n.append(t, event("e", i), member("never-came", "", true))
			if id.Compare(last) <= 0 {
				t.Fatalf("Append = %s after %s", id, last)
			}
			last = id
		}
	}},
	{"it is greater than After, however far ahead that is", func(t *testing.T, s Suite) {
		n := s.open(t)
		ahead := state.ID{MS: time.Now().Add(365 * 24 * time.Hour).UnixMilli(), Seq: 7}
		id := n.appendBatch(t, engine.Batch{Binary: binary, After: ahead, Changes: []engine.Change{set("a", "1")}})
		if id.Compare(ahead) <= 0 {
			t.Errorf("Append = %s, want more than %s", id, ahead)
		}
		if next := n.append(t, "e2", set("a", "2")); next.Compare(id) <= 0 {
			t.Errorf("Append = %s after %s", next, id)
		}
	}},
	{"it is not less than the store's clock", func(t *testing.T, s Suite) {
		n := s.open(t)
		before := time.Now().Add(-time.Second) // a store may round its clock
		if id := n.append(t, "e", set("a", "1")); id.Time().Before(before) {
			t.Errorf("Append = %s, which is %v ago", id, time.Since(id.Time()))
		}
	}},
	{"it follows the clock forwards and goes on when the clock goes back", func(t *testing.T, s Suite) {
		if s.OpenAt == nil {
			t.Skip("this engine takes no clock")
		}
		var clock atomic.Int64
		n := start(t, s.OpenAt(t, func() time.Time { return time.UnixMilli(clock.Load()) }))
		for i, step := range []struct {
			clock int64
			want  state.ID
		}{
			{1000, state.ID{MS: 1000}},
			{1000, state.ID{MS: 1000, Seq: 1}},
			{2000, state.ID{MS: 2000}},
			{500, state.ID{MS: 2000, Seq: 1}},
			{2000, state.ID{MS: 2000, Seq: 2}},
			{2001, state.ID{MS: 2001}},
		} {
			clock.Store(step.clock)
			if got := n.append(t, event("e", i), set("a", fmt.Sprint(i))); got != step.want {
				t.Errorf("step %d: Append at clock %d = %s, want %s", i, step.clock, got, step.want)
			}
		}
	}},
}
