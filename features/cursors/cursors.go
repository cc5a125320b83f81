// Package cursors shows where everybody's pointer is. Nothing of it is kept.
package cursors

import (
	"context"
	_ "embed"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
)

//go:embed style.css
var style string

// at is where pointers are.
const at = "at"

// area is how many steps a pointer's place has in each direction.
const area = 10_000

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "cursors",
		Title: "Pointers",
		State: []plugins.Field{{Name: at, Kind: plugins.Volatile, Direct: true}},
		Events: []plugins.EventType{
			{
				Name: "move",
				Fields: []plugins.Param{
					{Name: "x", Type: plugins.Int, Max: area, Optional: true},
					{Name: "y", Type: plugins.Int, Max: area, Optional: true},
					{Name: "tap", Type: plugins.Bool, Optional: true},
				},
				Rate:   25,
				Latest: true,
			},
		},
		Leaves: "left",
		Style:  style,
	}
}

// Handle implements [plugins.Feature].
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	key := pointer(ev.Person)
	switch ev.Name {
	case "move":
		_, x := ev.Fields["x"]
		_, y := ev.Fields["y"]
		if !x || !y {
			return gone(key), nil
		}
		value := []string{
			key, "#" + ev.Person.Number(), strconv.Itoa(ev.Person.Colour()), ev.Person.Region,
			ev.Fields.Text("x"), ev.Fields.Text("y"),
		}
		if ev.Fields.Bool("tap") {
			value = append(value, "tap")
		}
		return []plugins.Mutation{plugins.SignalAs(at, key, strings.Join(value, " "))}, nil
	case "left":
		return gone(key), nil
	}
	return nil, errors.New("handle event " + strconv.Quote(ev.Name) + ": not declared")
}

// gone tells that a pointer is not there any more.
func gone(key string) []plugins.Mutation {
	return []plugins.Mutation{plugins.SignalAs(at, key, key)}
}

// pointer returns the name of a tab's pointer: 8 characters, 40 bits of a hash. Nobody
// learns the session from it, which has 80 random bits and is no key to anything. (SHA-256
// would make the module a tenth larger.)
func pointer(p plugins.Person) string {
	const bits = 40
	h := fnv.New64a()
	h.Write([]byte(p.User + "/" + p.Session))
	sum := h.Sum64()
	sum = (sum ^ sum>>bits) & (1<<bits - 1)
	return strconv.FormatUint(1<<bits|sum, 32)[1:]
}

// Render implements [plugins.Feature]. What moves needs no render.
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if v.Changes != nil {
		return nil, nil
	}
	return plugins.Fragments(ctx, plugins.Part{
		ID:        "cursors-at",
		Component: element.Cursors{Feature: "cursors", Field: at, Event: "move"},
	})
}
