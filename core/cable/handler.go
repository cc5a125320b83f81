package cable

import (
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

// Stream is who a message is for: everybody in a room ({Room}), one user's tabs in it
// ({Room, User}), or one session in it ({Room, Session}).
type Stream struct {
	Room, User, Session string

	// Feature is whose message it is: subscriptions to another feature alone do not
	// get it. "" is for all.
	Feature string
}

// Event is something a person did, as the browser told it. Its strings belong to
// whoever gets it.
type Event struct {
	// ID was made by the browser, which sends an unacknowledged event again under
	// the same ID: 8 to 64 characters of 0-9, A-Z, a-z, '-' and '_'.
	ID string

	// Target is "feature#event", such as "lightbulb#set", 1 to 128 bytes. Nobody
	// has checked yet that it exists.
	Target string

	// Fields are the element's data attributes, overridden by the form's fields of
	// the same name, and these by what an element of ours says. Nobody has checked them. Where a form has a name twice, the
	// first counts, as it does for a form that is posted.
	Fields map[string]string
}

// Status is how an event ended.
type Status string

// The ways an event may end.
const (
	OK          Status = "ok"          // the store has taken what it caused
	Invalid     Status = "invalid"     // the event is wrong; the sentence says how
	Forbidden   Status = "forbidden"   // unknown target, or no right to the room
	Busy        Status = "busy"        // too many; again after RetryAfter
	Unavailable Status = "unavailable" // store or feature away; the browser tries again
	Failed      Status = "error"       // something went wrong
)

// Ack answers an event.
type Ack struct {
	Status Status

	// Sentence is for the person; empty for OK.
	Sentence string

	// RetryAfter is told to the browser in whole milliseconds, rounded up; zero
	// says nothing.
	RetryAfter time.Duration
}

// Handler is what sessions ask of the rest of the server. All methods may be
// called at once for different sessions; for one session they are called one
// after the other, so that a slow one delays the next. A panic costs that call, not
// the server.
type Handler interface {
	// Join is called before a session's first subscription to a room is
	// confirmed. It must be quick: while it runs the browser waits, and after half
	// a second it asks again. An error rejects the subscription, with its text as
	// the reason.
	Join(s *Session, room string) error

	// Follow is called after Join and before a subscription is confirmed, and Unfollow
	// exactly once for each when it ends, before Leave: somebody looks at a feature of a
	// room, or at all of it if feature is "".
	Follow(room, feature string)
	Unfollow(room, feature string)

	// Shows reports whether there is a feature of that name, or was one that may come
	// back, so that a page may follow it alone.
	Shows(feature string) bool

	// Leave is called exactly once for each Join that returned nil: when the
	// session's last subscription to the room ends, or the session does.
	Leave(s *Session, room string)

	// Event hands over what somebody did in a room. It returns at once. done is
	// called once, from any goroutine; it never blocks, further calls are ignored,
	// and it may be called after the session has ended.
	Event(s *Session, room string, e Event, done func(Ack))

	// Passing reports whether events of a target are such that only the newest counts,
	// as of a moving pointer. Those of which the page says so too have limits of their
	// own, and get no answer: nobody waits for it.
	Passing(target string) bool

	// Sync asks for what a page is to change, given what it shows. It returns at once.
	// reply may be called any number of times, from any goroutine; it never blocks.
	// Sync is not called after the Leave of its room.
	Sync(s *Session, room string, shown Shown, reply func(ops ...dom.Operation))
}

// Shown is what a page shows, as it says.
type Shown struct {
	// Feature is the only one that it shows, "" if it shows all.
	Feature string

	// Revs are the revisions of its fragments by element id, at most 512; nil if it
	// does not ask for fragments.
	Revs map[string]string

	// Boards are the positions of its boards by element id, at most 16.
	Boards map[string]string
}
