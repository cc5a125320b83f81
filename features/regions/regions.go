// Package regions lists where the people in a room are. Where there are several sites
// it also shows how far they are from each other, and which are cut off.
package regions

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

// The fields: who is in the room, by region, and which sites there are. The host
// fills in both.
const (
	people = "people"
	sites  = "sites"
)

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "regions",
		Title: "Where everyone is",
		State: []plugins.Field{
			{Name: people, Kind: plugins.Presence, By: plugins.ByRegion},
			{Name: sites, Kind: plugins.Sites},
		},
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
	var parts []plugins.Part
	if v.Changed(people) {
		all := places(v.State.Presence[people])
		parts = append(parts,
			plugins.Part{ID: "regions-total", Component: total(all)},
			plugins.Part{ID: "regions-list", Component: list(all)},
		)
	}
	if v.Changed(sites) {
		parts = append(parts, plugins.Part{ID: "regions-trips", Component: table(trips(v.State.Sites[sites]))})
	}
	return plugins.Fragments(ctx, parts...)
}
