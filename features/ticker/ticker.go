// Package ticker shows one line of text to a whole room, which some other program
// writes to a key of the store:
//
//	redis-cli SET presence:ticker "doors open at nine"
//
// in any region changes the room "home" everywhere, and presence:ticker:ROOM any
// other room. Deleting the key, or having it expire, clears the line.
package ticker

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"unicode"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

// text is the one register of a room: what is shown, as clean returns it.
const text = "text"

// maxText is how many characters are shown.
const maxText = 200

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:  "ticker",
		Title: "Ticker",
		State: []plugins.Field{{Name: text, Kind: plugins.Register}},
		Watches: []plugins.Watch{
			{Keys: "presence:ticker", Event: "changed"},
			{Keys: "presence:ticker:*", Event: "changed", Room: "*"},
		},
		Style: style,
	}
}

// Handle implements [plugins.Feature]. A key may be told of again and again: what is
// shown already changes nothing.
func (feature) Handle(_ context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "changed" {
		return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
	}
	line := clean(ev.Fields.Text("value"))
	switch {
	case line == s.Registers[text].Value:
		return nil, nil
	case line == "":
		return []plugins.Mutation{plugins.Unset(text)}, nil
	}
	return []plugins.Mutation{plugins.Set(text, line)}, nil
}

// Render implements [plugins.Feature].
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if !v.Changed(text) {
		return nil, nil
	}
	return plugins.Fragments(ctx, plugins.Part{ID: "ticker-line", Component: line(clean(v.State.Registers[text].Value))})
}

// clean returns s on one line: without control characters, with single spaces, and
// cut to maxText characters, of which the last is then "…".
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxText {
		s = strings.TrimRight(string(runes[:maxText-1]), " ") + "…"
	}
	return s
}
