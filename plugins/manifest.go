package plugins

import (
	"cmp"
	"slices"
)

// Manifest says what a feature is. [Manifest.Validate] names every fault.
type Manifest struct {
	// Name identifies the feature in addresses, element ids and state: lower
	// case letters, digits and hyphens, starting with a letter, at most 32
	// characters, such as "lightbulb".
	Name string

	// Title is the heading of the feature's corner, such as "Light".
	Title string

	// Personal says that Render has fragments for single people: it is then also
	// called with View.Viewer set when somebody opens the page.
	Personal bool

	// State declares the fields that the feature keeps in each room.
	State []Field

	// Events declares what people may do.
	Events []EventType

	// Watches declares which keys of other programs the feature follows.
	Watches []Watch

	// Leaves, if set, is the name of the event that happens when somebody's tab has
	// left a room: it closed, or its connection is gone. It has no fields, is none of
	// Events, and may be missed while the feature rests or a host process is busy.
	//
	// Of the tabs of a host process that was killed another one tells, some seconds later,
	// that has people in the room; where nobody else is, nobody tells. Regions that are cut
	// off from each other take each other's tabs for gone, and tell of those that are
	// there afterwards that they have come. What a feature keeps for each session is right
	// then in the end; what it only counts may not be.
	Leaves string

	// Joins is the same for somebody's tab that has come to a room: it subscribed, for the
	// first time or again after its connection was gone. The tab's join comes before its
	// leave, and before the events that it sends.
	Joins string

	// Style is CSS for the feature's corner, at most MaxStyleSize bytes. The host
	// scopes it: a selector matches only inside the corner, and ":scope" is the
	// corner itself.
	Style string
}

// Event returns the declaration of an event.
func (m Manifest) Event(name string) (EventType, bool) {
	i := slices.IndexFunc(m.Events, func(e EventType) bool { return e.Name == name })
	if i < 0 {
		return EventType{}, false
	}
	return m.Events[i], true
}

