package memory_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// The log in the file is capped as the one in memory is, a reader still hears of
// what it missed, and a list goes on from its newest items, whose keys do not sort
// as their stamps do.
func TestEngine_reopenedTrimmed(t *testing.T) {
	const entries, keep, pushes = 8, 5, 38 // the sequence in a key is base 36
	cfg := memory.Config{
		File:       filepath.Join(t.TempDir(), "state.db"),
		LogEntries: entries,
		Now:        func() time.Time { return time.UnixMilli(1000) }, // the sequence alone tells ids apart
	}
	push := func(e *memory.Engine, i int) state.ID {
		id, err := e.Append(t.Context(), engine.Batch{Binary: "b1", Events: []string{fmt.Sprint(i)}, Changes: []engine.Change{{
			Cell: state.Cell{Room: "home", Feature: "demo", Field: "words", Kind: plugins.List, Value: fmt.Sprint(i)},
			Cap:  keep,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	e := open(t, cfg)
	stop := start(t, e)
	var ids []state.ID
	for i := range pushes {
		ids = append(ids, push(e, i))
	}
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	edit(t, cfg.File, func(tx *bolt.Tx) error {
		// What a write drops, the next one takes out of the file.
		if n := tx.Bucket([]byte("log")).Stats().KeyN; n > entries+1 {
			t.Errorf("the file's log holds %d entries, want at most %d", n, entries+1)
		}
		if n := tx.Bucket([]byte("state")).Stats().KeyN; n != keep {
			t.Errorf("the file's state holds %d items, want %d", n, keep)
		}
		return nil
	})

	cfg.LogEntries *= 10 // so that what was trimmed is known from the file alone
	e = open(t, cfg)
	defer start(t, e)()
	first := func(from state.ID) (d engine.Delivery) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_ = e.Tail(ctx, engine.Positions{"dev": from}, func(ds []engine.Delivery) error {
			d = ds[0]
			cancel()
			return nil
		})
		return d
	}
	if d := first(ids[0]); !d.Gap || d.ID != ids[pushes-entries-1] {
		t.Errorf("Tail from the first entry starts with gap %t at %s, want one at %s", d.Gap, d.ID, ids[pushes-entries-1])
	}
	if d := first(ids[pushes-3]); d.Gap || d.ID != ids[pushes-2] {
		t.Errorf("Tail from a late entry starts with gap %t at %s, want entry %s", d.Gap, d.ID, ids[pushes-2])
	}

	push(e, pushes)
	cells, _, err := e.Load(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for _, c := range cells { // of one list: in their order
		items = append(items, c.Value)
	}
	if want := []string{"34", "35", "36", "37", "38"}; !slices.Equal(items, want) {
		t.Errorf("items = %v, want %v", items, want)
	}
}
