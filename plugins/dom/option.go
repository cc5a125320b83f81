package dom

import (
	"math"
	"time"
)

// Option is something that an operation may have. One that has no effect on the
// operation it is given to makes that operation faulty.
type Option struct {
	key string
	val node
	set setter
}

// All has the operation change every element that the selector matches. No match
// is no error then. For all operations on elements but [SetFocus] and
// [ScrollIntoView].
func All() Option { return Option{"selectAll", node{typ: jsonTrue}, setFlag} }

// XPath says that the selector is XPath and not CSS. For all operations on
// elements.
func XPath() Option { return Option{"xpath", node{typ: jsonTrue}, setFlag} }

// Focus moves the focus to the first match of a CSS selector after the change.
// For the operations that insert, move or remove, in an answer to one person
// only: see [Operation.Broadcastable].
func Focus(selector string) Option {
	return Option{"focusSelector", node{typ: jsonString, text: selector}, setFocus}
}

// Batch puts the operation into a batch. After the last of a batch in one
// message the document gets the event "cable-ready:batch-complete", whose detail
// names it; not if one of them threw, and without waiting for delayed ones.
func Batch(name string) Option {
	return Option{"batch", node{typ: jsonString, text: name}, setBatch}
}

// Cancel sends the events before and after the change, but makes none.
func Cancel() Option { return Option{"cancel", node{typ: jsonTrue}, setFlag} }

// Delay makes the change d later, rounded up to milliseconds, at most 24 days.
// The operations after it and the events after the change do not wait.
func Delay(d time.Duration) Option {
	ms := d / time.Millisecond
	if d > ms*time.Millisecond {
		ms++
	}
	return Option{"delay", node{typ: jsonNumber, num: int64(ms), exact: true}, setDelay}
}

// maxDelay is the longest that setTimeout waits, in milliseconds.
const maxDelay = math.MaxInt32

// Session means the storage of the tab and not that of the origin. For
// [SetStorageItem], [RemoveStorageItem] and [ClearStorage].
func Session() Option { return word("type", "session") }

// ReplaceEntry has [RedirectTo] replace the present entry of the history.
func ReplaceEntry() Option { return word("action", "replace") }

// NoTurbo has [RedirectTo] load the page even where Turbo is present.
func NoTurbo() Option { return Option{"turbo", node{typ: jsonFalse}, setFlag} }

// EntryTitle is the title of a history entry, which browsers ignore. For
// [PushState] and [ReplaceState].
func EntryTitle(title string) Option {
	return Option{"title", node{typ: jsonString, text: title}, setValue}
}

// EntryState is the state object of a history entry. For [PushState] and
// [ReplaceState].
func EntryState(state Value) Option { return Option{"state", state.node(), setValue} }

// Columns are the columns that [ConsoleTable] shows; none means all of them.
func Columns(names ...string) Option {
	if len(names) == 0 {
		return Option{"columns", node{}, setValue}
	}
	b := []byte{'['}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
	}
	return Option{"columns", node{typ: jsonArray, text: string(append(b, ']'))}, setValue}
}

// NotificationOptions are those of the browser's Notification, such as "body"
// and "icon".
func NotificationOptions(options Value) Option {
	return Option{"options", options.node(), setValue}
}

// Position is where [InsertAdjacentHTML] and [InsertAdjacentText] insert.
type Position string

// The positions.
const (
	BeforeBegin Position = "beforebegin" // before the element
	AfterBegin  Position = "afterbegin"  // before its first child
	BeforeEnd   Position = "beforeend"   // after its last child
	AfterEnd    Position = "afterend"    // after the element
)

// Level is how [ConsoleLog] writes. The default is LevelLog.
type Level string

// The levels.
const (
	LevelLog   Level = "log"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// AtLevel sets the level of a [ConsoleLog].
func AtLevel(l Level) Option { return word("level", string(l)) }

// ScrollBehavior is how [ScrollIntoView] moves. The default is Auto.
type ScrollBehavior string

// The ways to scroll.
const (
	Auto    ScrollBehavior = "auto"
	Smooth  ScrollBehavior = "smooth"
	Instant ScrollBehavior = "instant"
)

// Behavior sets how [ScrollIntoView] moves.
func Behavior(b ScrollBehavior) Option { return word("behavior", string(b)) }

// Alignment is where [ScrollIntoView] puts the element.
type Alignment string

// The alignments.
const (
	Start   Alignment = "start"
	Center  Alignment = "center"
	End     Alignment = "end"
	Nearest Alignment = "nearest"
)

// Block sets the vertical alignment of a [ScrollIntoView]. The default is Start.
func Block(a Alignment) Option { return word("block", string(a)) }

// Inline sets the horizontal alignment of a [ScrollIntoView]. The default is
// Nearest.
func Inline(a Alignment) Option { return word("inline", string(a)) }

func word(key, word string) Option {
	return Option{key, node{typ: jsonString, text: word}, setChoice}
}
