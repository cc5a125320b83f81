package site

import (
	"maps"
	"sync"
)

// wakes hands the store's wake-ups to the tails.
type wakes struct {
	mu       sync.Mutex
	sleepers map[*sleeper]struct{}
	notified bool // the store has wake-ups
}

// sleeper is what one tail has to read.
type sleeper struct {
	wakes *wakes
	ring  chan struct{} // holds a token when there is something to read

	// Guarded by wakes.mu.
	sites map[string]struct{}
	all   bool
	doubt bool // what was read may have changed
}

func newWakes() *wakes { return &wakes{sleepers: map[*sleeper]struct{}{}} }

// woken is what a Store calls.
func (w *wakes) woken(site string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.sleepers {
		if site == "" {
			s.all = true
		} else {
			s.sites[site] = struct{}{}
		}
		select {
		case s.ring <- struct{}{}:
		default:
		}
	}
}

// resynced has the tails doubt what they have read.
func (w *wakes) resynced() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.sleepers {
		s.all, s.doubt = true, true
		select {
		case s.ring <- struct{}{}:
		default:
		}
	}
}

func (w *wakes) setNotified(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notified = is
}

func (w *wakes) isNotified() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.notified
}

// sleeper returns a new sleeper that has everything to read.
func (w *wakes) sleeper() *sleeper {
	s := &sleeper{wakes: w, ring: make(chan struct{}, 1), sites: map[string]struct{}{}, all: true}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sleepers[s] = struct{}{}
	return s
}

// leave ends the wake-ups of s.
func (s *sleeper) leave() {
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	delete(s.wakes.sleepers, s)
}

// take returns the sites that have something to read, and whether all may have.
func (s *sleeper) take() (sites map[string]struct{}, all, doubt bool) {
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	sites, all, doubt = maps.Clone(s.sites), s.all, s.doubt
	clear(s.sites)
	s.all, s.doubt = false, false
	return sites, all, doubt
}

// again has all sites read, at the next chance.
func (s *sleeper) again() {
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	s.all = true
}
