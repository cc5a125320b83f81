package cable

import (
	"strings"
	"sync"
	"time"
)

// Bounds on what a browser may send, beside those of Config. An honest page is far
// from all of them: the binder keeps at most 20 events unacknowledged, makes its
// frames with JSON.stringify, and names a room with some 40 bytes.
const (
	// floodFactor times the larger of EventRate and EventBurst is how many frames
	// of any kind, control frames too, may come within one second. Beyond that the
	// session ends without an invitation to come back.
	floodFactor = 10

	// inflateUnit is how many bytes of a compressed message, before and after it is
	// inflated together, count as one more frame: two hundred that are sent may be 64 KiB
	// to read.
	inflateUnit = 1 << 10

	// maxMalformed is how many frames of a session may be no ActionCable command
	// before it ends; one more is forgiven every minute, since an open tab lives for
	// days.
	maxMalformed = 10

	// visitRate is how many rooms a second a session may join that it has not
	// joined before, and how many of its syncs a second are answered: each may make
	// the rest of the server load and render a whole room. visitBurst times
	// MaxSubscriptions are free at once, which is a page that opens all it may, and
	// does so again.
	visitRate  = 2
	visitBurst = 2

	// maxForeign is how many identifiers one room has besides those that
	// JSON.stringify makes of {channel, room}, {room, channel}, and of {channel, room,
	// feature} for each feature there is. Every message is
	// encoded and kept once more for each, whoever brought it.
	maxForeign = 8

	// maxIdentifier is the size in bytes of an identifier as it stands in the frame.
	// It is part of every frame sent for it.
	maxIdentifier = 1 << 10

	// maxFragments is how many revisions of a sync are looked at; the rest, in the
	// order of their ids, is ignored.
	maxFragments = 512

	// maxBoards is how many boards of a sync are looked at.
	maxBoards = 16

	// maxTarget is the size in bytes of an event's target.
	maxTarget = 128

	// passingFactor is how many times as many passing events as others an address may
	// send: an office full of pointers.
	passingFactor = 20

	// maxAddresses is how many addresses are counted one by one. Beyond that, new
	// ones share one count until others have fallen idle.
	maxAddresses = 1 << 16
)

// limit is a rate a second and how many may come at once.
type limit struct{ rate, burst float64 }

// bucket counts against a limit: a token comes back every 1/rate seconds. The zero
// value is full.
type bucket struct {
	spent float64 // tokens missing at the moment at
	at    time.Time
}

// reserve takes a token, if need be one that is not there yet, and says how long
// until it is.
func (b *bucket) reserve(l limit, now time.Time) (wait time.Duration) {
	b.refill(l, now)
	b.spent++
	return max(0, time.Duration((b.spent-l.burst)/l.rate*float64(time.Second)))
}

// giveBack returns a token that was taken for nothing.
func (b *bucket) giveBack() { b.spent = max(0, b.spent-1) }

// take takes a token. Without one it says how long until there is one.
func (b *bucket) take(l limit, now time.Time) (wait time.Duration, ok bool) {
	return b.takeMany(1, l, now)
}

// takeMany takes n tokens at once; more than the burst are never there.
func (b *bucket) takeMany(n float64, l limit, now time.Time) (wait time.Duration, ok bool) {
	b.refill(l, now)
	if short := b.spent + n - l.burst; short > 0 {
		return time.Duration(short / l.rate * float64(time.Second)), false
	}
	b.spent += n
	return 0, true
}

func (b *bucket) refill(l limit, now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-passed.Seconds()*l.rate)
	}
	b.at = now
}

// window counts frames within a second.
type window struct {
	start time.Time
	count int
}

// exceeds counts n frames and reports whether there are now more than most.
func (w *window) exceeds(n, most int, now time.Time) bool {
	if now.Sub(w.start) >= time.Second {
		*w = window{start: now}
	}
	w.count += n
	return w.count > most
}

// addresses counts events by address. It forgets an address when its bucket is
// full again.
type addresses struct {
	limit limit

	mu     sync.Mutex
	known  map[string]*bucket // guarded by mu
	common bucket             // of all that found no place; guarded by mu
}

func newAddresses(l limit) *addresses {
	return &addresses{limit: l, known: map[string]*bucket{}}
}

func (a *addresses) take(address string, n float64, now time.Time) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.known[address]
	if b == nil {
		if len(a.known) >= maxAddresses {
			b = &a.common
		} else {
			b = &bucket{}
			a.known[strings.Clone(address)] = b // it may point into a request
		}
	}
	return b.takeMany(n, a.limit, now)
}

// forget drops the addresses that have been idle long enough to have a full
// bucket.
func (a *addresses) forget(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, b := range a.known {
		if b.refill(a.limit, now); b.spent == 0 {
			delete(a.known, address)
		}
	}
}
