package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// differences loads a room in every region and returns the features that it shows
// differently, in the order of their names. Who is where is left out: a region
// forgets the people of another one that it no longer hears.
func differences(ctx context.Context, room string, engines []engine.Engine) ([]string, error) {
	rooms := make([][]state.Cell, len(engines))
	for i, eng := range engines {
		var err error
		if rooms[i], _, err = eng.Load(ctx, room); err != nil {
			return nil, fmt.Errorf("load room %q of %s: %w", room, eng.Site(), err)
		}
	}
	return differing(rooms), nil
}

// differing returns the features that not all rooms of these cells show alike.
func differing(rooms [][]state.Cell) []string {
	all := make([]map[string]plugins.State, len(rooms))
	features := map[string]bool{}
	for i, cells := range rooms {
		all[i] = merged(cells)
		for feature := range all[i] {
			features[feature] = true
		}
	}
	var differ []string
	for _, feature := range slices.Sorted(maps.Keys(features)) {
		first := all[0][feature]
		if slices.ContainsFunc(all, func(r map[string]plugins.State) bool { return !shownAlike(first, r[feature]) }) {
			differ = append(differ, feature)
		}
	}
	return differ
}

// merged returns what cells of all sites add up to, by feature.
func merged(cells []state.Cell) map[string]plugins.State {
	schema := state.Schema{}
	for _, c := range cells {
		if !state.Durable(c.Kind) {
			continue
		}
		if schema[c.Feature] == nil {
			schema[c.Feature] = map[string]plugins.Field{}
		}
		schema[c.Feature][c.Field] = plugins.Field{Name: c.Field, Kind: c.Kind, Cap: plugins.MaxListSize}
	}
	room := state.NewRoom(schema)
	room.Merge(cells...)
	features := make(map[string]plugins.State, len(schema))
	for feature := range schema {
		features[feature] = room.State(feature, nil)
	}
	return features
}

// shownAlike reports whether people see the same of a and b: values count, not when
// and where they were written.
func shownAlike(a, b plugins.State) bool {
	sameValue := func(x, y plugins.Item) bool { return x.Value == y.Value }
	sameItems := func(x, y []plugins.Item) bool {
		return slices.EqualFunc(x, y, func(x, y plugins.Item) bool { return x.ID == y.ID })
	}
	zero := func(_ string, n int64) bool { return n == 0 }
	maps.DeleteFunc(a.Counters, zero) // as good as never counted
	maps.DeleteFunc(b.Counters, zero)
	return maps.EqualFunc(a.Registers, b.Registers, sameValue) && maps.Equal(a.Counters, b.Counters) &&
		maps.EqualFunc(a.Lists, b.Lists, sameItems)
}
