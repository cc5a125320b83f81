package bus

import (
	"maps"
	"strings"
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

// take spends an event of type e, which counts as cost, from a user's budget. It
// returns 0, or how long to wait; ever is false if no wait is long enough.
func (r *rates) take(user, target string, e plugins.EventType, cost int) (wait time.Duration, ever bool) {
	perSecond, burst := e.Limits()
	key := user + " " + target

	r.mu.Lock()
	if time.Since(r.turned) > ratesKeep {
		r.old, r.now, r.turned = r.now, map[string]*rate.Limiter{}, time.Now()
	}
	l := r.now[key]
	if l == nil {
		l = r.old[key]
	}
	if l == nil || l.Limit() != rate.Limit(perSecond) || l.Burst() != burst { // or another version of the feature has others
		l = rate.NewLimiter(rate.Limit(perSecond), burst)
	}
	r.now[key] = l
	r.mu.Unlock()

	now := time.Now()
	res := l.ReserveN(now, cost)
	if !res.OK() {
		return 0, false
	}
	if wait = res.DelayFrom(now); wait > 0 {
		res.CancelAt(now)
	}
	return wait, true
}

// drop forgets the budgets of all users for a feature's events.
func (r *rates) drop(feature string) {
	of := func(key string, _ *rate.Limiter) bool { return strings.Contains(key, " "+feature+"#") }
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.now, of)
	maps.DeleteFunc(r.old, of)
}
