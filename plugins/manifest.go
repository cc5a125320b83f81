package plugins

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

	// Style is CSS for the feature's corner, at most MaxStyleSize bytes. The host
	// scopes it: a selector matches only inside the corner, and ":scope" is the
	// corner itself.
	Style string
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
	// all their tabs in one region. Default 10.
	Rate float64

	// Burst is how many may come at once before Rate counts. Default twice Rate,
	// at least 1.
	Burst int
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
	// zero: any Int; any Text up to MaxTextSize bytes.
	Min, Max int64

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
)
