package identity_test

import (
	"testing"

	"github.com/global-presence/presence/features/identity"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Render(t *testing.T) {
	for _, tt := range []struct {
		name   string
		viewer plugins.Person
	}{
		{"room", plugins.Person{}},
		{"page", plugins.Person{User: "k7qf2m3xw5aab2cd", Region: "lhr", Edge: "ams"}},
		{"hostile", plugins.Person{User: `<">'&`, Region: "<i>", Edge: `"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			golden.Render(t, tt.name, identity.New(), plugins.View{Viewer: tt.viewer})
		})
	}
}

func TestFeature_Handle(t *testing.T) {
	if _, err := identity.New().Handle(t.Context(), plugins.Event{Name: "rename"}, plugins.State{}); err == nil {
		t.Error("Handle(rename) = nil, want an error: there are no events")
	}
}
