package plugins

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// Event is something a person did, or a key of another program that changed (see
// [Watch]).
type Event struct {
	// ID names the event for ever; a browser that is not sure whether it
	// arrived sends it again under the same ID.
	ID string

	// Name is the event's name in the manifest: "set" of "lightbulb#set".
	Name string

	// Room is where it happened, such as "home".
	Room string

	// Fields holds the values of the fields that the manifest declares for this
	// event, checked. An optional field that was not sent is absent. Of a watched
	// key it holds "key", "command" and perhaps "value".
	Fields Fields

	// Person is who did it; when a watched key changed only its Region is set.
	Person Person

	// Time is when the host received it, in UTC, to the millisecond. Use it
	// instead of a clock.
	Time time.Time
}

// Rand returns chance that comes with the event: the same numbers for the same event
// wherever and however often it is handled, and others for the next one. Use it instead
// of a source of randomness. People choose the id of an event that they send, so it is
// no use for secrets, nor against somebody who wants to win.
func (e Event) Rand() *rand.Rand {
	h := fnv.New128a()
	h.Write([]byte(e.ID))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}

// Fields are the checked values of an event, by field name.
type Fields map[string]string

// Text returns a field as it was sent, or "" when it was not.
func (f Fields) Text(name string) string { return f[name] }

// Int returns an Int field, or 0 when it was not sent.
func (f Fields) Int(name string) int64 {
	n, _ := strconv.ParseInt(f[name], 10, 64) // checked by EventType.Check
	return n
}

// Bool returns a Bool field, or false when it was not sent.
func (f Fields) Bool(name string) bool { return f[name] == "true" }

// Cells returns a Cells field, or none when it was not sent.
func (f Fields) Cells(name string) []Point {
	v, sent := f[name]
	if !sent {
		return nil
	}
	cells, _ := ParseCells(v) // checked by Manifest.CheckEvent
	return cells
}

// Person is somebody at a page.
type Person struct {
	// User is the person's id from the signed cookie: the same in all their
	// tabs, 16 characters of lower-case base32. It is the same in every region
	// and says nothing about who they are.
	User string

	// Session is one open tab, "" for a page that has no socket (yet).
	Session string

	// Region is the code of the region that serves the person, such as "lhr".
	Region string

	// Edge is the code of the region where the person's connection entered the
	// network; the same as Region where nobody tells.
	Edge string
}

// Number returns the part of the user id that people see: "User #k7qf2".
func (p Person) Number() string { return UserNumber(p.User) }

// Colour returns the user's colour as UserColour does.
func (p Person) Colour() int { return UserColour(p.User) }

// UserNumber returns the first five characters of a user id, which is what
// people see of it: "User #k7qf2".
func UserNumber(user string) string {
	if len(user) > 5 {
		return user[:5]
	}
	return user
}

// UserColours is how many colours there are. The page has a CSS class
// "colour-0" to "colour-11" for each.
const UserColours = 12

// UserColour returns the colour of a user, from 0 to UserColours-1: the same
// for the same user in every region.
func UserColour(user string) int {
	h := fnv.New32a()
	h.Write([]byte(user))
	return int(h.Sum32() % UserColours)
}
