package wan_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// settled runs a planet with a binary in each region, in which nobody acts but the
// test. It returns when all take writes.
func settled(t *testing.T, cfg wan.Config) *world {
	t.Helper()
	w := &world{seed: cfg.Seed, regions: map[string]*region{}, acked: map[string][]string{}, doubtful: map[string]map[string]bool{}}
	w.quiet.Store(true)
	for _, s := range cfg.Sites {
		w.names = append(w.names, s.Name)
	}
	w.planet = start(t, cfg)
	for _, name := range w.names {
		w.reboot(name)
	}
	t.Cleanup(func() {
		for _, r := range w.regions {
			r.stop()
		}
	})
	pass(5 * time.Second)
	for name, r := range w.regions {
		if err := r.engine.Ready(); err != nil {
			t.Fatalf("%s is not ready: %v", name, err)
		}
	}
	return w
}

// agree fails the test unless all regions show the same, which is what their stores
// hold and what people were told.
func (w *world) agree(t *testing.T) {
	t.Helper()
	w.check(t)
	for _, c := range w.complaints {
		t.Error(c)
	}
}

// light is what a region shows of the light.
func (r *region) light() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rooms[room].State("left", nil).Registers["flag"].Value
}

// switchTo has a person of the region switch the light, having seen what it shows.
func (r *region) switchTo(t *testing.T, value string) {
	t.Helper()
	c := state.Cell{Room: room, Feature: "left", Field: "flag", Kind: plugins.Register, Value: value}
	if _, err := r.engine.Append(t.Context(), engine.Batch{Binary: r.binary, Changes: []engine.Change{{Cell: c}}, After: r.seen()}); err != nil {
		t.Fatalf("Append in %s: %v", r.site, err)
	}
}

// TestScenario_clockBehind: whoever saw the light on and switches it off sees it off,
// everywhere, though the clock of their store is an hour behind.
func TestScenario_clockBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settled(t, wan.Config{Sites: []wan.Site{
			{Name: "iad", Region: "iad", Skew: time.Hour}, {Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd", Skew: -time.Hour},
		}})
		w.regions["iad"].switchTo(t, "on")
		pass(time.Second)
		if got := w.regions["syd"].light(); got != "on" {
			t.Fatalf("syd shows the light %q, want on", got)
		}
		w.regions["syd"].switchTo(t, "off")
		pass(time.Second)
		for name, r := range w.regions {
			if got := r.light(); got != "off" {
				t.Errorf("%s shows the light %q after syd switched it off", name, got)
			}
		}
		w.agree(t)
	})
}

// TestScenario_peerAhead: a full resync from a peer whose clock is an hour ahead rolls
// back nothing that was acknowledged: for a moment it does, in the store, and then it is
// put back.
func TestScenario_peerAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settled(t, wan.Config{Backlog: 5, Sites: []wan.Site{
			{Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd", Skew: time.Hour},
		}})
		act := func(name, what string, i int) {
			w.regions[name].event(t.Context(), room, fmt.Sprintf("%s-%s-%d", name, what, i), 1)
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
		w.agree(t)
	})
}

// TestScenario_diskLost: a site that lost its disk comes back with all its history
// before it takes writes.
func TestScenario_diskLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settled(t, wan.Config{Sites: three})
		lhr := w.regions["lhr"]
		for i := range 20 {
			lhr.event(t.Context(), room, fmt.Sprintf("e-%d", i), 1)
		}
		pass(time.Second)
		lhr.stop() // nobody at home remembers
		before := load(t, w.planet.Store("lhr"), "lhr")
		w.planet.Restart("lhr", false, 2*time.Second)
		w.reboot("lhr")
		lhr = w.regions["lhr"]
		for start := time.Now(); lhr.engine.Ready() != nil; pass(10 * time.Millisecond) {
			if time.Since(start) > time.Minute {
				t.Fatalf("lhr takes no writes after a minute: %v", lhr.engine.Ready())
			}
			if _, err := lhr.engine.Append(t.Context(), engine.Batch{Binary: lhr.binary, Events: []string{"early"}}); err == nil {
				t.Fatal("lhr took a write before it was ready")
			}
		}
		// Its own binary's beats are all that is new.
		if diff := cmp.Diff(before, load(t, w.planet.Store("lhr"), "lhr")); diff != "" {
			t.Errorf("what lhr holds of its own when it takes writes (-before +after):\n%s", diff)
		}
		lhr.event(t.Context(), room, "after", 1)
		pass(15 * time.Second)
		w.agree(t)
	})
}

// TestScenario_minuteCut: after a cut of a minute under load all are equal two seconds
// after the link is back, whether the backlog has held what was written or not.
func TestScenario_minuteCut(t *testing.T) {
	for _, backlog := range []int{4096, 100} {
		t.Run(fmt.Sprintf("backlog %d", backlog), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := settled(t, wan.Config{Sites: three, Backlog: backlog})
				w.planet.CutOff("syd")
				for i := range 600 {
					for _, name := range w.names {
						r := w.regions[name]
						if i%20 == 0 {
							r.event(t.Context(), room, fmt.Sprintf("%s-%d", name, i), 1)
						} else {
							r.switchTo(t, fmt.Sprint(i))
						}
					}
					pass(100 * time.Millisecond)
				}
				w.planet.Rejoin("syd")
				pass(2 * time.Second)
				w.agree(t)
			})
		})
	}
}
