package plugins

import (
	"context"
	"errors"
)

// Feature is the behaviour of one corner of the page.
//
// All methods may be called at once from several goroutines and must return
// when ctx ends.
type Feature interface {
	// Manifest says what the feature is called, what it keeps and which events
	// it takes. It is read once after each start and never changes while the
	// feature runs.
	Manifest() Manifest

	// Handle says what ev changes. s is the feature's own state in ev.Room as
	// this region knows it now; events taken elsewhere a moment ago may be
	// missing, so a mutation says what is wanted ([Set], [Add]) and not what to
	// flip.
	//
	// No mutations is a fine answer. An error made with [Refuse] is told to the
	// person as it is; any other error becomes "something went wrong" for the
	// person and a line in the host's log.
	Handle(ctx context.Context, ev Event, s State) ([]Mutation, error)

	// Render returns the fragments that show v, in the order in which they stand
	// in the feature's corner.
	//
	// With v.Changes nil it returns all of them. With v.Changes set it may leave
	// out those that did not change; an unchanged one that is returned anyway is
	// recognised and costs no traffic.
	//
	// An error leaves the feature's corner as it is, in this room only; everything
	// is tried again a second later.
	Render(ctx context.Context, v View) ([]Fragment, error)
}

// ErrUnavailable reports that a feature is not running or did not answer in
// time. Trying again later may help.
var ErrUnavailable = errors.New("feature unavailable")

// Refusal is an error whose text is meant for the person who caused the event.
type Refusal struct {
	// Sentence is plain text, one sentence, at most [MaxSentenceSize] bytes.
	Sentence string
}

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Sentence }

// Refuse returns an error that turns an event down with a sentence for the
// person, such as "That name is taken."
func Refuse(sentence string) error { return &Refusal{Sentence: sentence} }
