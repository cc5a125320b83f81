package memory_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// errDisk is what a broken disk says.
var errDisk = errors.New("no space left on device")

// total returns the counter "c" of room home, "" if there is none.
func total(tb testing.TB, e *memory.Engine) string {
	tb.Helper()
	cells, _, err := e.Load(context.Background(), "home")
	if err != nil {
		tb.Fatal(err)
	}
	for _, c := range cells {
		if c.Field == "c" {
			return c.Value
		}
	}
	return ""
}

func count(event string) engine.Batch {
	return engine.Batch{Binary: "b1", Events: []string{event}, Changes: []engine.Change{engine.Add("home", "demo", "c", 1)}}
}

// mark is a batch that has no business on a disk.
func mark() engine.Batch {
	return engine.Batch{Binary: "b1", Events: []string{"moved"}, Beat: &engine.Beat{Region: "lhr"}, Changes: []engine.Change{
		{Cell: state.Leave("home", "moved")},
		{Cell: state.Cell{Room: "home", Feature: state.People, Key: "tab", Kind: plugins.Presence, Value: "ann"}},
	}}
}

// start runs e until stop is called.
func start(tb testing.TB, e *memory.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

func TestEngine_Append_diskFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		e := open(t, memory.Config{File: file})
		stop := start(t, e)
		append := func(b engine.Batch) error {
			_, err := e.Append(t.Context(), b)
			return err
		}
		if err := append(count("e1")); err != nil {
			t.Fatal(err)
		}

		memory.SetCommit(e, func(tx *bolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
		if err := append(count("e2")); !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Errorf("Append = %v, want ErrUnavailable and the reason", err)
		}
		if err := e.Ready(); !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Errorf("Ready = %v, want ErrUnavailable and the reason", err)
		}
		if got := total(t, e); got != "1" {
			t.Errorf("total = %s after a failed write, want 1", got)
		}
		if err := append(mark()); err != nil {
			t.Errorf("Append of what is not kept = %v, want nil", err)
		}
		time.Sleep(10 * time.Second)
		if e.Ready() == nil {
			t.Error("Ready = nil while the disk still fails")
		}

		memory.SetCommit(e, (*bolt.Tx).Commit)
		time.Sleep(time.Second + time.Millisecond)
		if err := e.Ready(); err != nil {
			t.Errorf("Ready = %v a second after the disk works again", err)
		}
		if err := append(count("e3")); err != nil || total(t, e) != "2" {
			t.Errorf("Append = %v, total %s; want 2", err, total(t, e))
		}
		stop()
	})
	if got := total(t, open(t, memory.Config{File: file})); got != "2" {
		t.Errorf("total = %s in the file, want 2", got)
	}
}

func TestEngine_Append_recoversWithoutProbe(t *testing.T) {
	e := open(t, memory.Config{File: filepath.Join(t.TempDir(), "state.db")})
	defer start(t, e)()
	memory.SetCommit(e, func(tx *bolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if _, err := e.Append(t.Context(), count("e1")); !errors.Is(err, errDisk) {
		t.Fatalf("Append = %v, want %v", err, errDisk)
	}
	memory.SetCommit(e, (*bolt.Tx).Commit)
	if _, err := e.Append(t.Context(), count("e2")); err != nil || e.Ready() != nil || total(t, e) != "1" {
		t.Errorf("Append = %v, Ready = %v, total %s; want 1", err, e.Ready(), total(t, e))
	}
}

// A commit may fail after the file holds the transaction, when the last sync
// does. Memory must not go on as if it did not.
func TestEngine_Append_commitFailsAfterWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	e := open(t, memory.Config{File: file})
	stop := start(t, e)
	memory.SetCommit(e, func(tx *bolt.Tx) error { return errors.Join(tx.Commit(), errDisk) })
	if _, err := e.Append(t.Context(), count("e1")); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Append = %v, want ErrUnavailable", err)
	}
	memory.SetCommit(e, (*bolt.Tx).Commit)
	last, err := e.Append(t.Context(), count("e2"))
	if err != nil {
		t.Fatal(err)
	}
	seen := func(e *memory.Engine) (events []string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_ = e.Tail(ctx, nil, func(ds []engine.Delivery) error {
			for _, d := range ds {
				events = append(events, d.Events...)
				if d.ID == last {
					cancel()
				}
			}
			return nil
		})
		return events
	}
	before, events := total(t, e), seen(e)
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, memory.Config{File: file})
	if after := total(t, again); before != "2" || after != "2" {
		t.Errorf("total = %s before and %s after a restart, want 2", before, after)
	}
	if after := seen(again); fmt.Sprint(events) != "[e1 e2]" || fmt.Sprint(after) != "[e1 e2]" {
		t.Errorf("events = %v before and %v after a restart, want e1 and e2", events, after)
	}
}

// TestEngine_diskFull has the kernel refuse every byte, in a process of its own
// since the limit holds for all files of a process.
func TestEngine_diskFull(t *testing.T) {
	cmd := startChild(t, "fills", filepath.Join(t.TempDir(), "state.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("child: %v\n%s", err, out)
	}
}

func childFills(file string) error {
	limit := func(bytes uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: ^uint64(0)})
	}
	e, err := memory.Open(memory.Config{File: file})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wrong []error
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	want := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			wrong = append(wrong, fmt.Errorf("%s = %v, want %v", what, got, want))
		}
	}
	appends := func(b engine.Batch) error {
		_, err := e.Append(context.Background(), b)
		return err
	}
	load := func() string {
		cells, _, _ := e.Load(context.Background(), "home")
		for _, c := range cells {
			if c.Field == "c" {
				return c.Value
			}
		}
		return ""
	}

	want("first Append", appends(count("e1")), nil)
	if err := limit(0); err != nil {
		return err
	}
	for range 3 {
		want("Append on a full disk is unavailable", errors.Is(appends(count("e2")), engine.ErrUnavailable), true)
	}
	want("Ready on a full disk is unavailable", errors.Is(e.Ready(), engine.ErrUnavailable), true)
	want("Append of what is not kept", appends(mark()), nil)
	want("total on a full disk", load(), "1")
	if err := limit(^uint64(0)); err != nil {
		return err
	}
	want("Append after it", appends(count("e3")), nil)
	want("Ready after it", e.Ready(), nil)
	want("total after it", load(), "2")
	cancel()
	want("Run", <-ended, nil)
	want("Close", e.Close(), nil)
	if e, err = memory.Open(memory.Config{File: file}); err != nil {
		return err
	}
	want("total after a restart", load(), "2")
	want("second Close", e.Close(), nil)
	return errors.Join(wrong...)
}
