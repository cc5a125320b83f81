package ticker_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/ticker"
	"github.com/global-presence/presence/plugins"
)

func showing(text string) plugins.State {
	return plugins.State{Registers: map[string]plugins.Item{"text": {Value: text}}}
}

func TestFeature_Handle(t *testing.T) {
	long := strings.Repeat("é", 199)
	for _, tt := range []struct {
		name   string
		value  string // "-" where the key is missing
		before string
		want   []plugins.Mutation
	}{
		{"Set", "doors open at nine", "", []plugins.Mutation{plugins.Set("text", "doors open at nine")}},
		{"SetAnother", "doors are open", "doors open at nine", []plugins.Mutation{plugins.Set("text", "doors are open")}},
		{"SetTheSame", " doors  open at nine\n", "doors open at nine", nil},
		{"Deleted", "-", "doors open at nine", []plugins.Mutation{plugins.Unset("text")}},
		{"DeletedAlready", "-", "", nil},
		{"Blank", " \t\n", "doors open at nine", []plugins.Mutation{plugins.Unset("text")}},
		{"OnOneLine", "doors\r\n open\tat\u2028nine", "", []plugins.Mutation{plugins.Set("text", "doors open at nine")}},
		{"WithoutControls", "\x1b[31mred\x00\u0085\x7f", "", []plugins.Mutation{plugins.Set("text", "[31mred")}},
		{"AsLongAsMayBe", long + "x", "", []plugins.Mutation{plugins.Set("text", long+"x")}},
		{"TooLong", long + "xy", "", []plugins.Mutation{plugins.Set("text", long+"…")}},
		{"Markup", "<b>no</b>", "", []plugins.Mutation{plugins.Set("text", "<b>no</b>")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := plugins.Fields{"key": "presence:ticker", "command": "set", "value": tt.value}
			if tt.value == "-" {
				delete(fields, "value")
			}
			got, err := ticker.New().Handle(t.Context(), plugins.Event{Name: "changed", Fields: fields}, showing(tt.before))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("Handle: %v (-want +got):\n%s", err, diff)
			}
		})
	}
	if _, err := ticker.New().Handle(t.Context(), plugins.Event{Name: "set"}, plugins.State{}); err == nil {
		t.Error("Handle(set) = nil, want an error: it is not declared")
	}
}

func TestFeature_Render(t *testing.T) {
	changed := []plugins.Change{{Field: "text"}}
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"empty", plugins.View{}},
		{"line", plugins.View{State: showing("doors open at nine")}},
		{"changed", plugins.View{State: showing("doors are open"), Changes: changed}},
		{"cleared", plugins.View{Changes: changed}},
		{"unchanged", plugins.View{State: showing("doors are open"), Changes: []plugins.Change{}}},
		{"hostile", plugins.View{State: showing(`</p><script>alert("1")</script>`)}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, ticker.New(), tt.view) })
	}
}

// TestFeature_Manifest: which keys are whose.
func TestFeature_Manifest(t *testing.T) {
	for key, want := range map[string]string{
		"presence:ticker":            "home",
		"presence:ticker:product-42": "product-42",
		"presence:ticker:a:b":        "a:b",
		"presence:tickers":           "",
		"presence:ticker:":           "",
	} {
		room := ""
		for _, w := range ticker.New().Manifest().Watches {
			if r := w.RoomOf(key); r != "" {
				room = r
			}
		}
		if room != want {
			t.Errorf("key %q is for the room %q, want %q", key, room, want)
		}
	}
}
