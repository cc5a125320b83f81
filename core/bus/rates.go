package bus

import (
	"cmp"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/global-presence/presence/plugins"
)

// ratesKeep is how long the budget of somebody who does nothing is remembered: by
// then any sensible one is full again.
const ratesKeep = 10 * time.Minute

// rates holds what each user may still do, by user and target.
type rates struct {
	mu       sync.Mutex
	now, old map[string]*rate.Limiter // two generations
	turned   time.Time
}

func newRates() *rates {
	return &rates{now: map[string]*rate.Limiter{}, turned: time.Now()}
}

// take spends one event of type e from a user's budget. It returns 0, or how long
// to wait.
func (r *rates) take(user, target string, e plugins.EventType) time.Duration {
	perSecond := cmp.Or(e.Rate, 10)
	burst := cmp.Or(e.Burst, max(1, int(2*perSecond)))
	key := user + " " + target

	r.mu.Lock()
	if time.Since(r.turned) > ratesKeep {
		r.old, r.now, r.turned = r.now, map[string]*rate.Limiter{}, time.Now()
	}
	l := r.now[key]
	if l == nil {
		if l = r.old[key]; l == nil || l.Limit() != rate.Limit(perSecond) || l.Burst() != burst {
			l = rate.NewLimiter(rate.Limit(perSecond), burst)
		}
		r.now[key] = l
	}
	r.mu.Unlock()

	res := l.Reserve()
	wait := res.Delay()
	if wait > 0 {
		res.Cancel()
	}
	return wait
}
