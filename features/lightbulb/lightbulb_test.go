package lightbulb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/lightbulb"
	"github.com/global-presence/presence/plugins"
)

func light(value string) plugins.State {
	return plugins.State{Registers: map[string]plugins.Item{"light": {Value: value}}}
}

func TestFeature_Handle(t *testing.T) {
	person := plugins.Person{User: "k7qf2m3xw5aab2cd", Region: "lhr", Edge: "ams"}
	for _, tt := range []struct{ name, on, want string }{
		{"On", "true", "on=true&region=lhr&user=k7qf2m3xw5aab2cd"},
		{"Off", "false", "on=false&region=lhr&user=k7qf2m3xw5aab2cd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := plugins.Event{Name: "set", Room: "home", Fields: plugins.Fields{"on": tt.on}, Person: person, Time: time.Now()}
			// The state already says what is asked for: it is set all the same.
			got, err := lightbulb.New().Handle(t.Context(), ev, light(tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]plugins.Mutation{plugins.Set("light", tt.want)}, got); diff != "" {
				t.Errorf("Handle(on=%s) (-want +got):\n%s", tt.on, diff)
			}
		})
	}
	t.Run("ErrUnknown", func(t *testing.T) {
		_, err := lightbulb.New().Handle(t.Context(), plugins.Event{Name: "smash"}, plugins.State{})
		if refusal := new(plugins.Refusal); err == nil || errors.As(err, &refusal) {
			t.Errorf("Handle(smash) = %v, want an error that is no refusal", err)
		}
	})
}

func TestFeature_Render(t *testing.T) {
	changed := []plugins.Change{{Field: "light"}}
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"untouched", plugins.View{}},
		{"on", plugins.View{State: light("on=true&region=lhr&user=k7qf2m3xw5aab2cd")}},
		{"off", plugins.View{State: light("on=false&region=gru&user=k7qf2m3xw5aab2cd"), Room: "a b/c"}},
		{"changed", plugins.View{State: light("on=true&region=lhr&user=k7qf2m3xw5aab2cd"), Changes: changed}},
		{"unchanged", plugins.View{State: light("on=true"), Changes: []plugins.Change{}}},
		{"unreadable", plugins.View{State: light(`{"on":true,"user":"k7qf2m3xw5aab2cd","region":"lhr"}`)}}, // an earlier build's
		{"hostile", plugins.View{State: light(plugins.Record{"on": "true", "user": `<b>"'`, "region": "</p><script>"}.String())}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, lightbulb.New(), tt.view) })
	}
}
