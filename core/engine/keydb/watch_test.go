package keydb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/plugins"
)

// watcher collects what one Watch tells.
type watcher struct {
	mu  sync.Mutex
	got []engine.KeyChange
}

// startWatch watches until the test ends.
func startWatch(t *testing.T, s *keydb.Store, patterns ...string) *watcher {
	t.Helper()
	w := &watcher{}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, patterns, func(c engine.KeyChange) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got = append(w.got, c)
		})
	}()
	t.Cleanup(func() {
		cause := errors.New("test ended")
		cancel(cause)
		if err := <-ended; !errors.Is(err, cause) && !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Watch = %v, want %v", err, cause)
		}
	})
	return w
}

// take waits until n changes have come, in the order of their keys where several
// keys were told of at once, and takes them.
func (w *watcher) take(t *testing.T, n int) []engine.KeyChange {
	t.Helper()
	var got []engine.KeyChange
	wait(t, "changes", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.got) < n {
			return "got " + cmp.Diff(nil, w.got)
		}
		got, w.got = w.got, nil
		return ""
	})
	return got
}

func TestStore_Watch(t *testing.T) {
	s, server := openRedis(t)
	server.Do("SET", "shop:1:stock", "7")
	server.Do("SET", "shop:2:stocks", "no match")
	server.Do("SET", "note", "hello")
	server.Do("HSET", "shop:3:stock", "not", "a string")
	w := startWatch(t, s, "shop:*:stock", "note", "gone", "*")
	byKey := func(cs []engine.KeyChange) []engine.KeyChange {
		slices.SortFunc(cs, func(a, b engine.KeyChange) int {
			return strings.Compare(a.Pattern+" "+a.Key, b.Pattern+" "+b.Key)
		})
		return cs
	}
	want := []engine.KeyChange{
		{Pattern: "*", Command: "synced"},
		{Pattern: "*", Key: "note", Command: "sync", Value: "hello"},
		{Pattern: "*", Key: "shop:1:stock", Command: "sync", Value: "7"},
		{Pattern: "*", Key: "shop:2:stocks", Command: "sync", Value: "no match"},
		{Pattern: "*", Key: "shop:3:stock", Command: "sync"},
		{Pattern: "gone", Key: "gone", Command: "sync", Missing: true},
		{Pattern: "note", Key: "note", Command: "sync", Value: "hello"},
		{Pattern: "shop:*:stock", Command: "synced"},
		{Pattern: "shop:*:stock", Key: "shop:1:stock", Command: "sync", Value: "7"},
		{Pattern: "shop:*:stock", Key: "shop:3:stock", Command: "sync"},
	}
	if diff := cmp.Diff(want, byKey(w.take(t, len(want)))); diff != "" {
		t.Fatalf("sync (-want +got):\n%s", diff)
	}
	write(t, s, set("a", "1")) // its keys are never told of
	for _, step := range []struct {
		do   []any
		want engine.KeyChange
	}{
		{[]any{"SET", "note", "bye"}, engine.KeyChange{Key: "note", Command: "set", Value: "bye"}},
		{[]any{"INCRBY", "shop:1:stock", "-3"}, engine.KeyChange{Key: "shop:1:stock", Command: "incrby", Value: "4"}},
		{[]any{"DEL", "note"}, engine.KeyChange{Key: "note", Command: "del", Missing: true}},
	} {
		server.Do(step.do...)
		got := byKey(w.take(t, 2))
		for i := range got {
			got[i].Pattern = ""
		}
		if diff := cmp.Diff([]engine.KeyChange{step.want, step.want}, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", step.do, diff)
		}
	}
	server.Do("SET", "other", "x", "PX", "1")
	got := w.take(t, 3)
	if last := got[len(got)-1]; last.Command != "expired" || !last.Missing {
		t.Errorf("changes = %+v, want expired at their end", got)
	}
}

func TestStore_Watch_takesPatternsAsTheyAre(t *testing.T) {
	s, server := openRedis(t)
	for _, key := range []string{`a[b]?\c`, `a[b]?\cd`, "ab?c", "abxc"} {
		server.Do("SET", key, key)
	}
	for _, pattern := range []string{`a[b]?\c`, "ab?c"} {
		w := startWatch(t, s, pattern)
		if got := w.take(t, 1); got[0].Value != pattern || got[0].Missing {
			t.Errorf("sync of %q = %+v", pattern, got)
		}
		server.Do("SET", "abxc", "no match")
		server.Do("SET", pattern, "new")
		if got := w.take(t, 1); got[0].Key != pattern || got[0].Value != "new" {
			t.Errorf("change of %q = %+v", pattern, got)
		}
	}
	w := startWatch(t, s, `a[b]?\c*`)
	if got := w.take(t, 3); len(got) != 3 || got[2].Command != "synced" || got[2].Pattern != `a[b]?\c*` {
		t.Errorf("sync = %+v, want two keys and its end", got)
	}
	if err := s.Watch(t.Context(), []string{"a*b*"}, nil); err == nil || !strings.Contains(err.Error(), "at most one") {
		t.Errorf("Watch of two stars = %v", err)
	}
}

func TestStore_Watch_passesOverLongValues(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: server.URL(), Logger: log.logger()})
	long := strings.Repeat("é", plugins.MaxValueSize/2)
	w := startWatch(t, s, "k")
	w.take(t, 1)
	server.Do("SET", "k", long+"x")
	wait(t, "line of the key", func() string { // before it holds something else
		if log.count("a watched key is not told of") == 0 {
			return log.String()
		}
		return ""
	})
	server.Do("APPEND", "k", "x")
	server.Do("SET", "k", "\xff")
	server.Do("SET", "k", long)
	if got := w.take(t, 1); got[0].Value != long {
		t.Errorf("changes = %d bytes, want the longest value allowed", len(got[0].Value))
	}
	if n := log.count("a watched key is not told of"); n != 1 {
		t.Errorf("%d lines of the key, want 1: %s", n, &log)
	}
}

func TestStore_Watch_syncsAgain(t *testing.T) {
	s, server := openRedis(t)
	w := startWatch(t, s, "k")
	w.take(t, 1)
	server.Restart(false)
	server.Do("SET", "k", "while nobody watched")
	for {
		got := w.take(t, 1)
		if last := got[len(got)-1]; last.Value == "while nobody watched" {
			return
		}
	}
}

// A full resync changes keys and notifies of nothing.
func TestStore_Watch_syncsAfterAResync(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	s := open(t, keydbConfig2(primary, replica))
	health(t, s)
	w := startWatch(t, s, "k")
	w.take(t, 1)
	replica.Do("REPLICAOF", "NO", "ONE")
	primary.Do("SET", "k", "while it was cut off")
	replica.Do("REPLICAOF", "127.0.0.1", primary.Port)
	replica.WaitLinks()
	health(t, s)
	wait(t, "sync", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.got {
			if c.Value == "while it was cut off" && c.Command == "sync" {
				return ""
			}
		}
		return cmp.Diff(nil, w.got)
	})
}

func TestStore_Watch_endsWithRun(t *testing.T) {
	s, _ := openRedis(t)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx, func(string) {}, func(string, []byte) {}) }()
	ended := make(chan error, 1)
	told := make(chan struct{}, 8)
	go func() {
		ended <- s.Watch(context.Background(), []string{"k"}, func(engine.KeyChange) { told <- struct{}{} })
	}()
	<-told
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Watch = %v, want ErrUnavailable", err)
	}
}
