package bus

import (
	"fmt"
	"strings"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Status says what became of an event, as the page is told.
type Status string

// What becomes of events.
const (
	OK          Status = "ok"          // taken by the store
	Invalid     Status = "invalid"     // the event is wrong; Sentence says what
	Forbidden   Status = "forbidden"   // no such event, or no right to the room
	Busy        Status = "busy"        // too many; again after RetryAfter
	Unavailable Status = "unavailable" // store or feature away; again later, under the same id
	Failed      Status = "error"       // the feature failed on it
)

// Outcome is the answer to an event.
type Outcome struct {
	Status Status

	// Sentence is for the person, "" for OK.
	Sentence string

	// RetryAfter is when to try a Busy event again.
	RetryAfter time.Duration
}

// Sentences for people. They say what happened and what to do, and blame nobody.
const (
	sayStoreAway   = "It can't be saved yet, but is kept."
	sayFeatureAway = "Resting. What you press is kept."
	sayUnknown     = "There is nothing here that does that."
	sayRemoved     = "That is not on the page any more. Nothing was changed."
	sayTooFast     = "That was too quick. Wait a moment."
	sayCrowded     = "Too many people are clicking. Wait a moment."
	sayFailed      = "Something went wrong with that. Nothing was changed."
)

// Request is an event as it came from a page, unchecked.
type Request struct {
	// ID is the browser's name for the event, unique among the user's.
	ID string

	// Room is where, and Target "feature#event" what.
	Room, Target string

	// Fields are the values that came with it.
	Fields map[string]string

	Person plugins.Person

	// Admin says that it comes from whoever runs the host, who may cause the events
	// that people may not, and no others.
	Admin bool

	// Backend says that it comes from a service of whoever runs the host, for Person,
	// which is not empty. It may cause what people may, at any rate: EventType.Rate
	// bounds what one person can do to others, and a service has a budget of its own
	// where it is let in.
	Backend bool
}

// job is a checked event on its way through a feature.
type job struct {
	key   string // of the seen ids; "" for an event of which the log keeps no id
	event plugins.Event
	at    time.Time // when it was received
	done  func(Outcome)

	version int // of the manifest that it was checked by; 0 where none says it
}

// maxID is the size in bytes of an event's id.
const maxID = 64

// Dispatch checks an event and sets it on its way. done is called exactly once,
// perhaps before Dispatch returns, perhaps from another goroutine.
func (b *Bus) Dispatch(req Request, done func(Outcome)) {
	name, _, _ := strings.Cut(req.Target, "#")
	count := b.counted(name, done)
	if !validID(req.ID) {
		count(Outcome{Status: Invalid, Sentence: fmt.Sprintf("\"id\" must be 1 to %d letters, digits, - and _.", maxID)})
		return
	}
	if b.Passing(req.Target) { // to miss one, or to take it twice, makes no difference
		if o := b.admit(&job{done: count}, req); o.Status != OK {
			count(o)
		}
		return
	}
	key := req.Person.User + "/" + req.ID
	if !b.seen.begin(key, count) {
		return
	}
	j := &job{key: key, done: func(o Outcome) { b.seen.end(key, o) }}
	if o := b.admit(j, req); o.Status != OK {
		j.done(o)
	}
}

// Passing reports whether only the newest event of a target counts.
func (b *Bus) Passing(target string) bool {
	name, event, _ := strings.Cut(target, "#")
	f := b.feature(name)
	if f == nil {
		return false
	}
	m, _ := f.manifest()
	typ, _ := m.Event(event)
	return typ.Latest
}

// counted returns done with the outcome counted for a feature, if there is one of that
// name.
func (b *Bus) counted(feature string, done func(Outcome)) func(Outcome) {
	return func(o Outcome) {
		if b.feature(feature) == nil {
			feature = "unknown"
		}
		b.metrics.events.WithLabelValues(feature, string(o.Status)).Inc()
		done(o)
	}
}

func validID(id string) bool {
	return id != "" && len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// admit checks an event and puts it into its feature's lane.
func (b *Bus) admit(j *job, req Request) Outcome {
	name, event, _ := strings.Cut(req.Target, "#")
	f := b.feature(name)
	if f == nil {
		return b.unknown(req, name, plugins.Manifest{}, plugins.EventType{})
	}
	m, version := f.declared()
	if version == 0 {
		return Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	typ, ok := m.Event(event)
	if !ok || typ.Admin != req.Admin || state.CheckRoom(req.Room) != nil {
		return b.unknown(req, name, m, typ)
	}
	fields, err := m.CheckEvent(typ, req.Fields)
	if err != nil {
		return Outcome{Status: Invalid, Sentence: err.Error()}
	}
	if o := b.takes(f); o.Status != OK {
		return o
	}
	if !req.Admin && !req.Backend {
		cost := typ.Cost(fields)
		wait, ever := b.rates.take(req.Person.User, req.Target, typ, cost)
		switch {
		case !ever:
			_, burst := typ.Limits()
			return Outcome{Status: Invalid, Sentence: fmt.Sprintf("That is %d at once, and at most %d are allowed.", cost, burst)}
		case wait > 0:
			return Outcome{Status: Busy, Sentence: sayTooFast, RetryAfter: wait}
		}
	}
	j.at, j.version = time.Now(), version
	j.event = plugins.Event{
		ID: req.ID, Name: event, Room: req.Room, Fields: fields, Person: req.Person,
		Time: j.at.UTC().Truncate(time.Millisecond),
	}
	if typ.Latest && f.latest.replace(j) {
		return Outcome{Status: OK}
	}
	return b.enqueue(f, j, typ.Latest)
}

// unknown is the outcome of what is not there, or not for who asks. Services are told
// what there is: their users do not read it, and their authors do.
func (b *Bus) unknown(req Request, name string, m plugins.Manifest, typ plugins.EventType) Outcome {
	o := Outcome{Status: Forbidden, Sentence: sayUnknown}
	var names []string
	switch {
	case !req.Backend:
	case m.Name == "":
		for _, m := range b.Manifests() {
			names = append(names, m.Name)
		}
		o.Sentence = fmt.Sprintf("There is no feature %.40q; there are %s.", name, strings.Join(names, ", "))
	case typ.Admin:
		o.Sentence = fmt.Sprintf("%q is for whoever runs the server, at its admin address.", req.Target)
	case typ.Name == "":
		for _, e := range m.Events {
			if !e.Admin {
				names = append(names, e.Name)
			}
		}
		if len(names) == 0 {
			names = []string{"none"}
		}
		o.Sentence = fmt.Sprintf("There is no event %.80q; those of %s are %s.", req.Target, name, strings.Join(names, ", "))
	}
	return o
}

// takes returns OK if events of a feature can be taken now.
func (b *Bus) takes(f *feature) Outcome {
	if !b.takesEvents() {
		return Outcome{Status: Unavailable, Sentence: sayStoreAway}
	}
	if !f.isUp() {
		return Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	return Outcome{Status: OK}
}

// enqueue puts a job into its feature's lane. One of which only the newest counts can
// be replaced there.
func (b *Bus) enqueue(f *feature, j *job, latest bool) Outcome {
	// Under the lock, so that nothing is queued after the lane has been emptied for the
	// last time, which happens after the context's end or when the feature is removed.
	b.run.Lock()
	defer b.run.Unlock()
	switch {
	case b.run.ctx == nil || b.run.ctx.Err() != nil:
		return Outcome{Status: Unavailable, Sentence: sayStoreAway}
	case f.closed:
		return removed
	}
	if latest {
		f.latest.wait(j)
	}
	select {
	case f.lane <- j:
		return Outcome{Status: OK}
	default:
		if latest {
			f.latest.leave(j)
		}
		return Outcome{Status: Busy, Sentence: sayCrowded, RetryAfter: 250 * time.Millisecond}
	}
}
