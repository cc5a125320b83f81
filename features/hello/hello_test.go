package hello_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/hello"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

// said returns the greetings from to to, newest first; greeting n was said n
// seconds after the minute.
func said(from, to int) []plugins.Item {
	var items []plugins.Item
	for n := from; n >= to; n-- {
		items = append(items, plugins.Item{
			ID:    fmt.Sprintf("m%02d-0-0-lhr", n),
			Value: fmt.Sprintf("id=%d&region=lhr&user=u%d2345aab2cdefg", n, n),
			At:    time.Date(2026, 3, 4, 12, 3, n, 0, time.UTC),
		})
	}
	return items
}

func list(items []plugins.Item) plugins.State {
	return plugins.State{Lists: map[string][]plugins.Item{"greetings": items}}
}

// added returns the changes that items make when they arrive.
func added(items ...plugins.Item) []plugins.Change {
	var changes []plugins.Change
	for _, item := range items {
		changes = append(changes, plugins.Change{Field: "greetings", Value: item.Value})
	}
	return changes
}

func TestFeature_Handle(t *testing.T) {
	ev := plugins.Event{
		ID: "5f0c", Name: "say", Room: "home",
		Person: plugins.Person{User: "k7qf2m3xw5aab2cd", Region: "lhr", Edge: "ams"},
	}
	got, err := hello.New().Handle(t.Context(), ev, plugins.State{})
	if err != nil {
		t.Fatal(err)
	}
	want := []plugins.Mutation{plugins.Push("greetings", "id=5f0c&region=lhr&user=k7qf2m3xw5aab2cd")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Handle(say) (-want +got):\n%s", diff)
	}
	if _, err := hello.New().Handle(t.Context(), plugins.Event{Name: "shout"}, plugins.State{}); err == nil {
		t.Error("Handle(shout) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	elsewhere := time.FixedZone("elsewhere", 3600)
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"empty", plugins.View{}},
		{"one", plugins.View{State: list([]plugins.Item{{
			ID: "m1-0-0-lhr", Value: "id=1&region=lhr&user=k7qf2m3xw5aab2cd",
			At: time.Date(2026, 3, 4, 13, 3, 44, 5e6, elsewhere),
		}})}},
		{"eight", plugins.View{State: list(said(12, 1))}},
		{"changed", plugins.View{State: list(said(12, 1)), Changes: added(said(12, 11)...)}},
		{"unchanged", plugins.View{State: list(said(12, 1)), Changes: []plugins.Change{}}},
		{"unreadable", plugins.View{State: list([]plugins.Item{
			{ID: "m1-0-0-lhr", Value: `{"id":"1","user":"k7qf2m3xw5aab2cd","region":"lhr"}`}, // an earlier build's
			{ID: "m2-0-0-lhr"}, {ID: "m3-0-0-lhr", Value: "id=3&region=lhr"},
		})}},
		{"hostile", plugins.View{State: list([]plugins.Item{{
			ID: "m1-0-0-lhr", Value: plugins.Record{"user": `<b>"'`, "region": "<script>alert(1)</script>"}.String(),
		}})}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, hello.New(), tt.view) })
	}
}
