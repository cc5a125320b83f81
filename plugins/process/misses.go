package process

import "time"

// misses are deadlines that were missed in a row.
type misses struct {
	count int
	since time.Time // when the first of those calls began
}

// add notes that a call has just missed its timeout, and reports whether that is one in a
// row of most. Calls that were under way together make none: one pause of the machine has
// all of them be late.
func (m *misses) add(now time.Time, timeout time.Duration, most int) (hung bool) {
	if m.count == 0 {
		m.since = now.Add(-timeout)
	}
	m.count++
	// The row is a call shorter than it could be: a feature that knows of its deadline is
	// late a little before it.
	return m.count >= most && now.Sub(m.since) >= time.Duration(most-1)*timeout
}
