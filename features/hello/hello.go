// Package hello lets people greet each other: a press on "Say hi" shows
// everyone in the room that somebody said hi, and from where.
package hello

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

const (
	// greetings is the one list of a room. An item is a record: the event's id, which
	// makes each value of the list a different one, who said hi, and the region that
	// served them.
	//
	//	id=5f0c…&region=lhr&user=k7qf2m3xw5aab2cd
	greetings = "greetings"

	// shown is how many greetings the page shows, and kept how many the room
	// remembers. It remembers more than it shows, so that a change tells which
	// greetings it pushed off the page.
	shown = 8
	kept  = 24
)

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:   "hello",
		Title:  "Hello",
		State:  []plugins.Field{{Name: greetings, Kind: plugins.List, Cap: kept}},
		Events: []plugins.EventType{{Name: "say", Rate: 2}},
		Style:  style,
	}
}

// Handle implements [plugins.Feature].
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "say" {
		return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
	}
	value := plugins.Record{"id": ev.ID, "user": ev.Person.User, "region": ev.Person.Region}
	return []plugins.Mutation{plugins.Push(greetings, value.String())}, nil
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(greetings) {
		return nil, nil
	}
	all := rows(v.State.Lists[greetings])
	log := plugins.Part{ID: "hello-log", Component: list(all[:min(shown, len(all))])}
	if v.Changes == nil {
		return plugins.Fragments(ctx,
			plugins.Part{ID: "hello-about", Component: about()},
			plugins.Part{ID: "hello-say", Component: say(v.Action("say"))}, log)
	}
	fragments, err := plugins.Fragments(ctx, log)
	if err != nil {
		return nil, err
	}
	fragments[0].Patch, err = patch(ctx, all, v.Changes)
	if err != nil {
		return nil, err
	}
	return fragments, nil
}
