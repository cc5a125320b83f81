package dev

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/global-presence/presence/plugins"
)

// Event is one event that the feature handled.
type Event struct {
	N    uint64    `json:"n"`
	At   time.Time `json:"at"`
	Room string    `json:"room"`
	Name string    `json:"name"`

	// Who is who did it, in words; Colour is the class of their colour, "" for
	// nobody's.
	Who    string `json:"who"`
	Colour string `json:"colour,omitempty"`

	// Fields are `name: "value"`, ordered by name.
	Fields []string `json:"fields,omitempty"`

	// Mutations are the answer, as an author writes them, or one of Refusal and
	// Error is.
	Mutations []string `json:"mutations,omitempty"`
	Refusal   string   `json:"refusal,omitempty"`
	Error     string   `json:"error,omitempty"`

	// Took is how long the call took, and Batch how many events it was for.
	Took  string `json:"took"`
	Batch int    `json:"batch"`
}

// Render is one render.
type Render struct {
	N    uint64    `json:"n"`
	At   time.Time `json:"at"`
	Room string    `json:"room"`

	// For is whom it was for, and Why what had changed.
	For string   `json:"for"`
	Why []string `json:"why"`

	Fragments []Fragment `json:"fragments,omitempty"`
	Error     string     `json:"error,omitempty"`
	Took      string     `json:"took"`
}

// Fragment is one fragment of a render.
type Fragment struct {
	ID    string   `json:"id"`
	For   string   `json:"for,omitempty"` // its audience, "" for all of the render's
	HTML  string   `json:"html"`
	Size  string   `json:"size"`
	Patch []string `json:"patch,omitempty"` // operations as JSON

	// Same says that it is what was rendered the last time, and costs no traffic.
	Same bool `json:"same,omitempty"`
}

// size is how many bytes a render takes of the journal, about.
func (r Render) size() int {
	n := 0
	for _, f := range r.Fragments {
		n += len(f.HTML)
		for _, op := range f.Patch {
			n += len(op)
		}
	}
	return n
}

// recorder is the feature's carrier, with all that goes through it noted.
type recorder struct {
	carrier plugins.Carrier
	journal *journal
	seed    maphash.Seed

	mu       sync.Mutex
	manifest plugins.Manifest  // guarded by mu
	last     map[string]uint64 // hash of the last HTML by room, audience and id; guarded by mu
}

var _ plugins.Carrier = (*recorder)(nil)

func newRecorder(j *journal) *recorder {
	return &recorder{journal: j, seed: maphash.MakeSeed(), last: map[string]uint64{}}
}

// is says what the feature is from now on, and returns what it was.
func (r *recorder) is(m plugins.Manifest) (before plugins.Manifest) {
	r.mu.Lock()
	before, r.manifest = r.manifest, m
	r.mu.Unlock()
	r.journal.setManifest(newManifest(m))
	return before
}

// Handle implements plugins.Carrier.
func (r *recorder) Handle(ctx context.Context, events []plugins.Event, states map[string]plugins.State) ([]plugins.Outcome, error) {
	for room, s := range states {
		r.saw(room, s)
	}
	began := time.Now()
	outcomes, err := r.carrier.Handle(ctx, events, states)
	took := since(began)
	all := make([]Event, len(events))
	for i, ev := range events {
		var o plugins.Outcome
		if err == nil && i < len(outcomes) {
			o = outcomes[i]
		}
		all[i] = newEvent(ev, o, err)
		all[i].At, all[i].Took, all[i].Batch = began, took, len(events)
	}
	r.journal.addEvents(all)
	return outcomes, err
}

// Render implements plugins.Carrier.
func (r *recorder) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Personal() { // a view of one person is a part
		r.saw(v.Room, v.State)
	}
	began := time.Now()
	fragments, err := r.carrier.Render(ctx, v)
	render := Render{At: began, Room: v.Room, For: "everybody", Why: whyWords(v), Took: since(began)}
	if v.Personal() {
		render.For = userWords(v.Viewer.User)
	}
	if err != nil {
		render.Error = err.Error()
	}
	for _, f := range fragments {
		render.Fragments = append(render.Fragments, r.newFragment(v, f))
	}
	r.journal.addRender(render)
	return fragments, err
}

// saw notes the state of a room.
func (r *recorder) saw(room string, s plugins.State) {
	r.mu.Lock()
	m := r.manifest
	r.mu.Unlock()
	r.journal.setRoom(newRoom(room, m, s))
}

func (r *recorder) newFragment(v plugins.View, f plugins.Fragment) Fragment {
	s := Fragment{ID: f.ID, HTML: f.HTML, Size: sizeWords(len(f.HTML))}
	switch {
	case f.Audience.Session != "":
		s.For = "one tab"
	case f.Audience.User != "" && f.Audience.User != v.Viewer.User:
		s.For = userWords(f.Audience.User)
	}
	for _, op := range f.Patch {
		data, err := op.MarshalJSON()
		if err != nil {
			data = fmt.Appendf(nil, "cannot be encoded: %v", err)
		}
		s.Patch = append(s.Patch, string(data))
	}
	key := v.Room + "\x00" + v.Viewer.User + "\x00" + f.Audience.User + "\x00" + f.Audience.Session + "\x00" + f.ID
	sum := maphash.String(r.seed, f.HTML)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.last[key]
	s.Same = known && before == sum
	if len(r.last) > 10_000 {
		clear(r.last)
	}
	r.last[key] = sum
	return s
}

func newEvent(ev plugins.Event, o plugins.Outcome, err error) Event {
	e := Event{Room: ev.Room, Name: ev.Name, Who: personWords(ev.Person)}
	if ev.Person.User != "" {
		e.Colour = fmt.Sprintf("colour-%d", ev.Person.Colour())
	}
	for name, value := range ev.Fields {
		e.Fields = append(e.Fields, name+": "+strconv.Quote(clip(value)))
	}
	slices.Sort(e.Fields)
	if err == nil {
		err = o.Err
	}
	if refusal, ok := errors.AsType[*plugins.Refusal](err); ok {
		e.Refusal = refusal.Sentence
	} else if err != nil {
		e.Error = err.Error()
	}
	for _, m := range o.Mutations {
		e.Mutations = append(e.Mutations, mutationWords(m))
	}
	return e
}

func personWords(p plugins.Person) string {
	switch {
	case p.User != "":
		return userWords(p.User)
	case p.Region != "":
		return "a watched key"
	}
	return "the admin"
}

func userWords(user string) string { return "User #" + plugins.UserNumber(user) }

// whyWords says what is new for a render.
func whyWords(v plugins.View) []string {
	if v.Changes == nil {
		return []string{"everything is wanted"}
	}
	words := []string{} // no changes at all are something else
	for i, c := range v.Changes {
		if i == maxRows {
			words = append(words, fmt.Sprintf("and %d more", len(v.Changes)-i))
			break
		}
		w := c.Field
		if c.Group != "" {
			w += " of " + c.Group
		}
		if c.Value != "" {
			w += ": " + clip(c.Value)
		}
		words = append(words, w)
	}
	return words
}

// since says how long something took.
func since(began time.Time) string {
	return fmt.Sprintf("%.2f ms", float64(time.Since(began).Microseconds())/1000)
}
