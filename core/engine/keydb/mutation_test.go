package keydb_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

// TestPromises: what each of the engine's promises is for, on real servers. With the
// promise switched off the same scenario ends badly, so that each says something.
func TestPromises(t *testing.T) {
	t.Parallel()
	// What a region missed the writer's repair may bring it as well, if it comes late.
	unrepaired := site.Faults{NoRepair: true}
	for _, tt := range []struct {
		name    string
		always  site.Faults // other promises that might do the same
		without site.Faults
		world   func(t *testing.T) converge.World
		play    func(t *testing.T, w converge.World, r *converge.Run) []string
	}{
		{"Beat_redis", site.Faults{}, site.Faults{NoBeat: true}, unnotified, noWakeUps},
		{"GapReload_redis", unrepaired, site.Faults{NoRepair: true, NoReload: true}, trimmed, logTrimmed},
		{"GapReload_mesh", unrepaired, site.Faults{NoRepair: true, NoReload: true}, trimmedMesh, logTrimmed},
		{"Stamp_mesh", site.Faults{}, site.Faults{NoStamp: true}, skewed(0, -time.Hour), clockBehind},
		{"Repair_mesh", site.Faults{}, site.Faults{NoRepair: true}, skewed(0, time.Hour), peerAhead},
		{"Gate_mesh", site.Faults{}, site.Faults{NoGate: true}, skewed(0, 0, 0), diskLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			t.Run("kept", func(t *testing.T) {
				w := tt.world(t)
				r := startRun(t, converge.Config{World: w, Still: true, Faults: tt.always})
				mustSettle(t, r)
				for _, complaint := range tt.play(t, w, r) {
					t.Error(complaint)
				}
			})
			t.Run("switched off", func(t *testing.T) {
				w := tt.world(t)
				r := startRun(t, converge.Config{World: w, Still: true, Faults: tt.without, Late: 5 * time.Second})
				mustSettle(t, r)
				complaints := tt.play(t, w, r)
				if len(complaints) == 0 {
					t.Fatal("nothing goes wrong without it")
				}
				t.Logf("%.300s", complaints[0])
			})
		})
	}
}

// act has a person of a region do n things, which must be acknowledged.
func act(t *testing.T, r *converge.Run, name, what string, n int) {
	t.Helper()
	for i := range n {
		if !r.Region(name).Event(t.Context(), room, fmt.Sprintf("%s-%s-%d", name, what, i), 1) {
			t.Fatalf("event %d %s is not taken in %s: %v", i, what, name, r.Region(name).Engine().Ready())
		}
	}
}

