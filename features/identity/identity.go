// Package identity shows each person what the page knows of them: a number, a
// colour, and the two regions between which their clicks travel.
package identity

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{Name: "identity", Title: "You", Personal: true, Style: style}
}

// Handle implements [plugins.Feature]. There are no events.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
}

// Render implements [plugins.Feature]. There is nothing for the room as a whole.
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Personal() {
		return nil, nil
	}
	fragments, err := plugins.Fragments(ctx, plugins.Part{ID: "identity-card", Component: card(v.Viewer)})
	if err != nil {
		return nil, err
	}
	fragments[0].Audience.User = v.Viewer.User
	return fragments, nil
}
