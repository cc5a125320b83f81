// Package lightbulb is one light for a whole room: whoever is there may switch
// it, and it switches for everyone.
//
// A switch sends the state that is wanted and never "the other one", so that
// two people who press at the same moment get what one of them asked for, the
// same in every region.
package lightbulb

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

//go:embed style.css
var style string

// light is the one register of a room; its value is a [state].
const light = "light"

// state is what the register holds, as a record:
//
//	on=true&region=lhr&user=k7qf2m3xw5aab2cd
type state struct {
	On bool

	// User and Region are who switched last and the region that served them.
	// They are empty as long as nobody has.
	User, Region string
}

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "lightbulb",
		Title: "Light",
		State: []plugins.Field{{Name: light, Kind: plugins.Register}},
		Events: []plugins.EventType{{
			Name:   "set",
			Fields: []plugins.Param{{Name: "on", Type: plugins.Bool}},
			Rate:   5,
		}},
		Style: style,
	}
}

// Handle implements [plugins.Feature]. It sets the light also to what it already
// seems to be, since a change made elsewhere may still be on its way.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "set" {
		return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
	}
	value := plugins.Record{
		"on":     strconv.FormatBool(ev.Fields.Bool("on")),
		"user":   ev.Person.User,
		"region": ev.Person.Region,
	}
	return []plugins.Mutation{plugins.Set(light, value.String())}, nil
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(light) {
		return nil, nil
	}
	s := read(v.State)
	parts := []plugins.Part{
		{ID: "lightbulb-bulb", Component: bulb(s.On)},
		{ID: "lightbulb-switch", Component: toggle(v.Action("set"), s.On)},
		{ID: "lightbulb-status", Component: status(s)},
	}
	if v.Changes == nil {
		return plugins.Fragments(ctx, append(parts, plugins.Part{ID: "lightbulb-about", Component: about()})...)
	}
	fragments, err := plugins.Fragments(ctx, parts...)
	if err != nil {
		return nil, err
	}
	// The drawing is the same lit and unlit: one attribute says which.
	fragments[0].Patch = []dom.Operation{dom.SetAttribute("#lightbulb-bulb", "data-on", strconv.FormatBool(s.On))}
	return fragments, nil
}

// read returns the light of a room. A value that cannot be read, which only
// another version can have written, counts as never switched.
func read(s plugins.State) state {
	r, err := plugins.ParseRecord(s.Registers[light].Value)
	if err != nil {
		return state{}
	}
	return state{On: r["on"] == "true", User: r["user"], Region: r["region"]}
}
