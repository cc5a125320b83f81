package memory

import (
	"sort"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// ring is the log: the newest entries, numbered from the first one ever pushed.
type ring struct {
	maxEntries, maxBytes int

	slots   []slot // circular; grows by doubling up to maxEntries
	head    int    // where the oldest is
	n       int    // how many there are
	first   uint64 // the number of the oldest
	bytes   int    // the size of all
	trimmed state.ID
}

// slot is a place in the ring.
type slot struct {
	entry engine.Entry
	size  int
	filed bool // the file holds it too
}

func newRing(maxEntries, maxBytes int) ring {
	return ring{maxEntries: maxEntries, maxBytes: maxBytes, slots: make([]slot, min(64, maxEntries))}
}

// push adds the newest entry. It drops the oldest ones that no longer fit, keeps
// the last of their ids in trimmed, and returns the ids of those in the file.
func (r *ring) push(s slot) (filed []state.ID) {
	for r.n > 0 && (r.n >= r.maxEntries || r.bytes+s.size > r.maxBytes) {
		old := &r.slots[r.head]
		r.trimmed = old.entry.ID
		r.bytes -= old.size
		if old.filed {
			filed = append(filed, old.entry.ID)
		}
		*old = slot{}
		r.head = (r.head + 1) % len(r.slots)
		r.first++
		r.n--
	}
	if r.n == len(r.slots) {
		slots := make([]slot, min(2*len(r.slots), r.maxEntries))
		for i := range r.n {
			slots[i] = *r.at(i)
		}
		r.slots, r.head = slots, 0
	}
	*r.at(r.n) = s
	r.n++
	r.bytes += s.size
	return filed
}

// at returns the i-th slot, counted from the oldest.
func (r *ring) at(i int) *slot { return &r.slots[(r.head+i)%len(r.slots)] }

// after returns the number of the first entry with an id above id.
func (r *ring) after(id state.ID) uint64 {
	i := sort.Search(r.n, func(i int) bool { return r.at(i).entry.ID.Compare(id) > 0 })
	return r.first + uint64(i)
}

// entrySize returns about how many bytes an entry takes in memory.
func entrySize(e engine.Entry) int {
	n := 128 + len(e.Binary)
	for _, id := range e.Events {
		n += 16 + len(id)
	}
	for i := range e.Cells {
		c := &e.Cells[i]
		n += 160 + len(c.Room) + len(c.Feature) + len(c.Field) + len(c.Key) + len(c.Value)
	}
	return n
}
