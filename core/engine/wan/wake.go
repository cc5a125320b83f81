package wan

import (
	"context"
	"time"
)

// watcher is a Run of a store: somebody who is woken.
type watcher struct {
	sites   []string // whose logs grew; guarded by the planet's mu, as are
	signals []effect // that came
	ring    chan struct{}
}

// wake is a wake-up that is on its way.
type wake struct {
	at   time.Time
	site string
}

// Run is site.Store's.
func (s *Store) Run(ctx context.Context, woken func(site string), signalled func(site string, payload []byte)) error {
	w := &watcher{ring: make(chan struct{}, 1)}
	s.planet.mu.Lock()
	s.watchers[w] = struct{}{}
	s.planet.mu.Unlock()
	defer func() {
		s.planet.mu.Lock()
		delete(s.watchers, w)
		s.planet.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.ring:
		}
		s.planet.mu.Lock()
		sites, signals := w.sites, w.signals
		w.sites, w.signals = nil, nil
		s.planet.mu.Unlock()
		for _, e := range signals {
			signalled(e.record.Site, e.signal)
		}
		for _, site := range sites {
			woken(site)
		}
	}
}

// wake tells the watchers that a log grew, or with "" that any may have, unless
// chance has it otherwise; the planet's mu is held.
func (s *Store) wake(site string) {
	cfg := &s.planet.cfg
	now := time.Now()
	if site != "" && s.random.Float64() < cfg.LoseWake {
		return
	}
	s.ring(now.Add(share(s.random, cfg.LateWake)), site)
	if s.random.Float64() < cfg.Repeat {
		s.ring(now.Add(share(s.random, cfg.LateWake)), site)
	}
}

// ring tells the watchers at a time.
func (s *Store) ring(at time.Time, site string) {
	if at.After(time.Now()) {
		s.wakes = append(s.wakes, wake{at, site})
		return
	}
	for w := range s.watchers {
		w.sites = append(w.sites, site)
		select {
		case w.ring <- struct{}{}:
		default:
		}
	}
}

// tell hands a signal to the watchers.
func (s *Store) tell(e effect) {
	for w := range s.watchers {
		w.signals = append(w.signals, e)
		select {
		case w.ring <- struct{}{}:
		default:
		}
	}
}

// ringDue tells what is due by now.
func (s *Store) ringDue(now time.Time) {
	rest := s.wakes[:0]
	for _, w := range s.wakes {
		if w.at.After(now) {
			rest = append(rest, w)
		} else {
			s.ring(w.at, w.site)
		}
	}
	s.wakes = rest
}
