package keydb_test

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

var (
	seed   = flag.Uint64("seed", 1, "what the convergence tests draw from")
	struck = flag.Duration("chaos", 10*time.Second, "for how long bad things happen in a convergence test")
)

// TestConvergence: people act in all regions while links are cut, slowed down and
// healed, backlogs overflow, and servers and binaries are killed. Afterwards every
// region shows the same, which is what every store holds, and every event that was
// acknowledged is in it once, whole. The same is tried on many more seeds, quicker, by
// the test of this name in package wan.
func TestConvergence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		open func(t *testing.T) converge.World
	}{
		{"redis", func(t *testing.T) converge.World { return startReplicas(t, 0) }},
		{"mesh", func(t *testing.T) converge.World { return startMesh(t, 0, make([]keydbtest.Options, 3)...) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startRun(t, converge.Config{World: tt.open(t)})
			mustSettle(t, r)
			for _, complaint := range r.Chaos(rand.New(rand.NewPCG(*seed, 0))) {
				t.Error(complaint)
			}
			acked, doubtful := r.Events()
			t.Logf("seed %d: %d events acknowledged, %d in doubt\n%s", *seed, acked, doubtful, strings.Join(r.Journal(), "\n"))
			if acked == 0 {
				t.Error("nobody did anything")
			}
		})
	}
}

// startRun starts a binary in each region of a world until the test ends. When the test
// has failed, it tells what they said.
func startRun(tb testing.TB, cfg converge.Config) *converge.Run {
	tb.Helper()
	said := &journal{}
	cfg.Seed, cfg.Struck = *seed, *struck
	cfg.Pause, cfg.After, cfg.Calm = 2*time.Second, 3*time.Second, time.Second
	cfg.Patience, cfg.Late = 2*keydbtest.Patience, cmp.Or(cfg.Late, 2*keydbtest.Patience)
	cfg.Logger = said.logger()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("what the engines said:\n%s", said)
		}
	})
	r := converge.New(cfg)
	tb.Cleanup(r.Stop)
	return r
}

// mustSettle waits until all regions take writes.
func mustSettle(tb testing.TB, r *converge.Run) {
	tb.Helper()
	if !r.Settle() {
		tb.Fatal(r.Complaints())
	}
}
