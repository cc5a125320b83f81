package converge

import (
	"math/rand/v2"

	"github.com/global-presence/presence/core/engine/site"
)

// World is where a run takes place: stores, what connects them, and what may happen to
// them.
type World interface {
	// Names returns the sites, in the same order each time.
	Names() []string

	// Store returns the store of a site for one binary, and what takes it away from
	// the binary when that is killed: calls in flight may end without an answer.
	Store(site string) (store site.Store, sever func())

	// Strike does something bad to the stores or to the binaries of a run, or ends
	// something bad, after which it may let time go by. What it does is drawn from
	// random.
	Strike(r *Run, random *rand.Rand)

	// Heal ends all that is bad, and returns before it has healed.
	Heal()

	// Missing says what the store of a site waits for, or "" when it holds all that
	// the others held.
	Missing(site string) string
}
