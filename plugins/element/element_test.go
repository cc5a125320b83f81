package element_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
	"github.com/global-presence/presence/plugins/markup"
)

const hostile = `"><x-canary a='&`

// Whatever a feature puts in, each element is one closed element that a host takes. What
// the four look like is in the golden files of the features that use them.
func TestRender_Escapes(t *testing.T) {
	text := plugins.EscapeHTML(hostile)
	for id, tt := range map[string]struct {
		element plugins.Component
		escaped int // how often the text is there
	}{
		"demo-pixels": {element.Board{
			Feature: "demo", Room: hostile, Label: hostile, Action: "/rooms/home/demo/paint",
			Field: plugins.Field{Name: "pixels", Width: 2, Height: 2, Palette: []plugins.Colour{{Name: hostile}, {Name: "black"}}},
			Paint: plugins.EventType{Name: "paint"},
		}, 4},
		"demo-at": {element.Cursors{Feature: "demo", Field: "at", Event: hostile}, 1},
		"demo-burst": {element.Burst{
			Feature: "demo", Field: "burst", Event: "send", Action: "/rooms/home/demo/send",
			Reactions: []element.Reaction{{Kind: hostile, Symbol: hostile, Name: hostile}},
		}, 5},
		"demo-traffic": {element.Globe{Feature: "demo", Field: "traffic", Of: hostile}, 1},
	} {
		var b strings.Builder
		if err := tt.element.Render(t.Context(), &b); err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if err := markup.Check("demo", id, b.String()); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if n := strings.Count(b.String(), text); n != tt.escaped || strings.Contains(b.String(), "<x-canary") {
			t.Errorf("%s has the escaped text %d times, want %d:\n%s", id, n, tt.escaped, b.String())
		}
	}
}

func TestRender_Ended(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b strings.Builder
	if err := (element.Globe{}).Render(ctx, &b); !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("Render after its context ended = %v and %d bytes, want %v and none", err, b.Len(), context.Canceled)
	}
}
