package plugins

import "time"

// Kind says how a state field merges between regions. Every kind gives the same
// result in every region whatever the order in which changes arrive.
type Kind uint8

// The kinds of state.
const (
	// Register holds one value; the newest one wins.
	Register Kind = iota + 1

	// Counter is a sum that every region may add to at once; nothing is lost.
	Counter

	// List keeps the newest [Field.Cap] items.
	List

	// Presence is who is in the room. The host fills it in by itself as people
	// come and go; a feature only reads it, grouped as [Field.By] says.
	Presence

	// Volatile values are shown once and not kept: a page that opens later does
	// not see them, and one may be lost when a link or a host breaks. They arrive in
	// [View.Changes] only or, where the field is [Field.Direct], in an element of the
	// page.
	Volatile

	// Sites is which sites there are and how far they are from each other. The
	// host fills it in by itself; a feature only reads it. It is the same in every
	// room, and not the same in every region: each tells what it hears.
	Sites

	// Grid is a board of [Field.Width] times [Field.Height] cells, each of one colour
	// of [Field.Palette]; the newest paint of a cell wins. A feature keeps at most one.
	// It is in no [State] and its changes cause no Render: the host hands the board
	// and what changes in it to the element live-board whose id is "FEATURE-FIELD", and
	// serves it as a file, a picture and a time-lapse.
	Grid

	// Traffic tells of the events that reach this region, of this room, by the site
	// that took them. The host fills it in by itself, as values of the form "lhr 3":
	// three since the last frame. It is always [Field.Direct].
	Traffic
)

// Grouping says how a Presence field counts people.
type Grouping uint8

// The groupings of a Presence field.
const (
	// ByRegion has one group for each region that serves somebody in the room;
	// Group.Key is the region's code.
	ByRegion Grouping = iota + 1

	// ByUser has one group for each user; Group.Key is the user id. A view holds
	// only the groups that changed, or the viewer's own: never the whole room.
	ByUser
)

// State is what one feature knows about one room: its own fields, merged over
// all regions. A field that was never written is absent from its map, which
// reads as the zero value.
type State struct {
	// Registers holds the Register fields.
	Registers map[string]Item

	// Counters holds the Counter fields.
	Counters map[string]int64

	// Lists holds the List fields, newest item first, at most Field.Cap of them.
	Lists map[string][]Item

	// Presence holds the Presence fields, ordered by Group.Key.
	Presence map[string][]Group

	// Sites holds the Sites fields, ordered by Site.Name.
	Sites map[string][]Site
}

// Item is a value and where it came from.
type Item struct {
	// ID is unique among the items of a list, the same in every region, and fit
	// for use in an element id: "mdqk3x9f-0-0-lhr".
	ID string

	// Value is what the mutation said.
	Value string

	// At is when it was written by the clock that orders all writes: UTC, to the
	// millisecond. It never runs backwards for a reader.
	At time.Time

	// Site is the site that wrote it: a region's code, or "lhr-2" where a region
	// has several.
	Site string
}

// Group is one row of a Presence field.
type Group struct {
	// Key is a region code or a user id, as Field.By says.
	Key string

	// People is how many different users it has, Tabs how many open tabs.
	People, Tabs int
}

// Site is one row of a Sites field: a store that takes writes and the host
// processes attached to it, as this region hears of them.
type Site struct {
	// Name is the site's name: its region's code, or "lhr-2" where a region has
	// several. Region is the code of the region.
	Name, Region string

	// CutOff is when the last beat that was read of the site was written, in UTC to
	// the second by this region's clock, if it has been silent since for three beats
	// of a second each. It is off by as much as the site's clock is where that is
	// slow and the site had not heard of others. It is zero while the site is heard.
	// A site that is silent for a day is no longer among the sites, and neither is
	// one whose log no longer tells of it when this region's process starts.
	CutOff time.Time

	// Pings are the round trips that the site has measured, ordered by To, none
	// to itself. A site that is cut off has none.
	Pings []Ping
}

// Ping is the time of a round trip from one site to another and back, through all
// that a change goes through: log, copy, wake-up, and back in the log.
type Ping struct {
	// To is the name of the other site.
	To string

	// RTT is to the microsecond: the median of the last three, which are measured
	// about every five seconds. New figures come at most every five seconds, or
	// every second for each site where that is longer, and only if one of them has
	// moved by more than a tenth and a millisecond.
	RTT time.Duration
}

// Change is one difference between a view and the one before it.
type Change struct {
	// Field is the field that changed.
	Field string

	// Group is the group that changed, for a Presence field.
	Group string

	// ID is the Item.ID of the item that was added to a List field.
	ID string

	// Value is the item that was added to a List field, or the value of a
	// Volatile one.
	Value string
}

// Mutation is a change that an event causes. Make it with [Set], [Unset], [Add],
// [Push], [Signal], [SignalAs], [Paint], [Clear] or [Revert].
type Mutation struct {
	// Field names a field of the manifest.
	Field string

	// Op is what to do with it.
	Op Op

	// Value is the new value, for OpSet, OpPush and OpSignal, and what to paint where
	// for OpPaint, OpClear and OpRevert.
	Value string

	// Key makes an OpSignal replace an earlier one of the same key that nobody has
	// seen yet. At most MaxKeySize bytes.
	Key string

	// Delta is what to add, for OpAdd.
	Delta int64
}

// Op is what a mutation does. Each fits one kind of field.
type Op uint8

// The operations of a mutation.
const (
	OpSet    Op = iota + 1 // Register
	OpUnset                // Register
	OpAdd                  // Counter
	OpPush                 // List
	OpSignal               // Volatile
	OpPaint                // Grid
	OpClear                // Grid
	OpRevert               // Grid
)

// Set gives a Register field a value.
func Set(field, value string) Mutation { return Mutation{Field: field, Op: OpSet, Value: value} }

// Unset takes a Register field's value away.
func Unset(field string) Mutation { return Mutation{Field: field, Op: OpUnset} }

// Add adds to a Counter field; delta may be negative.
func Add(field string, delta int64) Mutation { return Mutation{Field: field, Op: OpAdd, Delta: delta} }

// Push adds an item to a List field.
func Push(field, value string) Mutation { return Mutation{Field: field, Op: OpPush, Value: value} }

// Signal shows a value once to everybody who is there now.
func Signal(field, value string) Mutation { return Mutation{Field: field, Op: OpSignal, Value: value} }

// SignalAs is Signal for a value of which only the newest counts, such as where
// somebody's pointer is: it replaces an earlier one of the same key that nobody has
// seen yet.
func SignalAs(field, key, value string) Mutation {
	return Mutation{Field: field, Op: OpSignal, Key: key, Value: value}
}
