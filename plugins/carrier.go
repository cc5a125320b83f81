package plugins

import "context"

// Carrier runs one feature somewhere: in a process of its own, in WebAssembly, or
// right here. It is what a host calls; authors of features need not know it.
//
// Both methods return at once with an error that wraps [ErrUnavailable] while the
// feature is not running, and when it does not answer before the carrier's
// deadline.
type Carrier interface {
	// Handle hands over a batch of events, with the state of each room that is
	// named in one. Outcome i belongs to event i.
	Handle(ctx context.Context, events []Event, states map[string]State) ([]Outcome, error)

	// Render is Feature.Render.
	Render(ctx context.Context, v View) ([]Fragment, error)
}

// Outcome is what Handle answered to one event.
type Outcome struct {
	Mutations []Mutation

	// Err is a *Refusal whose sentence is for the person, or an error that is
	// only for the log.
	Err error
}

// Status tells of a change in a feature's life.
type Status struct {
	// Name is the feature's name.
	Name string

	// Up says that it answers; Manifest is set then.
	Up       bool
	Manifest Manifest

	// Err is why it is not up, if it failed.
	Err error

	// Restarts counts how often it was started again.
	Restarts int
}
