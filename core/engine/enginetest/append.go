package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

var appendPromises = []promise{
	{"a batch is in the log and in the state when Append returns", func(t *testing.T, s Suite) {
		n := s.open(t)
		id := n.append(t, "e1", set("light", "on"), add("clicks", 2))
		n.wantCells(t, room, cell(plugins.Counter, "clicks", "2"), cell(plugins.Register, "light", "on"))
		got := n.follow(t, nil).through(t, id)
		want := engine.Delivery{Entry: engine.Entry{Site: n.Site(), ID: id, Binary: binary, Events: []string{"e1"}, Cells: []state.Cell{
			stamped(cell(plugins.Register, "light", "on"), id, n.Site(), 0),
			stamped(cell(plugins.Counter, "clicks", "2"), id, n.Site(), 1),
		}}}
		if diff := cmp.Diff([]engine.Delivery{want}, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	}},
	{"what is appended comes back through Tail of the same engine", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		for i := range 5 {
			id := n.append(t, event("e", i), set("light", fmt.Sprint(i)))
			f.through(t, id)
		}
		if got, want := events(f.deliveries()), []string{"e-0", "e-1", "e-2", "e-3", "e-4"}; !slices.Equal(got, want) {
			t.Errorf("events = %v, want %v", got, want)
		}
	}},
	{"state and log carry the same stamps", func(t *testing.T, s Suite) {
		n := s.open(t)
		id := n.append(t, "e1", set("a", "1"), push("words", "hello", 10), add("c", 1))
		inLog := map[state.Address]state.Cell{}
		for _, d := range n.follow(t, nil).through(t, id) {
			newest(inLog, d.Cells)
		}
		inState := map[state.Address]state.Cell{}
		cells, _ := n.load(t, room)
		newest(inState, cells)
		if diff := cmp.Diff(inLog, inState); diff != "" {
			t.Errorf("state differs from log (-log +state):\n%s", diff)
		}
	}},
	{"one goroutine's batches keep their order", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		const writers, each = 8, 25
		last := concurrently(t, n, writers, each, func(w string, i int) []engine.Change { return []engine.Change{add("c", 1)} })
		seen := map[string]int{}
		for _, e := range events(f.through(t, last)) {
			who, i := splitEvent(t, e)
			if i != seen[who] {
				t.Fatalf("event %q came when %s-%d was next", e, who, seen[who])
			}
			seen[who]++
		}
		for who, count := range seen {
			if count != each {
				t.Errorf("%d events of %s, want %d", count, who, each)
			}
		}
		if len(seen) != writers {
			t.Errorf("events of %d writers, want %d", len(seen), writers)
		}
	}},
	{"a batch is never split, and a group counts its places through", func(t *testing.T, s Suite) {
		n := s.open(t)
		f := n.follow(t, nil)
		last := concurrently(t, n, 8, 20, func(who string, i int) []engine.Change {
			return []engine.Change{set(who+"a", fmt.Sprint(i)), set(who+"b", fmt.Sprint(i)), set(who+"c", fmt.Sprint(i))}
		})
		for _, d := range f.through(t, last) {
			if len(d.Cells) != 3*len(d.Events) {
				t.Fatalf("entry %s has %d cells of %d events, want 3 each", d.ID, len(d.Cells), len(d.Events))
			}
			for i, c := range d.Cells {
				who, nth := splitEvent(t, d.Events[i/3])
				want := stamped(cell(plugins.Register, who+string("abc"[i%3]), fmt.Sprint(nth)), d.ID, n.Site(), i)
				if diff := cmp.Diff(want, c); diff != "" {
					t.Fatalf("cell %d of entry %s (-want +got):\n%s", i, d.ID, diff)
				}
			}
		}
	}},
	{"events without changes are kept in the log", func(t *testing.T, s Suite) {
		n := s.open(t)
		id := n.append(t, "nothing-came-of-it")
		if got := events(n.follow(t, nil).through(t, id)); !slices.Equal(got, []string{"nothing-came-of-it"}) {
			t.Errorf("events = %v", got)
		}
	}},
	{"a beat is in the log and not in the state", func(t *testing.T, s Suite) {
		n := s.open(t)
		want := &engine.Beat{Region: "lhr", Version: "1.2.3"}
		id := n.appendBatch(t, engine.Batch{Binary: binary, Beat: want})
		got := n.follow(t, nil).through(t, id)
		if len(got) != 1 || got[0].Binary != binary {
			t.Fatalf("log = %+v, want one entry of %s", got, binary)
		}
		if diff := cmp.Diff(want, got[0].Beat); diff != "" {
			t.Errorf("beat (-want +got):\n%s", diff)
		}
		n.wantCells(t, room)
	}},
	{"a batch as large as allowed is taken", func(t *testing.T, s Suite) {
		n := s.open(t)
		b := engine.Batch{Binary: binary}
		for i := range engine.MaxBatchChanges {
			b.Changes = append(b.Changes, set(fmt.Sprintf("f%d", i), strings.Repeat("x", 512)))
		}
		id := n.appendBatch(t, b)
		if cells, _ := n.load(t, room); len(cells) != engine.MaxBatchChanges {
			t.Errorf("%d cells, want %d", len(cells), engine.MaxBatchChanges)
		}
		if got := n.follow(t, nil).through(t, id); len(got) != 1 || len(got[0].Cells) != engine.MaxBatchChanges {
			t.Errorf("log has %d entries, want one with all cells", len(got))
		}
	}},
	{"text of any script and sign comes back as it was", func(t *testing.T, s Suite) {
		n := s.open(t)
		want := "<b>\"it's\"</b> & ½ 東京 🎈 \u2028 \\n \n\t\x00 \ufffd"
		id := n.append(t, "e1", set("text", want))
		n.wantCells(t, room, cell(plugins.Register, "text", want))
		if got := n.follow(t, nil).through(t, id)[0].Cells[0].Value; got != want {
			t.Errorf("value in the log = %q, want %q", got, want)
		}
	}},
}

// concurrently has writers append their batches at once, one event each, and
// returns the highest id.
func concurrently(t *testing.T, n *node, writers, each int, changes func(who string, i int) []engine.Change) state.ID {
	t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		last state.ID
	)
	for w := range writers {
		who := fmt.Sprintf("w%d", w)
		wg.Go(func() {
			var before state.ID
			for i := range each {
				id, err := n.Append(t.Context(), engine.Batch{Binary: binary, Events: []string{event(who, i)}, Changes: changes(who, i)})
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				if id.Compare(before) <= 0 {
					t.Errorf("Append = %s after %s of the same goroutine", id, before)
				}
				before = id
			}
			mu.Lock()
			defer mu.Unlock()
			if before.Compare(last) > 0 {
				last = before
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return last
}

func splitEvent(t *testing.T, id string) (who string, i int) {
	t.Helper()
	who, nth, _ := strings.Cut(id, "-")
	if _, err := fmt.Sscan(nth, &i); err != nil {
		t.Fatalf("event %q: %v", id, err)
	}
	return who, i
}

func stamped(c state.Cell, id state.ID, site string, index int) state.Cell {
	c.Stamp = state.Stamp{ID: id, Site: site, Index: index}
	return c
}
