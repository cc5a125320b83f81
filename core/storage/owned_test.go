package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/storage"
)

// fakeStore is a store that only tells how it is.
type fakeStore struct {
	site.Store
	health func() (site.Health, error)
}

func (f fakeStore) Health(context.Context) (site.Health, error) { return f.health() }

// owned is an own store and what it is asked.
type owned struct {
	*storage.OwnStore
	health site.Health
	err    error // of the server
	claims []error
	asked  int // claims
	log    strings.Builder
}

func own(syncTimeout time.Duration, h site.Health, claims ...error) *owned {
	o := &owned{health: h, claims: claims}
	s := fakeStore{health: func() (site.Health, error) { return o.health, o.err }}
	claim := func(context.Context) error {
		time.Sleep(time.Second) // the bubble's
		o.asked++
		return o.claims[o.asked-1]
	}
	o.OwnStore = storage.NewOwnStore(s, claim, syncTimeout, slog.New(slog.NewTextHandler(&o.log, nil)))
	return o
}

var unsynced = site.Health{Missing: "its link to a dead peer is down", Incarnation: "a"}

// wantHealth checks what Health says and how many claims there were by then.
func (o *owned) wantHealth(t *testing.T, want site.Health, asked int) {
	t.Helper()
	if got, err := o.Health(t.Context()); got != want || err != nil || o.asked != asked {
		t.Errorf("Health = %+v, %v after %d claims; want %+v, nil after %d", got, err, o.asked, want, asked)
	}
}

func TestOwnStore_Health_synced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := own(30*time.Second, unsynced, nil)
		o.wantHealth(t, unsynced, 0)
		o.health = site.Health{Synced: true, Incarnation: "a"}
		o.wantHealth(t, o.health, 1)
		o.wantHealth(t, o.health, 1)
	})
}

// With a peer that is dead the store is never synced, and the gate opens all the
// same: not before the name is claimed.
func TestOwnStore_Health_neverSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := own(30*time.Second, unsynced, nil)
		o.err = engine.ErrUnavailable
		if _, err := o.Health(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Health = %v, want what the server says", err)
		}
		time.Sleep(time.Minute) // it is not there yet: nothing waits
		o.err = nil
		start := time.Now()
		for o.asked == 0 && time.Since(start) < time.Minute {
			if got, err := o.Health(t.Context()); got != unsynced || err != nil {
				t.Fatalf("Health = %+v, %v", got, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if waited := time.Since(start); waited < 25*time.Second || waited > 27*time.Second {
			t.Errorf("claimed after %v, want a little before the gate opens, after 30 s", waited)
		}
		o.wantHealth(t, unsynced, 1)
	})
}

// A name that is another's keeps the gate closed, and ends the guard.
func TestOwnStore_Health_taken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := own(30*time.Second, site.Health{Synced: true}, &hosted.TakenError{Site: "lhr"})
		for range 2 {
			_, err := o.Health(t.Context())
			if _, taken := errors.AsType[*hosted.TakenError](err); !taken || !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("Health = %v, want ErrUnavailable and *TakenError", err)
			}
		}
		err := o.Guard(t.Context(), func(context.Context) error { panic("it must not go on") })
		if _, taken := errors.AsType[*hosted.TakenError](err); !taken || o.asked != 1 {
			t.Errorf("guard = %v after %d claims, want *TakenError after 1", err, o.asked)
		}
	})
}

// A claim that cannot be made is made again when the server is away, and else does
// not keep the gate closed for ever: the guard goes on with it.
func TestOwnStore_Health_cannotClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("OOM command not allowed")
		o := own(30*time.Second, site.Health{Synced: true}, errors.New("connection refused"), refused)
		calls := 0
		o.OwnStore = storage.NewOwnStore(fakeStore{health: func() (site.Health, error) {
			if calls++; calls == 2 { // after the first claim
				return site.Health{}, engine.ErrUnavailable
			}
			return o.health, nil
		}}, func(context.Context) error {
			o.asked++
			return o.claims[o.asked-1]
		}, 30*time.Second, slog.New(slog.NewTextHandler(&o.log, nil)))
		if _, err := o.Health(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Health = %v, want what the server says", err)
		}
		o.wantHealth(t, o.health, 2)
		o.wantHealth(t, o.health, 2)
		if !strings.Contains(o.log.String(), "OOM command not allowed") {
			t.Errorf("the log does not tell why: %s", o.log.String())
		}
		kept := errors.New("kept")
		if err := o.Guard(t.Context(), func(context.Context) error { return kept }); !errors.Is(err, kept) {
			t.Errorf("guard = %v, want it to go on", err)
		}
	})
}

func TestOwnStore_guardEnds(t *testing.T) {
	o := own(time.Second, unsynced)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Guard(ctx, nil); err != nil {
		t.Errorf("guard = %v, want nil when ctx ends", err)
	}
}
