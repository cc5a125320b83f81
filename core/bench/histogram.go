package bench

import (
	"math/bits"
	"time"
)

// histogram counts times. It is exact to one part in 32, and to a nanosecond below 32 ns.
// The zero value is empty.
type histogram struct {
	counts [64 * 32]uint32
	total  uint64
	most   time.Duration
}

// add counts one; what is below nothing counts as nothing.
func (h *histogram) add(d time.Duration) {
	h.counts[slot(d)]++
	h.total++
	h.most = max(h.most, d)
}

// merge adds what another has.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile returns the time that the share q of all do not exceed; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.total)), h.total-1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen > rank {
			return min(upper(i), h.most)
		}
	}
	return h.most
}

// slot returns where a time is counted: 32 steps for each power of two.
func slot(d time.Duration) int {
	v := uint64(max(0, d))
	if v < 32 {
		return int(v)
	}
	shift := bits.Len64(v) - 6
	return (shift+1)*32 + int(v>>shift) - 32
}

// upper returns the longest time that is counted in a slot.
func upper(i int) time.Duration {
	if i < 32 {
		return time.Duration(i)
	}
	shift := i/32 - 1
	return time.Duration((uint64(i%32)+33)<<shift) - 1
}
