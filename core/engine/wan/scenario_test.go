package wan_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/state"
)

// settled runs a planet with a binary in each region, in which nobody acts but the
// test. It returns when all take writes.
func settled(t *testing.T, cfg wan.Config) (*world, *converge.Run) {
	t.Helper()
	w := newWorld(t, cfg)
	r := converge.New(converge.Config{World: w, Seed: cfg.Seed, Pass: pass, Still: true})
	t.Cleanup(r.Stop)
	pass(5 * time.Second)
	for _, name := range w.names {
		if err := r.Region(name).Engine().Ready(); err != nil {
			t.Fatalf("%s is not ready: %v", name, err)
		}
	}
	return w, r
}

// agree fails the test unless all regions show the same, which is what their stores
// hold and what people were told.
func agree(t *testing.T, r *converge.Run) {
	t.Helper()
	for _, c := range r.Complaints() {
		t.Error(c)
	}
}

// turn has a person of a region switch the light, having seen what it shows.
func turn(t *testing.T, r *converge.Run, name, value string) {
	t.Helper()
	if err := r.Region(name).Switch(t.Context(), room, value); err != nil {
		t.Fatalf("Append in %s: %v", name, err)
	}
}

// TestScenario_clockBehind: whoever saw the light on and switches it off sees it off,
// everywhere, though the clock of their store is an hour behind.
func TestScenario_clockBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := settled(t, wan.Config{Sites: []wan.Site{
			{Name: "iad", Region: "iad", Skew: time.Hour}, {Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd", Skew: -time.Hour},
		}})
		turn(t, r, "iad", "on")
		pass(time.Second)
		if got := r.Region("syd").Light(room); got != "on" {
			t.Fatalf("syd shows the light %q, want on", got)
		}
		turn(t, r, "syd", "off")
		pass(time.Second)
		for _, name := range w.names {
			if got := r.Region(name).Light(room); got != "off" {
				t.Errorf("%s shows the light %q after syd switched it off", name, got)
			}
		}
		agree(t, r)
	})
}

// TestScenario_peerAhead: a full resync from a peer whose clock is an hour ahead rolls
// back nothing that was acknowledged: for a moment it does, in the store, and then it is
// put back.
func TestScenario_peerAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := settled(t, wan.Config{Backlog: 5, Sites: []wan.Site{
			{Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd", Skew: time.Hour},
		}})
		act := func(name, what string, i int) {
			r.Region(name).Event(t.Context(), room, fmt.Sprintf("%s-%s-%d", name, what, i), 1)
		}
		for i := range 10 {
			act("lhr", "before", i)
		}
		pass(time.Second)
		w.planet.CutOff("syd")
		for i := range 10 {
			act("lhr", "during", i)
			act("syd", "during", i)
			pass(500 * time.Millisecond)
		}
		w.planet.Rejoin("syd")
		rolledBack := false
		for range 3000 {
			pass(10 * time.Millisecond)
			if !rolledBack && !slices.ContainsFunc(load(t, w.planet.Store("lhr"), "lhr"), func(c state.Cell) bool { return c.Value == "20" }) {
				rolledBack = true
			}
		}
		if !rolledBack {
			t.Error("the store of lhr was not rolled back, so that nothing was tried")
		}
		agree(t, r)
	})
}

// TestScenario_diskLost: a site that lost its disk comes back with all its history
// before it takes writes.
func TestScenario_diskLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := settled(t, wan.Config{Sites: three})
		lhr := r.Region("lhr")
		for i := range 20 {
			lhr.Event(t.Context(), room, fmt.Sprintf("e-%d", i), 1)
		}
		pass(time.Second)
		r.Kill("lhr") // nobody at home remembers
		before := load(t, w.planet.Store("lhr"), "lhr")
		w.planet.Restart("lhr", false, 2*time.Second)
		r.Boot("lhr")
		lhr = r.Region("lhr")
		for start := time.Now(); lhr.Engine().Ready() != nil; pass(10 * time.Millisecond) {
			if time.Since(start) > time.Minute {
				t.Fatalf("lhr takes no writes after a minute: %v", lhr.Engine().Ready())
			}
			if _, err := lhr.Engine().Append(t.Context(), engine.Batch{Binary: "early", Events: []string{"early"}}); err == nil {
				t.Fatal("lhr took a write before it was ready")
			}
		}
		// Its own binary's beats are all that is new.
		if diff := cmp.Diff(before, load(t, w.planet.Store("lhr"), "lhr")); diff != "" {
			t.Errorf("what lhr holds of its own when it takes writes (-before +after):\n%s", diff)
		}
		lhr.Event(t.Context(), room, "after", 1)
		pass(15 * time.Second)
		agree(t, r)
	})
}

// TestScenario_minuteCut: after a cut of a minute under load all are equal two seconds
// after the link is back, whether the backlog has held what was written or not.
func TestScenario_minuteCut(t *testing.T) {
	for _, backlog := range []int{4096, 100} {
		t.Run(fmt.Sprintf("backlog %d", backlog), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := settled(t, wan.Config{Sites: three, Backlog: backlog})
				w.planet.CutOff("syd")
				for i := range 600 {
					for _, name := range w.names {
						if i%20 == 0 {
							r.Region(name).Event(t.Context(), room, fmt.Sprintf("%s-%d", name, i), 1)
						} else {
							turn(t, r, name, fmt.Sprint(i))
						}
					}
					pass(100 * time.Millisecond)
				}
				w.planet.Rejoin("syd")
				pass(2 * time.Second)
				agree(t, r)
			})
		})
	}
}
