package bus

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// leaseBeats is after how many missed beats a binary is gone.
const leaseBeats = 3

// beater is a binary that beats.
type beater struct {
	site, region string
	at           time.Time     // of the last beat, by the local clock
	tells        []string      // as the last beat says
	pings        []engine.Ping // as the last beat with any tells them
	pinged       time.Time     // when that was
}

// leases tells which binaries beat.
type leases struct {
	own     string // always live here: its sockets are ours
	ownSite string
	beat    time.Duration // between two beats

	mu      sync.Mutex
	heard   map[string]beater // by binary; own is among them
	rhythms map[string]rhythm // of binaries whose beats were read of late, by name
	since   time.Time         // when this binary began to hear all others; zero before
	clock   logClock
}

func newLeases(own, site, region string, beat time.Duration) *leases {
	return &leases{
		own: own, ownSite: site, beat: beat,
		heard:   map[string]beater{own: {site: site, region: region}},
		rhythms: map[string]rhythm{},
	}
}

// rhythm is how the beats of a binary come in.
type rhythm struct {
	at     time.Time // when the last one was read
	steady int       // how often of late one came about a beat after the one before
}

// A binary whose beats came in at their pace twice is alive, whatever its ids say.
// The beats of a backlog come all at once, or after a long silence.
const (
	isSteady  = 2
	maxSteady = 3
)

// length is how long a binary counts as alive after a beat.
func (l *leases) length() time.Duration { return leaseBeats * l.beat }

// note takes the id of an entry that was read at that moment.
func (l *leases) note(id state.ID, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock.note(id, now)
}

// age returns how old an entry is.
func (l *leases) age(id state.ID, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.age(id, now)
}

// paced notes that a beat was read at that moment and reports whether it is known by
// the pace of its binary's beats that it has just been written.
func (l *leases) paced(binary string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.rhythms[binary]
	switch after := now.Sub(r.at); {
	case !known || after > l.length():
		r.steady = 0
	case after < l.beat/2:
		r.steady = max(0, r.steady-1)
	default:
		r.steady = min(maxSteady, r.steady+1)
	}
	r.at = now
	l.rhythms[binary] = r
	return r.steady >= isSteady
}

// take notes that a binary is alive and reports whether that is news.
func (l *leases) take(binary string, b beater) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, known := l.heard[binary]
	if known && b.at.Before(old.at) {
		return false
	}
	switch {
	case len(b.pings) > 0:
		b.pinged = b.at
	case b.at.Sub(old.pinged) <= 2*tellEvery*l.beat+l.length():
		b.pings, b.pinged = old.pings, old.pinged
	}
	l.heard[binary] = b
	return !known
}

// leave forgets a binary that says goodbye and reports whether that is news.
func (l *leases) leave(binary string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.heard[binary]; !known || binary == l.own {
		return false
	}
	delete(l.heard, binary)
	return true
}

// expired is a binary whose lease has ended.
type expired struct {
	binary string

	// alone says that this binary's own beats have come in since: it is the other one
	// that is dead or cut off, and not this one, or the store of both.
	alone bool
}

// expire forgets and returns the binaries that were not heard of for the length of a
// lease.
func (l *leases) expire() []expired {
	l.mu.Lock()
	defer l.mu.Unlock()
	var gone []expired
	for binary, b := range l.heard {
		if binary != l.own && time.Since(b.at) > l.length() {
			gone = append(gone, expired{binary, l.heard[l.own].at.Sub(b.at) >= (leaseBeats-1)*l.beat})
			delete(l.heard, binary)
		}
	}
	maps.DeleteFunc(l.rhythms, func(_ string, r rhythm) bool { return time.Since(r.at) > l.length() })
	return gone
}

// live returns the binaries whose members count.
func (l *leases) live() map[string]beater {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.heard)
}

// sites returns the sites whose binaries beat.
func (l *leases) sites() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	sites := map[string]bool{}
	for _, b := range l.heard {
		sites[b.site] = true
	}
	return sites
}

// listening notes that from now on every binary that beats is heard.
func (l *leases) listening() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
}

// speaks reports whether a binary is the one that measures round trips for its site:
// the first by name among those that beat there.
func (l *leases) speaks(binary string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, alive := l.heard[binary]
	if !alive {
		return false
	}
	for other, o := range l.heard {
		if o.site == b.site && other < binary {
			return false
		}
	}
	return true
}

// leads reports whether this binary, which can, is the one that tells a feature of
// watched keys: the first by site and name among those that beat and can. It must
// have listened for as long as a lease lasts to know. Binaries that are cut off from
// each other lead each on its side, and for a moment none may lead, or two.
func (l *leases) leads(feature string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.knowsAll() {
		return false
	}
	for binary, b := range l.heard {
		first := b.site < l.ownSite || b.site == l.ownSite && binary < l.own
		if first && slices.Contains(b.tells, feature) {
			return false
		}
	}
	return true
}

// led reports whether another binary may tell a feature of watched keys.
func (l *leases) led(feature string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.knowsAll() {
		return true
	}
	for binary, b := range l.heard {
		if binary != l.own && slices.Contains(b.tells, feature) {
			return true
		}
	}
	return false
}

// knowsAll reports whether all binaries that beat have been heard; l.mu is held.
func (l *leases) knowsAll() bool { return !l.since.IsZero() && time.Since(l.since) >= l.length() }
