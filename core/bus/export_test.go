package bus

import (
	"time"

	"github.com/global-presence/presence/plugins"
)

// Rooms returns how many rooms are held in memory.
func (b *Bus) Rooms() int { return len(b.loadedRooms()) }

// Manifest returns a feature's manifest, if it has been up.
func (b *Bus) Manifest(feature string) (plugins.Manifest, bool) {
	return b.feature(feature).manifest()
}

// IDSet is a set of hashes.
type IDSet = idSet

// Add and Has are those of the set.
func (s *idSet) Add(h uint64)      { s.add(h) }
func (s *idSet) Has(h uint64) bool { return s.has(h) }

// Seen is the memory of event ids.
type Seen struct{ s *seen }

// NewSeen returns one that remembers for that long.
func NewSeen(keep time.Duration) Seen { return Seen{newSeen(keep)} }

// Done notes ids that are in a log.
func (s Seen) Done(ids ...string) { s.s.done(ids...) }

// Knows reports whether a try of id would not run.
func (s Seen) Knows(id string) bool {
	if s.s.begin(id, func(Outcome) {}) {
		s.s.end(id, Outcome{Status: Unavailable})
		return false
	}
	return true
}

// ParsePosition and FormatPosition are for the fuzzer.
var (
	ParsePosition  = parsePosition
	FormatPosition = formatPosition
)
