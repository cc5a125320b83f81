package keydb

import (
	"sync"
	"time"
)

// beats are those that this store has written. While they are taken one after the
// other, those of the site's other binaries could have been, too.
type beats struct {
	mu    sync.Mutex // guards the rest
	since time.Time  // when the first one was taken since the last break
	last  time.Time  // when the last one was
}

// longestBreak returns how long there may be no beat before that counts as a break.
func longestBreak(deadAfter time.Duration) time.Duration {
	return min(5*time.Second, deadAfter/2)
}

// taken takes note that a beat was written.
func (b *beats) taken(now time.Time, deadAfter time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.last) > longestBreak(deadAfter) {
		b.since = now
	}
	b.last = now
}

// unbroken reports whether beats have been taken without a break for deadAfter, up to
// now.
func (b *beats) unbroken(now time.Time, deadAfter time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Sub(b.last) <= longestBreak(deadAfter) && now.Sub(b.since) >= deadAfter
}