// mustAgree waits until all regions show the same.
func mustAgree(t *testing.T, r *converge.Run) {
	t.Helper()
	for _, complaint := range r.Agree() {
		t.Error(complaint)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// unnotified is replicas that do not let their notifications be set.
func unnotified(t *testing.T) converge.World {
	return startReplicas(t, 0, "--rename-command", "CONFIG", "")
}

// noWakeUps: what happens in one region is seen in the others though nothing wakes
// them.
func noWakeUps(t *testing.T, _ converge.World, r *converge.Run) []string {
	act(t, r, "lhr", "unheard", 3)
	return r.Agree()
}

// shortLog is less than a region misses in logTrimmed.
const shortLog = 10

func trimmed(t *testing.T) converge.World { return startReplicas(t, shortLog, shortNodes...) }

func trimmedMesh(t *testing.T) converge.World {
	opts := make([]keydbtest.Options, 3)
	for i := range opts {
		opts[i].Args = slices.Clone(shortNodes)
	}
	return startMesh(t, shortLog, opts...)
}

// logTrimmed: a region that was cut off for longer than the logs and the backlog hold
// shows what it has missed.
func logTrimmed(t *testing.T, w converge.World, r *converge.Run) []string {
	act(t, r, "iad", "before", 1)
	mustAgree(t, r)
	w.(interface{ cutAway(name string) }).cutAway("syd")
	act(t, r, "iad", "unread", 40)
	act(t, r, "lhr", "unread", 40)
	w.Heal()
	if !r.Settle() {
		return r.Complaints()
	}
	act(t, r, "iad", "read", 1) // with it a reader notices that it has missed something
	act(t, r, "lhr", "read", 1)
	return r.Agree()
}

// skewed is a mesh of servers whose clocks are wrong.
func skewed(by ...time.Duration) func(t *testing.T) converge.World {
	return func(t *testing.T) converge.World {
		opts := make([]keydbtest.Options, len(by))
		for i, d := range by {
			if d != 0 {
				opts[i].Prefix = keydbtest.Skewed(t, "keydb-server", d)
			}
		}
		return startMesh(t, 0, opts...)
	}
}

// clockBehind: whoever saw the light on and switches it off sees it off, everywhere,
// though the clock of their store is an hour behind.
func clockBehind(t *testing.T, w converge.World, r *converge.Run) (complaints []string) {
	// turn has a person switch the light and waits until everybody has heard of it: of
	// what comes behind it in the same log.
	turn := func(name, value string) {
		if err := r.Region(name).Switch(t.Context(), room, value); err != nil {
			t.Fatalf("Switch in %s: %v", name, err)
		}
		marker := name + "-turned-" + value
		if !r.Region(name).Event(t.Context(), "attic", marker, 1) {
			t.Fatalf("event %s is not taken", marker)
		}
		for _, other := range w.Names() {
			wait(t, "word of "+marker+" in "+other, func() string {
				if r.Region(other).Knows("attic", marker) {
					return ""
				}
				return "it has not come"
			})
		}
	}
	turn("iad", "on")
	turn("lhr", "off")
	for _, name := range w.Names() {
		if got := r.Region(name).Light(room); got != "off" {
			complaints = append(complaints, fmt.Sprintf("%s shows the light %q after lhr, which saw it on, switched it off", name, got))
		}
	}
	return complaints
}

// peerAhead: a full resync from a peer whose clock is an hour ahead rolls back nothing
// that was acknowledged: for a moment it does, in the store, and then it is put back.
func peerAhead(t *testing.T, w converge.World, r *converge.Run) []string {
	act(t, r, "iad", "before", 10)
	mustAgree(t, r)
	w.(*mesh).cutAway("lhr")
	act(t, r, "iad", "during", 40)
	act(t, r, "lhr", "during", 40)
	w.Heal()
	if !r.Settle() {
		return r.Complaints()
	}
	return r.Agree()
}

// diskLost: a site that lost its disk comes back with all its history before it takes
// writes.
func diskLost(t *testing.T, world converge.World, r *converge.Run) []string {
	w := world.(*mesh)
	act(t, r, "lhr", "before", 20)
	mustAgree(t, r)
	r.Kill("lhr") // nobody at home remembers
	before := load(t, w.looks["iad"], room)
	w.servers["lhr"].Kill()
	w.cutAway("lhr")
	w.servers["lhr"].Restart(false)
	r.Boot("lhr")
	lhr := r.Region("lhr")
	// The server is there, and empty.
	wait(t, "server to be looked at", func() string {
		if h, err := w.looks["lhr"].Health(t.Context()); err != nil || h.Synced {
			return fmt.Sprintf("%+v, %v", h, err)
		}
		return ""
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	early := false
	for ctx.Err() == nil && !early {
		early = lhr.Event(ctx, room, fmt.Sprintf("early-%d", time.Now().UnixNano()), 1)
	}
	var complaints []string
	if early {
		complaints = append(complaints, "lhr takes a write before it is synced")
	}
	w.Heal()
	if !r.Settle() {
		return r.Complaints()
	}
	if !early {
		if diff := cmp.Diff(before, load(t, w.looks["lhr"], room)); diff != "" {
			complaints = append(complaints, "what lhr holds when it takes writes (-before +after):\n"+diff)
		}
		act(t, r, "lhr", "after", 1)
	}
	return append(complaints, r.Agree()...)
}
