// Package viewers says how many people look at a room and from how many regions: the
// line that a shop puts under what it sells.
package viewers

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

// people is who is in the room, by region. The host fills it in.
const people = "people"

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "viewers",
		Title: "Looking at this",
		State: []plugins.Field{{Name: people, Kind: plugins.Presence, By: plugins.ByRegion}},
		Style: style,
	}
}

// Handle implements [plugins.Feature]. There are no events.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(people) {
		return nil, nil
	}
	return plugins.Fragments(ctx, plugins.Part{ID: "viewers-line", Component: line(count(v.State.Presence[people]))})
}

// crowd is who looks.
type crowd struct {
	people int
	places []string // the cities, in the order of their codes
}

func count(groups []plugins.Group) crowd {
	var c crowd
	for _, g := range groups {
		if g.People > 0 {
			c.people += g.People
			c.places = append(c.places, region.Code(g.Key).City())
		}
	}
	return c
}

// who returns "7 people".
func (c crowd) who() string {
	switch c.people {
	case 0:
		return "Nobody"
	case 1:
		return "1 person"
	}
	return strconv.Itoa(c.people) + " people"
}

// from returns " from 3 regions", or where that is if it is one.
func (c crowd) from() string {
	switch len(c.places) {
	case 0:
		return ""
	case 1:
		return " from " + c.places[0]
	}
	return " from " + strconv.Itoa(len(c.places)) + " regions"
}

// verb returns what they do.
func (c crowd) verb() string {
	if c.people > 1 {
		return " are looking at this."
	}
	return " is looking at this."
}
