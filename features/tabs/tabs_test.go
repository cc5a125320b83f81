package tabs_test

import (
	"testing"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/tabs"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Render(t *testing.T) {
	state := plugins.State{Presence: map[string][]plugins.Group{"mine": {
		{Key: "aaaa2222bbbb3333", People: 1, Tabs: 1},
		{Key: "k7qf2m3xw5aab2cd", People: 1, Tabs: 14},
	}}}
	viewer := func(user string) plugins.Person { return plugins.Person{User: user, Region: "lhr", Edge: "lhr"} }
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"room", plugins.View{State: state}},
		{"viewer", plugins.View{State: state, Viewer: viewer("k7qf2m3xw5aab2cd"), Room: "a b"}},
		{"viewerUnseen", plugins.View{State: state, Viewer: viewer("zzzz2222bbbb3333")}},
		{"changed", plugins.View{State: state, Changes: []plugins.Change{
			{Field: "mine", Group: "k7qf2m3xw5aab2cd"},
			{Field: "mine", Group: "aaaa2222bbbb3333"},
			{Field: "mine", Group: "k7qf2m3xw5aab2cd"}, // told once
			{Field: "mine", Group: "gone2222bbbb3333"}, // has no tab to see it in
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, tabs.New(), tt.view) })
	}
}

// What one person sees must never go to another.
func TestFeature_Render_Audience(t *testing.T) {
	state := plugins.State{Presence: map[string][]plugins.Group{"mine": {{Key: "a", People: 1, Tabs: 1}, {Key: "b", People: 1, Tabs: 2}}}}
	views := []plugins.View{
		{State: state, Viewer: plugins.Person{User: "a"}},
		{State: state, Changes: []plugins.Change{{Field: "mine", Group: "a"}}},
	}
	for _, v := range views {
		fragments, err := tabs.New().Render(t.Context(), v)
		if err != nil || len(fragments) == 0 {
			t.Fatalf("Render = %v, %v; want fragments", fragments, err)
		}
		for _, f := range fragments {
			if f.Audience.User != "a" {
				t.Errorf("fragment %s is for %+v, want user a", f.ID, f.Audience)
			}
		}
	}
}

func TestFeature_Handle(t *testing.T) {
	if _, err := tabs.New().Handle(t.Context(), plugins.Event{Name: "open"}, plugins.State{}); err == nil {
		t.Error("Handle(open) = nil, want an error: there are no events")
	}
}
