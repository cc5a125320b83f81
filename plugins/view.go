package plugins

import (
	"strings"

	"github.com/global-presence/presence/plugins/dom"
)

// View is what Render is to show.
type View struct {
	// Feature is the feature's own name and Room the room's.
	Feature, Room string

	// State is the feature's merged state in the room.
	State State

	// Viewer is set when the fragments of one person are wanted, which happens
	// only for a feature whose manifest says Personal. Otherwise it is zero and
	// the fragments for everybody in the room are wanted. Its Session is empty, and
	// every fragment's audience is its User: the same in all their tabs.
	Viewer Person

	// Changes says what is new since the last render. It is nil when everything
	// is to be rendered.
	Changes []Change
}

// Personal reports whether one person's fragments are wanted.
func (v View) Personal() bool { return v.Viewer.User != "" }

// Changed reports whether field changed, which everything has when all is to be
// rendered.
func (v View) Changed(field string) bool {
	if v.Changes == nil {
		return true
	}
	for _, c := range v.Changes {
		if c.Field == field {
			return true
		}
	}
	return false
}

// Home is the room that the address "/" shows.
const Home = "home"

// RoomPage returns the address of a room's page: "/" or "/r/NAME".
func RoomPage(room string) string {
	if room == Home {
		return "/"
	}
	return "/r/" + EscapePath(room)
}

// EscapePath returns s as one part of a path in an address, as url.PathEscape does.
// (Package url would bring package fmt with it: together 0.8 MB in a module for
// WebAssembly.)
func EscapePath(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~$&+=:@"
	b := make([]byte, 0, len(s)+16)
	for _, c := range []byte(s) {
		if strings.IndexByte(plain, c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return string(b)
}

// Page returns the address of the room's page, for links.
func (v View) Page() string { return RoomPage(v.Room) }

// Action returns the address that a form posts an event to, so that the page
// works without script:
//
//	/rooms/home/lightbulb/set
func (v View) Action(event string) string {
	return "/rooms/" + EscapePath(v.Room) + "/" + v.Feature + "/" + event
}

// Fragment is the HTML of one live element.
type Fragment struct {
	// ID is the id of the element, without the '#': the feature's name, a hyphen,
	// and letters, digits, '-' and '_', such as "counter-total".
	ID string

	// HTML is UTF-8 markup, safe to insert as it is, with exactly one root whose
	// id is ID and no leading comment:
	//
	//	<output id="counter-total">3</output>
	//
	// Every element that needs an end tag has one. A table row or cell cannot be a
	// fragment of its own, since it means nothing outside its table.
	HTML string

	// Audience is who sees it. The zero value is everybody in the room.
	Audience Audience

	// Patch, if any, are operations that turn the last rendered HTML into this
	// one; the host sends them instead of morphing the element to HTML, which it
	// still uses for pages that missed something. Each operation changes an
	// element, and its selector is "#" and an id of this feature.
	Patch []dom.Operation
}

// Audience is who sees a fragment. The zero value is the whole room.
type Audience struct {
	// User, if set, limits it to one user's tabs in the room.
	User string

	// Session, if set, limits it to one tab. It is shown once: a tab that loses
	// its connection does not get it again.
	Session string
}
