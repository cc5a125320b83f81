// Package regions shows where the people in a room are: a map of the world with
// a light for each region that serves somebody, and the same as a list.
package regions

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

// people is the one field: who is in the room, by region.
const people = "people"

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "regions",
		Title: "Where everyone is",
		State: []plugins.Field{{Name: people, Kind: plugins.Presence, By: plugins.ByRegion}},
		Style: style,
	}
}

// Handle implements [plugins.Feature]. There are no events: the host itself sees
// people come and go.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(people) {
		return nil, nil
	}
	all := places(v.State.Presence[people])
	parts := []plugins.Part{
		{ID: "regions-lights", Component: lights(all)},
		{ID: "regions-total", Component: total(all)},
		{ID: "regions-list", Component: list(all)},
	}
	if v.Changes == nil { // the land never changes
		parts = append([]plugins.Part{{ID: "regions-land", Component: land()}}, parts...)
	}
	return plugins.Fragments(ctx, parts...)
}
