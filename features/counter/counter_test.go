package counter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/counter"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

func TestFeature_Handle(t *testing.T) {
	for _, tt := range []struct {
		by   string
		want int64
	}{{"1", 1}, {"-1", -1}} {
		ev := plugins.Event{Name: "add", Fields: plugins.Fields{"by": tt.by}}
		got, err := counter.New().Handle(t.Context(), ev, plugins.State{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]plugins.Mutation{plugins.Add("count", tt.want)}, got); diff != "" {
			t.Errorf("Handle(by=%s) (-want +got):\n%s", tt.by, diff)
		}
	}
	if _, err := counter.New().Handle(t.Context(), plugins.Event{Name: "reset"}, plugins.State{}); err == nil {
		t.Error("Handle(reset) = nil, want an error")
	}
}

func TestFeature_Render(t *testing.T) {
	count := func(n int64) plugins.State { return plugins.State{Counters: map[string]int64{"count": n}} }
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"zero", plugins.View{}},
		{"negative", plugins.View{State: count(-3)}},
		{"changed", plugins.View{State: count(1284), Changes: []plugins.Change{{Field: "count"}}}},
		{"unchanged", plugins.View{State: count(1284), Changes: []plugins.Change{}}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, counter.New(), tt.view) })
	}
}
