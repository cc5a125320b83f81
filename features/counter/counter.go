// Package counter is a number that everyone in a room may move by one. No press
// is lost, also when people press at the same moment in different regions.
package counter

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

//go:embed style.css
var style string

// count is the one counter of a room.
const count = "count"

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "counter",
		Title: "Counter",
		State: []plugins.Field{{Name: count, Kind: plugins.Counter}},
		Events: []plugins.EventType{{
			Name: "add",
			// A Choice and not an Int from -1 to 1, since 0 would be an event
			// that changes nothing.
			Fields: []plugins.Param{{Name: "by", Type: plugins.Choice, Choices: []string{"1", "-1"}}},
			Rate:   10,
		}},
		Style: style,
	}
}

// Handle implements [plugins.Feature].
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "add" {
		return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
	}
	return []plugins.Mutation{plugins.Add(count, ev.Fields.Int("by"))}, nil
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(count) {
		return nil, nil
	}
	n := number(v.State.Counters[count])
	sum := plugins.Part{ID: "counter-total", Component: total(n)}
	if v.Changes == nil {
		return plugins.Fragments(ctx, sum,
			plugins.Part{ID: "counter-buttons", Component: buttons(v.Action("add"))},
			plugins.Part{ID: "counter-about", Component: about()})
	}
	fragments, err := plugins.Fragments(ctx, sum)
	if err != nil {
		return nil, err
	}
	fragments[0].Patch = []dom.Operation{dom.SetProperty("#counter-total", "textContent", n)}
	return fragments, nil
}

// number returns n as people write it, with a real minus sign: "−3".
func number(n int64) string {
	return strings.Replace(strconv.FormatInt(n, 10), "-", "\u2212", 1)
}
