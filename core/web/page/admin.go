package page

import (
	"net/url"
	"strconv"
	"time"

	"github.com/global-presence/presence/plugins"
)

// Admin is the front page of the admin side.
type Admin struct {
	// Ready says that the binary takes events; Missing what it waits for, otherwise.
	Ready   bool
	Missing string

	// Features are all features, in page order.
	Features []AdminFeature

	// Moderated are those that have something to moderate.
	Moderated []plugins.Manifest
}

// AdminFeature is how a feature does.
type AdminFeature struct {
	// Name is the feature's, and Title its manifest's, "" before it is known.
	Name, Title string

	// Up says that it answers, else it rests; Since when.
	Up    bool
	Since time.Time

	// Restarts counts how often its process was started again, and LastError is why it
	// went down last, "" if it never did.
	Restarts  int
	LastError string
}

// state returns whether f answers, in a word.
func (f AdminFeature) state() string {
	if f.Up {
		return "up"
	}
	return "resting"
}

// Moderation is a page from which whoever runs the host causes events of a feature in a
// room.
type Moderation struct {
	Room     string
	Manifest plugins.Manifest

	// Picture is the address of the board's picture, "" where there is none.
	Picture string

	// Said is how the last event ended, "" before the first.
	Said string
}

// Path returns the address of the page.
func (m Moderation) Path() string {
	return "/rooms/" + url.PathEscape(m.Room) + "/" + url.PathEscape(m.Manifest.Name)
}

// events returns the events that only whoever runs the host may cause.
func (m Moderation) events() []plugins.EventType {
	var all []plugins.EventType
	for _, e := range m.Manifest.Events {
		if e.Admin {
			all = append(all, e)
		}
	}
	return all
}

// bound returns a bound of an Int field, "" where it has none.
func bound(p plugins.Param, n int64) string {
	if p.Min == 0 && p.Max == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// adminID returns the id of a field of an event.
func adminID(event, field string) string { return "page_" + event + "-" + field }
