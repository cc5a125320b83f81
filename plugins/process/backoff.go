package process

import (
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before a process is started again.
type backoff struct {
	min, max, healthyAfter time.Duration
	wait                   time.Duration // of the next; 0 means that the next is the first
}

// next returns the wait after a process that was well for so long: none after a
// healthy one, then min, doubled each time up to max, less up to half by chance
// so that many features that fail together do not come back together.
func (b *backoff) next(well time.Duration) time.Duration {
	if well >= b.healthyAfter {
		b.wait = 0
	}
	wait := b.wait
	b.wait = min(max(b.min, 2*b.wait), b.max)
	if wait == 0 {
		return 0
	}
	return wait - rand.N(wait/2+1)
}
