package engine

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Limits of one batch. They bound how long one write may keep a store busy; who
// has more to say appends several batches.
const (
	// MaxBatchChanges is how many changes, and how many event ids, a batch may
	// hold.
	MaxBatchChanges = 1024

	// MaxBatchSize is the size of a batch in bytes, as [Batch.Size] counts it.
	MaxBatchSize = 1 << 20

	// MaxBatchCells is how many cells of boards a batch may paint.
	MaxBatchCells = 1 << 14
	// MaxHeard is how many beats one beat may answer, and MaxPings how many round
	// trips it may tell.
	MaxHeard = 64
	MaxPings = 256

	// MaxTells is how many features one beat may name.
	MaxTells = 64

	// MaxNameSize is the size in bytes of a feature, a field, a key, a binary and
	// an event id.
	MaxNameSize = 128
)

// cellOverhead is about what a cell takes besides its strings, in memory or in
// the JSON of a log.
const cellOverhead = 64

// Size returns about how many bytes b takes in a log.
func (b Batch) Size() int {
	n := cellOverhead + len(b.Binary) + b.Beat.size()
	for _, id := range b.Events {
		n += len(id) + 4
	}
	for i := range b.Changes {
		c := &b.Changes[i].Cell
		n += cellOverhead + len(c.Room) + len(c.Feature) + len(c.Field) + len(c.Key) + len(c.Value)
	}
	return n
}

// cells returns how many cells of boards b paints.
func (b Batch) cells() int {
	n := 0
	for i := range b.Changes {
		if c := &b.Changes[i].Cell; c.Kind == plugins.Grid {
			p, _ := state.ParsePatch(c.Value) // checked
			n += p.Cells()
		}
	}
	return n
}

