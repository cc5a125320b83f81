package regions_test

import (
	"testing"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/regions"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Render(t *testing.T) {
	here := func(groups ...plugins.Group) plugins.State {
		return plugins.State{Presence: map[string][]plugins.Group{"people": groups}}
	}
	// The land is in the first file only: it is the same in all of them.
	changed := []plugins.Change{{Field: "people", Group: "lhr"}}
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"empty", plugins.View{}},
		{"one", plugins.View{Changes: changed, State: here(plugins.Group{Key: "lhr", People: 1, Tabs: 2})}},
		{"onePlace", plugins.View{Changes: changed, State: here(plugins.Group{Key: "lhr", People: 2, Tabs: 2})}},
		{"many", plugins.View{Changes: changed, State: here(
			plugins.Group{Key: "gru", People: 1, Tabs: 1},
			plugins.Group{Key: "lhr", People: 3, Tabs: 4},
			plugins.Group{Key: "syd"},                      // everybody left
			plugins.Group{Key: "zzz", People: 9, Tabs: 30}, // not on the map
		)}},
		{"hostile", plugins.View{Changes: changed, State: here(plugins.Group{Key: `"><script>`, People: 1, Tabs: 1})}},
		{"unchanged", plugins.View{Changes: []plugins.Change{}, State: here(plugins.Group{Key: "lhr", People: 1, Tabs: 2})}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, regions.New(), tt.view) })
	}
}

func TestFeature_Handle(t *testing.T) {
	if _, err := regions.New().Handle(t.Context(), plugins.Event{Name: "join"}, plugins.State{}); err == nil {
		t.Error("Handle(join) = nil, want an error: there are no events")
	}
}
