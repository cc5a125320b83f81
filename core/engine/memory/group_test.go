package memory_test

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
)

// syncTime is how long the disk of these tests takes for a write.
const syncTime = 10 * time.Millisecond

// queued is an Append and what came of it.
type queued struct {
	batch engine.Batch
	err   error
	took  time.Duration
}

// together has batches arrive in their order while a write is in flight, and
// returns when all have an outcome.
func together(t *testing.T, e *memory.Engine, batches ...engine.Batch) []queued {
	t.Helper()
	all := make([]queued, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() {
			began := time.Now()
			_, err := e.Append(t.Context(), b)
			all[i] = queued{b, err, time.Since(began)}
		})
		synctest.Wait() // it is in the queue before the next one
	}
	wg.Wait()
	return all
}

// slowly has the disk take its time, and fail with err.
func slowly(e *memory.Engine, err error) {
	memory.SetCommit(e, func(tx *bolt.Tx) error {
		time.Sleep(syncTime) // the bubble's clock
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	})
}

// The id of an event that changed nothing is kept, whatever arrived with it.
func TestEngine_Append_groupedEventIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		e := open(t, memory.Config{File: file})
		defer start(t, e)()
		slowly(e, nil)
		nothing := engine.Batch{Binary: "b1", Events: []string{"nothing"}}
		for _, q := range together(t, e, count("first"), mark(), nothing, mark()) {
			if q.err != nil {
				t.Errorf("Append of %v: %v", q.batch.Events, q.err)
			}
		}
	})
	edit(t, file, func(tx *bolt.Tx) error {
		var kept []string
		err := tx.Bucket([]byte("log")).ForEach(func(k, v []byte) error {
			entry, err := engine.DecodeEntry("dev", state.ID{}, v)
			kept = append(kept, entry.Events...)
			return err
		})
		if want := []string{"first", "nothing"}; !slices.Equal(kept, want) {
			t.Errorf("events in the file = %v, want %v", kept, want)
		}
		return err
	})
}

// What needs no disk works on while the disk fails, also when it arrives together
// with what does.
func TestEngine_Append_groupedDiskFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		e := open(t, memory.Config{File: file})
		defer start(t, e)()
		slowly(e, errDisk)
		for i, q := range together(t, e, count("e1"), mark(), count("e2"), mark(), count("e3")) {
			if i%2 == 0 && !errors.Is(q.err, engine.ErrUnavailable) {
				t.Errorf("Append of %v = %v, want ErrUnavailable", q.batch.Events, q.err)
			}
			if i%2 == 1 && q.err != nil {
				t.Errorf("Append of %v = %v, want nil", q.batch.Events, q.err)
			}
		}
		memory.SetCommit(e, (*bolt.Tx).Commit)
	})
}

// What needs no disk waits at most for the write in flight, and what does is still
// written together.
func TestEngine_Append_groupedWaits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		e := open(t, memory.Config{File: file})
		defer start(t, e)()
		slowly(e, nil)
		move := mark()
		move.Beat = nil // two beats are never one write
		all := together(t, e, count("e1"), count("e2"), move, count("e3"), move, count("e4"))
		for i, q := range all {
			want := 2 * syncTime
			if i == 0 || len(q.batch.Changes) > 1 { // in flight, or a move
				want = syncTime
			}
			if q.err != nil || q.took != want {
				t.Errorf("Append %d of %v = %v after %v, want nil after %v", i, q.batch.Events, q.err, q.took, want)
			}
		}
		if got := total(t, e); got != "4" {
			t.Errorf("total = %s, want 4", got)
		}
	})
}