// Check reports the first rule that b breaks, as an error that wraps ErrRefused:
// there is something to write, names and values keep their limits and are UTF-8,
// and every change fits its kind. A batch that passes is taken by every engine,
// so that it may share a write with others.
func (b Batch) Check() error {
	if err := b.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

func (b Batch) check() error {
	switch {
	case len(b.Changes) == 0 && len(b.Events) == 0 && b.Beat == nil:
		return fmt.Errorf("nothing to write")
	case len(b.Changes) > MaxBatchChanges || len(b.Events) > MaxBatchChanges:
		return fmt.Errorf("%d changes, %d events: want at most %d of each", len(b.Changes), len(b.Events), MaxBatchChanges)
	case b.After.MS < 0 || b.After.Seq < 0 || b.After.Seq == math.MaxInt64:
		return fmt.Errorf("after %s: no id can follow", b.After)
	}
	if err := checkName("binary", b.Binary, true); err != nil {
		return err
	}
	if b.Beat != nil {
		if err := checkName("region", b.Beat.Region, true); err != nil {
			return err
		}
		if err := checkName("version", b.Beat.Version, true); err != nil {
			return err
		}
		if err := b.Beat.checkTrips(); err != nil {
			return err
		}
		if len(b.Beat.Tells) > MaxTells {
			return fmt.Errorf("beat that tells of %d features: want at most %d", len(b.Beat.Tells), MaxTells)
		}
		for _, feature := range b.Beat.Tells {
			if err := checkName("feature told of", feature, false); err != nil {
				return err
			}
		}
	}
	for _, id := range b.Events {
		if err := checkName("event id", id, false); err != nil {
			return err
		}
	}
	cells := 0
	for i := range b.Changes {
		n, err := b.Changes[i].check()
		if err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
		cells += n
	}
	if cells > MaxBatchCells {
		return fmt.Errorf("%d cells of boards: want at most %d", cells, MaxBatchCells)
	}
	if n := b.Size(); n > MaxBatchSize {
		return fmt.Errorf("%d bytes: want at most %d", n, MaxBatchSize)
	}
	return nil
}

func (b *Beat) size() int {
	if b == nil {
		return 0
	}
	n := len(b.Region) + len(b.Version)
	for _, h := range b.Heard {
		n += len(h.Site) + len(h.ID) + 32
	}
	for _, p := range b.Pings {
		n += len(p.Site) + 32
	}
	for _, feature := range b.Tells {
		n += len(feature) + 4
	}
	return n
}

// checkTrips checks what a beat says of round trips.
func (b *Beat) checkTrips() error {
	if len(b.Heard) > MaxHeard || len(b.Pings) > MaxPings {
		return fmt.Errorf("beat with %d heard, %d pings: want at most %d and %d", len(b.Heard), len(b.Pings), MaxHeard, MaxPings)
	}
	for _, h := range b.Heard {
		if err := checkName("site heard", h.Site, false); err != nil {
			return err
		}
		if _, err := state.ParseID(h.ID); err != nil {
			return fmt.Errorf("beat heard of %q: %w", h.Site, err)
		}
		if h.Held < 0 {
			return fmt.Errorf("beat heard of %q: held for %d µs", h.Site, h.Held)
		}
	}
	for _, p := range b.Pings {
		if err := checkName("site of a ping", p.Site, false); err != nil {
			return err
		}
		if p.RTT < 0 {
			return fmt.Errorf("ping to %q: %d µs", p.Site, p.RTT)
		}
	}
	return nil
}

// check returns how many cells of a board c paints.
func (c *Change) check() (cells int, err error) {
	if err := state.CheckRoom(c.Cell.Room); err != nil {
		return 0, err
	}
	kind := c.Cell.Kind
	switch kind {
	case plugins.Register, plugins.Counter, plugins.List, plugins.Presence, plugins.Grid:
	case plugins.Volatile:
		return 0, fmt.Errorf("a volatile value is signalled, not appended")
	default:
		return 0, fmt.Errorf("unknown kind %d", kind)
	}
	if err := checkName("feature", c.Cell.Feature, false); err != nil {
		return 0, err
	}
	if err := checkName("field", c.Cell.Field, kind == plugins.Presence); err != nil {
		return 0, err
	}
	if err := checkName("key", c.Cell.Key, kind != plugins.Presence); err != nil {
		return 0, err
	}
	switch {
	case len(c.Cell.Value) > plugins.MaxValueSize:
		return 0, fmt.Errorf("value of %d bytes: want at most %d", len(c.Cell.Value), plugins.MaxValueSize)
	case !utf8.ValidString(c.Cell.Value):
		return 0, fmt.Errorf("value is not UTF-8")
	case kind != plugins.Presence && c.Cell.Key != "":
		return 0, fmt.Errorf("key %q: this kind has none, or the engine sets it", c.Cell.Key)
	case kind == plugins.Counter && c.Cell.Value != "":
		return 0, fmt.Errorf("counter with a value: want a delta")
	case kind != plugins.Counter && c.Delta != 0:
		return 0, fmt.Errorf("delta: only a counter has one")
	case kind == plugins.List && (c.Cap < 1 || c.Cap > plugins.MaxListSize):
		return 0, fmt.Errorf("cap %d of a list: want 1 to %d", c.Cap, plugins.MaxListSize)
	case kind != plugins.List && c.Cap != 0:
		return 0, fmt.Errorf("cap: only a list has one")
	case c.Cell.Removed && kind != plugins.Register && kind != plugins.Presence:
		return 0, fmt.Errorf("removed: only a register and a member can be")
	case c.Cell.Removed && kind == plugins.Register && c.Cell.Value != "":
		return 0, fmt.Errorf("removed register with a value")
	}
	if kind != plugins.Grid {
		return 0, nil
	}
	p, err := state.ParsePatch(c.Cell.Value)
	return p.Cells(), err
}

// siteName is what a site may be called: it stands in keys, ids of elements and
// addresses.
var siteName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// CheckSite reports whether s may name a site.
func CheckSite(s string) error {
	if !siteName.MatchString(s) {
		return fmt.Errorf("site %q: want lower-case letters, digits and hyphens, starting with a letter, at most 32 characters", s)
	}
	return nil
}

// checkName keeps names free of control characters, which engines use to join
// them into keys.
func checkName(what, s string, optional bool) error {
	switch {
	case s == "" && !optional:
		return fmt.Errorf("%s: missing", what)
	case len(s) > MaxNameSize:
		return fmt.Errorf("%s of %d bytes: want at most %d", what, len(s), MaxNameSize)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%s %q: want UTF-8 without control characters", what, s)
	}
	return nil
}