// Field returns the declaration of a state field.
func (m Manifest) Field(name string) (Field, bool) {
	i := slices.IndexFunc(m.State, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return m.State[i], true
}

// Field is one field of a feature's state.
type Field struct {
	// Name is lower-case letters, digits and underscores, starting with a letter,
	// at most 32 characters.
	Name string

	// Kind says how it merges.
	Kind Kind

	// Cap is how many items a List keeps, 1 to MaxListSize. Only for a List.
	Cap int

	// By says how a Presence field groups people. Only for Presence.
	By Grouping

	// Direct hands the values of a Volatile field to the element whose id is
	// "FEATURE-FIELD" instead of Render, once a frame and at most MaxFrameSize bytes of
	// them, the newest ones. It is one of the elements that the host ships:
	// live-cursors or live-burst.
	Direct bool

	// Width and Height are how many cells a Grid has, 1 to MaxGridSide each. Only for
	// a Grid.
	Width, Height int

	// Palette are the colours of a Grid, 2 to MaxColours. A cell that was never painted
	// has the first one.
	Palette []Colour
}

// Colour is one colour of a palette.
type Colour struct {
	// Name is what people call it: "dark red". No two of a palette have the same.
	Name string

	// RGB is "#rrggbb" in lower case.
	RGB string
}

// EventType declares an event.
type EventType struct {
	// Name is lower-case letters, digits and hyphens, starting with a letter, at
	// most 32 characters: "set" of "lightbulb#set".
	Name string

	// Fields are the values that come with it. What is not declared here is
	// dropped.
	Fields []Param

	// Rate is how many of these one person may cause in a second, counted over
	// all their tabs at one binary of the host. Default 10. It does not hold services
	// that the host lets in, which have a budget there.
	Rate float64

	// Burst is how many may come at once before Rate counts. Default twice Rate,
	// at least 1.
	Burst int

	// Latest says that only the newest event of a tab counts, as for a moving pointer:
	// one that still waits when the next one comes gives its place to that. An element
	// with data-live-latest sends it without waiting for an answer, or sending it again.
	Latest bool

	// Admin keeps the event from people: only whoever runs the host can cause it, at
	// the admin address. Event.Person is then zero.
	Admin bool

	// Trace, if set, names a Register field in which the host tells how such an event
	// travels: where it was appended, when it arrived and was rendered in every region
	// and when that was known here. The value is what [ParseTrace] reads; it grows as
	// regions answer.
	Trace string
}

// Limits returns Rate and Burst, with the defaults where they are not set.
func (e EventType) Limits() (perSecond float64, burst int) {
	perSecond = cmp.Or(e.Rate, 10)
	return perSecond, cmp.Or(e.Burst, max(1, int(2*perSecond)))
}

// Watch makes an event of every change that some other program makes to a key of
// the store, in any region:
//
//	{Keys: "shop:*:stock", Event: "restocked", Room: "product-*"}
//
// Of the host processes that see a key change and run the feature, one tells it; while
// they change over, or are cut off from each other, perhaps two. It tells at least
// once what a key ended up as: a change may be told again, and changes of one key
// that come faster than the feature handles them are told as the last of them. So
// Handle says what the key means now ([Set]), not what happened to it ([Add]). A
// change with which the feature fails three times is given up.
//
// Every key that exists, and every one named in full that does not, is told when the
// host starts and again whenever changes may have been missed. So is the end of a key
// that a '*' matched, if the process that tells had seen it before: what a '*' matched
// and was deleted while no process of the host ran is not told of, and neither is
// what went unnoticed beyond 100,000 keys a feature. Name a key in full, or let what
// you show of it age, where that matters.
//
// [Event.Fields] of such an event are
//
//	key       the whole key
//	command   what the store calls that which happened: "set", "incrby", "del",
//	          "expired", or "sync" where nothing happened just now
//	value     what the key held when it was read: "" where that is no string,
//	          absent where there is no such key (any more)
//
// and of [Event.Person] only Region is set, the region that tells. A key that is not UTF-8 or longer
// than MaxTextSize is not told, and neither is a value that is not UTF-8 or longer
// than MaxValueSize.
//
// Watches need a store that other programs can reach. Without one the feature runs
// all the same and is told nothing.
type Watch struct {
	// Keys is a key, at most MaxPatternSize bytes of UTF-8 without control
	// characters, in which at most one '*' stands for any characters. It must not
	// be able to match the host's own keys, which begin with "gp:".
	Keys string

	// Event is the name that the event gets, by the rules of EventType.Name. It is
	// none of the manifest's Events: people cannot send it.
	Event string

	// Room is where it happens. Default Home. A '*' in it stands for what the '*'
	// of Keys stood for; where that gives no room's name, nothing is told.
	Room string
}

// Param is a value that comes with an event.
type Param struct {
	// Name is lower-case letters, digits and underscores, starting with a letter,
	// at most 32 characters. In HTML it is a form field's name, or an attribute
	// "data-NAME".
	Name string

	// Type is what it may hold.
	Type Type

	// Optional allows it to be absent.
	Optional bool

	// Min and Max bound an Int's value or a Text's length in characters. Both
	// zero: any Int; any Text up to MaxTextSize bytes. Of Cells, Max is how many there
	// may be, at most and by default MaxCells.
	Min, Max int64

	// Of names the Grid field that Cells lie in.
	Of string

	// Choices are the values a Choice may have.
	Choices []string
}

// Type is the type of an event's field.
type Type uint8

// The types of an event's field.
const (
	// Text is UTF-8 without control characters except line breaks.
	Text Type = iota + 1

	// Int is a decimal integer of 64 bits.
	Int

	// Bool is "true" or "false".
	Bool

	// Choice is one of Param.Choices.
	Choice

	// Cells are cells of a Grid, "x,y x,y …", counted from 0 at the top left. Each
	// of them counts against EventType.Rate.
	Cells
)
