package hosted

import (
	"context"
	"math/rand/v2"
	"time"
)

// Waits before a server is started again.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 15 * time.Second

	// healthyAfter is the life after which a server counts as one that works.
	healthyAfter = 10 * time.Second
)

// backoff says how long to wait before a server is started again.
type backoff struct {
	wait time.Duration // of the next; 0 means that the next is the first
}

// next returns the wait after a server that lived for lived: none after a healthy
// one, then the minimum, doubled each time up to the maximum, less up to half by
// chance so that servers that fail together do not come back together.
func (b *backoff) next(lived time.Duration) time.Duration {
	if lived >= healthyAfter {
		b.wait = 0
	}
	wait := b.wait
	b.wait = min(max(minBackoff, 2*b.wait), maxBackoff)
	if wait == 0 {
		return 0
	}
	return wait - rand.N(wait/2+1)
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
