package bus

import (
	"hash/maphash"
	"sync"
	"time"
)

// seen remembers the ids of events: those that wait for their outcome here, and
// those that are in a log, for at least keep.
//
// Of those in a log it keeps 64-bit hashes, with a key of this process's own, so
// that nobody can choose ids that meet. Ten thousand events a second make twelve
// million ids at most; one new event then has a chance of 7 in 10^13 to be taken for
// one of them, and be answered without running: at that rate, one event in about
// five years.
type seen struct {
	keep time.Duration
	seed maphash.Seed

	mu       sync.Mutex
	now, old *idSet    // two generations of ids that are in a log
	turned   time.Time // when now was begun
	pending  map[string][]func(Outcome)
}

func newSeen(keep time.Duration) *seen {
	return &seen{
		keep: keep, seed: maphash.MakeSeed(), now: &idSet{}, old: &idSet{},
		turned: time.Now(), pending: map[string][]func(Outcome){},
	}
}

// begin claims id for a first try. If it was seen, begin reports false; done is
// then called with the outcome, now or when the first try ends.
func (s *seen) begin(id string, done func(Outcome)) bool {
	h := s.hash(id)
	s.mu.Lock()
	if s.now.has(h) || s.old.has(h) {
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
	h := s.hash(id)
	s.mu.Lock()
	waiting := s.pending[id]
	delete(s.pending, id)
	if o.Status == OK {
		s.remember(h)
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
		s.remember(s.hash(id))
	}
}

func (s *seen) hash(id string) uint64 { return maphash.String(s.seed, id) }

func (s *seen) remember(h uint64) {
	if time.Since(s.turned) > s.keep {
		s.old, s.now, s.turned = s.now, &idSet{}, time.Now()
	}
	s.now.add(h)
}
