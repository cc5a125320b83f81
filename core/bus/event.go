package bus

import (
	"context"
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
}

// job is a checked event on its way through a feature.
type job struct {
	key   string // of the seen ids
	event plugins.Event
}

// maxID is the size in bytes of an event's id.
const maxID = 64

// Dispatch checks an event and sets it on its way. done is called exactly once,
// perhaps before Dispatch returns, perhaps from another goroutine.
func (b *Bus) Dispatch(req Request, done func(Outcome)) {
	name, _, _ := strings.Cut(req.Target, "#")
	if b.features[name] == nil {
		name = "unknown"
	}
	count := b.counted(name, done)
	if !validID(req.ID) {
		count(Outcome{Status: Invalid, Sentence: fmt.Sprintf("\"id\" must be 1 to %d letters, digits, - and _.", maxID)})
		return
	}
	key := req.Person.User + "/" + req.ID
	if !b.seen.begin(key, count) {
		return
	}
	if o := b.admit(key, req); o.Status != OK {
		b.seen.end(key, o)
	}
}

// counted returns done with the outcome counted for a feature.
func (b *Bus) counted(feature string, done func(Outcome)) func(Outcome) {
	return func(o Outcome) {
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
func (b *Bus) admit(key string, req Request) Outcome {
	name, event, _ := strings.Cut(req.Target, "#")
	f := b.features[name]
	if f == nil {
		return Outcome{Status: Forbidden, Sentence: sayUnknown}
	}
	m, known := f.manifest()
	if !known {
		return Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	typ, ok := m.Event(event)
	if !ok || state.CheckRoom(req.Room) != nil {
		return Outcome{Status: Forbidden, Sentence: sayUnknown}
	}
	fields, err := typ.Check(req.Fields)
	if err != nil {
		return Outcome{Status: Invalid, Sentence: err.Error()}
	}
	if o := b.takes(f); o.Status != OK {
		return o
	}
	if wait := b.rates.take(req.Person.User, req.Target, typ); wait > 0 {
		return Outcome{Status: Busy, Sentence: sayTooFast, RetryAfter: wait}
	}
	j := job{key: key, event: plugins.Event{
		ID: req.ID, Name: event, Room: req.Room, Fields: fields, Person: req.Person,
		Time: time.Now().UTC().Truncate(time.Millisecond),
	}}

	return b.enqueue(f, j)
}

// takes returns OK if events of a feature can be taken now.
func (b *Bus) takes(f *feature) Outcome {
	if b.cfg.Engine.Ready() != nil || !b.caughtUp.Load() {
		return Outcome{Status: Unavailable, Sentence: sayStoreAway}
	}
	if !f.isUp() {
		return Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	return Outcome{Status: OK}
}

// enqueue puts a job into its feature's lane.
func (b *Bus) enqueue(f *feature, j job) Outcome {
	// Under the lock, so that nothing is queued after the lane has been emptied
	// for the last time, which happens after the context's end.
	b.run.Lock()
	defer b.run.Unlock()
	if b.run.ctx == nil || b.run.ctx.Err() != nil {
		return Outcome{Status: Unavailable, Sentence: sayStoreAway}
	}
	select {
	case f.lane <- j:
		return Outcome{Status: OK}
	default:
		return Outcome{Status: Busy, Sentence: sayCrowded, RetryAfter: 250 * time.Millisecond}
	}
}

// Do is Dispatch for callers that wait. It returns after what the event changed can
// be seen in this region.
func (b *Bus) Do(ctx context.Context, req Request) Outcome {
	outcome := make(chan Outcome, 1)
	b.Dispatch(req, func(o Outcome) { outcome <- o })
	select {
	case o := <-outcome:
		if o.Status == OK {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			b.applied.waitAll(ctx, b.cfg.Engine.Site())
		}
		return o
	case <-ctx.Done():
		return Outcome{Status: Unavailable, Sentence: sayStoreAway}
	}
}
