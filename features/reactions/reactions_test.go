package reactions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/reactions"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Handle(t *testing.T) {
	got, err := reactions.New().Handle(t.Context(), plugins.Event{Name: "send", Fields: plugins.Fields{"kind": "fire"}}, plugins.State{})
	if diff := cmp.Diff([]plugins.Mutation{plugins.Signal("burst", "fire")}, got); diff != "" || err != nil {
		t.Errorf("Handle(send), err %v (-want +got):\n%s", err, diff)
	}
	if _, err := reactions.New().Handle(t.Context(), plugins.Event{Name: "keep"}, plugins.State{}); err == nil {
		t.Error("Handle(keep) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	golden.Render(t, "all", reactions.New(), plugins.View{})
	golden.Render(t, "changed", reactions.New(), plugins.View{Changes: []plugins.Change{{Field: "burst"}}})
}
