package process

import "time"

// misses are deadlines that were missed in a row.
type misses struct {
	count int
	since time.Time     // when the first of those calls began
	least time.Duration // how long a row has to last that is one too many
}

// add notes that a call has just missed its timeout, and reports whether that is one in a
// row of most, which has lasted overdueAfter times the longest timeout. Calls that were
// under way together are no such row: one pause of the machine has all of them be late.
func (m *misses) add(now time.Time, timeout time.Duration, most int) (hung bool) {
	if m.count == 0 {
		m.since = now.Add(-timeout)
	}
	m.count++
	m.least = max(m.least, overdueAfter*timeout)
	return m.count >= most && now.Sub(m.since) >= m.least
}
