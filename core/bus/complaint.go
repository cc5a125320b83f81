package bus

import (
	"sync"
	"time"
)

// complaint is an error that comes again and again.
type complaint struct {
	mu   sync.Mutex
	last string    // that was logged; guarded by mu
	at   time.Time // when; guarded by mu
}

// isNews reports whether an error is to be logged: it is another one than the last,
// or a minute has passed.
func (c *complaint) isNews(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == err.Error() && time.Since(c.at) < time.Minute {
		return false
	}
	c.last, c.at = err.Error(), time.Now()
	return true
}
