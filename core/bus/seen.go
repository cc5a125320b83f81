package bus

import (
	"sync"
	"time"
)

// seen remembers the ids of events: those that wait for their outcome here, and
// those that are in a log, for at least keep.
type seen struct {
	keep time.Duration

	mu       sync.Mutex
	now, old map[string]struct{} // two generations of ids that are in a log
	turned   time.Time           // when now was begun
	pending  map[string][]func(Outcome)
}

func newSeen(keep time.Duration) *seen {
	return &seen{keep: keep, now: map[string]struct{}{}, turned: time.Now(), pending: map[string][]func(Outcome){}}
}

// begin claims id for a first try. If it was seen, begin reports false; done is
// then called with the outcome, now or when the first try ends.
func (s *seen) begin(id string, done func(Outcome)) bool {
	s.mu.Lock()
	if s.knows(id) {
		s.mu.Unlock()
		done(Outcome{Status: OK})
		return false
	}
	defer s.mu.Unlock()
	waiting, again := s.pending[id]
	s.pending[id] = append(waiting, done)
	return !again
}

// end tells everybody who waits for id, first and repeated tries alike.
func (s *seen) end(id string, o Outcome) {
	s.mu.Lock()
	waiting := s.pending[id]
	delete(s.pending, id)
	if o.Status == OK {
		s.remember(id)
	}
	s.mu.Unlock()
	for _, done := range waiting {
		done(o)
	}
}

// done notes ids that are in a log.
func (s *seen) done(ids ...string) {
	if len(ids) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.remember(id)
	}
}

func (s *seen) knows(id string) bool {
	if _, ok := s.now[id]; ok {
		return true
	}
	_, ok := s.old[id]
	return ok
}

func (s *seen) remember(id string) {
	if time.Since(s.turned) > s.keep {
		s.old, s.now, s.turned = s.now, make(map[string]struct{}, len(s.now)), time.Now()
	}
	s.now[id] = struct{}{}
}
