package cursors_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/cursors"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Handle(t *testing.T) {
	person := plugins.Person{User: "k7qf2abcdefghijk", Session: "secret-session", Region: "lhr"}
	handle := func(name string, f plugins.Fields) plugins.Mutation {
		t.Helper()
		got, err := cursors.New().Handle(t.Context(), plugins.Event{Name: name, Fields: f, Person: person}, plugins.State{})
		if err != nil || len(got) != 1 {
			t.Fatalf("Handle(%s) = %v, %v; want one mutation", name, got, err)
		}
		return got[0]
	}
	moved := handle("move", plugins.Fields{"x": "12", "y": "9999"})
	id := moved.Key
	if len(id) != 8 || strings.Contains(moved.Value, "secret") {
		t.Errorf("move = %+v: want an id of 8 characters that tells nothing of the session", moved)
	}
	if diff := cmp.Diff(plugins.SignalAs("at", id, id+" #k7qf2 "+moved.Value[len(id)+8:]), moved); diff != "" {
		t.Errorf("move (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(moved.Value, " lhr 12 9999") {
		t.Errorf("move = %q, want it to end with region and place", moved.Value)
	}
	if tap := handle("move", plugins.Fields{"x": "0", "y": "0", "tap": "true"}); !strings.HasSuffix(tap.Value, " lhr 0 0 tap") {
		t.Errorf("tap = %q, want it to say so", tap.Value)
	}
	for name, fields := range map[string]plugins.Fields{"move": {}, "left": nil} {
		if diff := cmp.Diff(plugins.SignalAs("at", id, id), handle(name, fields)); diff != "" {
			t.Errorf("%s without a place (-want +got):\n%s", name, diff)
		}
	}
	if _, err := cursors.New().Handle(t.Context(), plugins.Event{Name: "jump"}, plugins.State{}); err == nil {
		t.Error("Handle(jump) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	golden.Render(t, "all", cursors.New(), plugins.View{})
	golden.Render(t, "changed", cursors.New(), plugins.View{Changes: []plugins.Change{{Field: "at"}}})
}
