package state

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID is the place of an entry in a site's log and the clock that orders all
// writes: a millisecond since 1970 and a number within it, as in a Redis stream
// id. It is a hybrid logical clock: an id is greater than every id that its
// writer had seen, whatever the writer's own clock says.
type ID struct {
	MS  int64
	Seq int64
}

// IsZero reports whether id is before every entry.
func (id ID) IsZero() bool { return id == ID{} }

// Compare returns -1, 0 or +1 as id is before, at or after other.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.MS, other.MS), cmp.Compare(id.Seq, other.Seq))
}

// Next returns the first id that may follow id at the moment now.
func (id ID) Next(now time.Time) ID {
	if ms := now.UnixMilli(); ms > id.MS {
		return ID{MS: ms}
	}
	if id.Seq >= MaxSeq {
		return ID{MS: id.MS + 1}
	}
	return ID{MS: id.MS, Seq: id.Seq + 1}
}

// Time returns the millisecond of id in UTC.
func (id ID) Time() time.Time { return time.UnixMilli(id.MS).UTC() }

// String returns the form of a Redis stream id: "1795465238123-0".
func (id ID) String() string {
	return strconv.FormatInt(id.MS, 10) + "-" + strconv.FormatInt(id.Seq, 10)
}

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	ms, seq, ok := strings.Cut(s, "-")
	m, errM := strconv.ParseInt(ms, 10, 64)
	q, errQ := strconv.ParseInt(seq, 10, 64)
	if !ok || errM != nil || errQ != nil || m < 0 || q < 0 {
		return ID{}, fmt.Errorf("parse log id %q: want milliseconds-sequence", s)
	}
	return ID{MS: m, Seq: q}, nil
}

// Stamp orders all writes of all sites: by id, then by the site's name, then by
// the place within the entry. No two cells that differ have the same stamp.
type Stamp struct {
	ID
	Site  string
	Index int
}

// Compare returns -1, 0 or +1 as s is older than, the same as or newer than o.
func (s Stamp) Compare(o Stamp) int {
	return cmp.Or(s.ID.Compare(o.ID), cmp.Compare(s.Site, o.Site), cmp.Compare(s.Index, o.Index))
}

// Key returns the stamp as a short string that is fit for an element id and
// unique among all writes: "mdqk3x9f-0-0-lhr".
func (s Stamp) Key() string {
	return strconv.FormatInt(s.MS, 36) + "-" + strconv.FormatInt(s.Seq, 36) + "-" + strconv.FormatInt(int64(s.Index), 36) + "-" + s.Site
}
