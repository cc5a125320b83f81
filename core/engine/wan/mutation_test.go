package wan_test

import (
	"testing"

	"github.com/global-presence/presence/core/engine/site"
)

// TestConvergence_mutations: the convergence test is worth something. With any one of
// the engine's promises switched off it finds fault with one of these seeds at the
// latest, and with none of them otherwise. The lists were searched for: not every
// seed meets the moment that a promise is for.
func TestConvergence_mutations(t *testing.T) {
	for _, tt := range []struct {
		promise string
		faults  site.Faults
		seeds   []uint64
	}{
		{"stamp", site.Faults{NoStamp: true}, []uint64{1, 2, 3}},
		{"beat", site.Faults{NoBeat: true}, []uint64{1, 2, 3}},
		{"gap reload", site.Faults{NoReload: true}, []uint64{9, 23, 27, 29, 32, 33, 41, 46}},
		{"writer's repair", site.Faults{NoRepair: true}, []uint64{1, 2, 3}},
		{"readiness gate", site.Faults{NoGate: true}, []uint64{18, 68, 186, 198, 338, 357}},
	} {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, seed := range tt.seeds {
				if complaints := chaos(t, seed, tt.faults); len(complaints) > 0 {
					t.Logf("seed %d: %.300s", seed, complaints[0])
					found = true
					break
				}
			}
			if !found {
				t.Errorf("seeds %v find no fault with it", tt.seeds)
			}
			if !allSeeds {
				return
			}
			for _, seed := range tt.seeds {
				for _, complaint := range chaos(t, seed, site.Faults{}) {
					t.Errorf("seed %d without it: %s", seed, complaint)
				}
			}
		})
	}
}
