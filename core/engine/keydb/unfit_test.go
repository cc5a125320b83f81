package keydb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

// A server that is always a little behind, since much is written, is synced.
func TestStore_Health_busy(t *testing.T) {
	t.Run("Replicas", func(t *testing.T) {
		primary := keydbtest.Start(t, keydbtest.Options{})
		replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
		s := open(t, keydbConfig2(primary, replica))
		staysSynced(t, s, open(t, keydbConfig(primary)))
	})
	t.Run("Mesh", func(t *testing.T) {
		mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{})
		staysSynced(t, open(t, keydbConfig(mesh[0])), open(t, keydb.Config{URL: mesh[1].URL(), Site: "iad"}))
	})
}

// staysSynced has writer write without a pause from before s is synced.
func staysSynced(t *testing.T, s, writer *keydb.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		var changes []engine.Change
		for i := range 60 {
			changes = append(changes, set(fmt.Sprint("f", i), strings.Repeat("x", 300)))
		}
		for ctx.Err() == nil {
			if _, err := writer.Write(ctx, siteWrite(changes...)); err != nil && ctx.Err() == nil {
				t.Errorf("Write: %v", err)
				return
			}
		}
	})
	waitHealth(t, s, "synced while much is written", synced)
	for i := range 300 {
		if h := health(t, s); !h.Synced {
			t.Fatalf("look %d: not synced: %s", i, h.Missing)
		}
	}
}

// Many loads at once wait for their turn, and no write for them.
func TestStore_Load_storm(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	link := keydbtest.StartLink(t, server)
	var log journal
	cfg := keydb.Config{URL: "redis://" + link.Addr(), Timeout: time.Second, Logger: log.logger()}
	s := open(t, cfg)
	write(t, s, add("n", 1))
	load(t, s, room)
	link.Delay(50 * time.Millisecond)
	const loads = 800 // at 16 at once, the last waits for 2.5 s
	var wg sync.WaitGroup
	for i := range loads {
		wg.Go(func() {
			if _, _, err := s.Load(t.Context(), fmt.Sprint("room", i)); err != nil {
				t.Errorf("Load: %v", err)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	for writes := 0; ; writes++ {
		select {
		case <-done:
			if writes < 10 || log.count("lost the store's server") > 0 {
				t.Errorf("%d writes meanwhile, log %s", writes, &log)
			}
			return
		default:
			write(t, s, add("n", 1))
		}
	}
}

// A load that waits for its turn gives up with its context.
func TestStore_Load_waitEndsWithItsContext(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	s := open(t, keydbConfig(server))
	write(t, s, add("n", 1))
	load(t, s, room)
	server.Pause()
	defer server.Resume()
	cause := errors.New("gone home")
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, _, err := s.Load(ctx, room); !errors.Is(err, cause) {
				t.Errorf("Load = %v, want %v", err, cause)
			}
		})
	}
	cancel(cause)
	wg.Wait()
}

// Where the server to read from is away, writes go on.
func TestStore_Health_readServerAway(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: primary.URL(), ReadURL: replica.URL(), Logger: log.logger()})
	runStore(t, s)
	before := waitHealth(t, s, "synced", synced)
	replica.Kill()
	away := waitHealth(t, s, "word of the replica", func(h site.Health) bool {
		return !h.Synced && strings.HasPrefix(h.Missing, replica.Addr()+": ")
	})
	for range 3 {
		write(t, s, add("n", 1))
		health(t, s)
	}
	replica.Restart(false)
	after := waitHealth(t, s, "synced again", synced)
	if away.Incarnation != before.Incarnation || after.Incarnation != before.Incarnation {
		t.Errorf("Incarnation = %q, %q, %q, want one", before.Incarnation, away.Incarnation, after.Incarnation)
	}
	if after.Links == before.Links {
		t.Error("Links do not tell that the server to read from is another")
	}
	if log.count("the server to read from is away") != 1 || log.count("the server to read from is back") != 1 {
		t.Errorf("log = %s, want one line for each change", &log)
	}
}

// A replica that takes writes loses them at its next sync.
func TestStore_Health_becomesWritableReplica(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--replica-read-only", "no"}})
	s := open(t, keydbConfig(server))
	health(t, s)
	server.Follow(primary)
	wait(t, "word that it is a replica", func() string {
		_, err := s.Health(t.Context())
		if errors.Is(err, engine.ErrUnavailable) && strings.Contains(err.Error(), "that takes writes and passes them to nobody") {
			return ""
		}
		return "Health: " + errText(err)
	})
}

func TestStore_Health_policyChanges(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: server.URL(), Logger: log.logger()})
	for i := range 50 {
		write(t, s, set(fmt.Sprint("f", i), "v"))
	}
	before := health(t, s)
	const warning = "throws keys away when its memory is full"
	expectLines := func(when, line string, want int) {
		t.Helper()
		health(t, s)
		health(t, s)
		if got := log.count(line); got != want {
			t.Errorf("%s: %d lines of %q, want %d:\n%s", when, got, line, want, &log)
		}
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	expectLines("without a limit", warning, 0)
	server.Do("CONFIG", "SET", "maxmemory", "64mb")
	expectLines("with a limit", warning, 1)
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	expectLines("with another policy", warning, 2)
	expectLines("before any is lost", "has thrown keys away", 0)
	if h := health(t, s); h.Links != before.Links {
		t.Errorf("Links = %q, then %q before a key was lost", before.Links, h.Links)
	}
	server.Do("CONFIG", "SET", "maxmemory", "1kb")
	wait(t, "loss of a key", func() string {
		_, err := s.Write(t.Context(), siteWrite(add("n", 1)))
		if server.Do("EXISTS", "gp:log:lhr") == "0" {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		return "the log is there"
	})
	expectLines("with keys lost", "has thrown keys away", 1)
	if h := health(t, s); h.Links == before.Links {
		t.Error("Links do not tell that keys were lost")
	}
}
