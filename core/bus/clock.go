package bus

import (
	"time"

	"github.com/global-presence/presence/core/state"
)

// clockWindow is for how long, twice at most, the log clock trusts a fast id. Ids
// stand still where the clock that drove them has gone or was set back.
const clockWindow = time.Minute

// logClock tells the time by which ids are made, whatever the clock of this host
// says: it is as far ahead of this host's monotonic clock as the newest ids that
// were read. The zero value knows no id.
type logClock struct {
	base        time.Time // where the monotonic clock counts from
	turned      time.Time
	now, before int64 // the most that an id was ahead of base, in ms: in this window and the one before
}

// note takes an id that was read at that moment.
func (c *logClock) note(id state.ID, now time.Time) {
	switch {
	case c.base.IsZero():
		c.base, c.turned = now, now
		c.now, c.before = id.MS, id.MS
		return
	case now.Sub(c.turned) > clockWindow:
		c.turned, c.before = now, c.now
		c.now = c.ahead(id, now)
		return
	}
	c.now = max(c.now, c.ahead(id, now))
}

func (c *logClock) ahead(id state.ID, now time.Time) int64 {
	return id.MS - now.Sub(c.base).Milliseconds()
}

// age returns how long before now an id was made.
func (c *logClock) age(id state.ID, now time.Time) time.Duration {
	return time.Duration(max(0, max(c.now, c.before)-c.ahead(id, now))) * time.Millisecond
}
