package viewers_test

import (
	"testing"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/viewers"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Handle(t *testing.T) {
	if _, err := viewers.New().Handle(t.Context(), plugins.Event{Name: "look"}, plugins.State{}); err == nil {
		t.Error("Handle(look) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	here := func(groups ...plugins.Group) plugins.State {
		return plugins.State{Presence: map[string][]plugins.Group{"people": groups}}
	}
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"nobody", plugins.View{}},
		{"one", plugins.View{State: here(plugins.Group{Key: "lhr", People: 1, Tabs: 3})}},
		{"one_place", plugins.View{State: here(plugins.Group{Key: "lhr", People: 4, Tabs: 4}, plugins.Group{Key: "syd"})}},
		{"places", plugins.View{State: here(
			plugins.Group{Key: "iad", People: 2, Tabs: 2}, plugins.Group{Key: "lhr", People: 4, Tabs: 4}, plugins.Group{Key: "syd", People: 1, Tabs: 1},
		)}},
		{"unchanged", plugins.View{Changes: []plugins.Change{{Field: "other"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, viewers.New(), tt.view) })
	}
}
