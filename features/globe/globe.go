// Package globe is the head of the page: a map of the world with a dot for each region,
// the ways between them, an arc for each event as it travels, and a pulse whose way can
// be followed region by region.
package globe

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
)

//go:embed style.css
var style string

// The fields: who is in the room, which sites there are, what travels, and how the last
// pulse did. The host fills in all of them.
const (
	people  = "people"
	sites   = "sites"
	traffic = "traffic"
	trace   = "trace"
)

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "globe",
		Title: "The planet",
		State: []plugins.Field{
			{Name: people, Kind: plugins.Presence, By: plugins.ByRegion},
			{Name: sites, Kind: plugins.Sites},
			{Name: traffic, Kind: plugins.Traffic},
			{Name: trace, Kind: plugins.Register},
		},
		Events: []plugins.EventType{{Name: "pulse", Rate: 1, Burst: 3, Trace: trace}},
		Style:  style,
	}
}

// Handle implements [plugins.Feature]. A pulse changes nothing by itself: the host tells
// in the field trace how it travels.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "pulse" {
		return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
	}
	return nil, nil
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	var parts []plugins.Part
	if v.Changes == nil { // the land never changes
		parts = append(parts,
			plugins.Part{ID: "globe-land", Component: outline()},
			plugins.Part{ID: "globe-traffic", Component: element.Globe{Feature: "globe", Field: traffic, Of: "globe-dots"}},
			plugins.Part{ID: "globe-press", Component: press(v.Action("pulse"))},
		)
	}
	if v.Changed(sites) {
		parts = append(parts, plugins.Part{ID: "globe-links", Component: ways(links(v.State.Sites[sites]))})
	}
	if v.Changed(sites) || v.Changed(people) {
		all := places(v.State.Sites[sites], v.State.Presence[people])
		parts = append(parts,
			plugins.Part{ID: "globe-dots", Component: dots(all)},
			plugins.Part{ID: "globe-line", Component: line(sentence(all))},
		)
	}
	if v.Changed(trace) {
		parts = append(parts, plugins.Part{ID: "globe-trace", Component: waterfall(read(v.State.Registers[trace].Value))})
	}
	return plugins.Fragments(ctx, parts...)
}
