package bus

import "math/bits"

// idTables is how many tables a set has, so that none is large and none takes long to
// grow.
const idTables = 256

// idSet is a set of 64-bit hashes in 12 to 18 bytes each, where a map of them takes
// 24 to 38, and one of the ids themselves 83 to 104: open addressing, a table for
// each value of the lowest byte.
type idSet struct{ tables [idTables]idTable }

// idTable holds hashes where they, or the first free slot after, are found; 0 is a
// free slot.
type idTable struct {
	slots []uint64
	n     int
}

func (s *idSet) has(h uint64) bool {
	h = max(h, 1)
	t := &s.tables[h%idTables]
	return len(t.slots) > 0 && t.slots[t.find(h)] == h
}

func (s *idSet) add(h uint64) {
	h = max(h, 1)
	t := &s.tables[h%idTables]
	if 4*(t.n+1) > 3*len(t.slots) {
		t.grow()
	}
	if i := t.find(h); t.slots[i] == 0 {
		t.slots[i] = h
		t.n++
	}
}

// find returns the slot of h, or the free one where it belongs.
func (t *idTable) find(h uint64) int {
	// The high bits choose, since all low ones of a table are the same.
	place, _ := bits.Mul64(h, uint64(len(t.slots)))
	for i := int(place); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		if t.slots[i] == h || t.slots[i] == 0 {
			return i
		}
	}
}

func (t *idTable) grow() {
	old := t.slots
	t.slots = make([]uint64, max(8, len(old)+len(old)/2))
	for _, h := range old {
		if h != 0 {
			t.slots[t.find(h)] = h
		}
	}
}
