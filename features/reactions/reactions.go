// Package reactions lets people throw a symbol at the page that everybody sees rise
// and fade. Nothing of it is kept.
package reactions

import (
	"context"
	_ "embed"
	"errors"
	"strconv"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
)

//go:embed style.css
var style string

// burst are the symbols on their way to the pages.
const burst = "burst"

// kinds are the symbols there are: what is sent, what is seen and what it is called.
var kinds = []element.Reaction{
	{Kind: "thumb", Symbol: "👍", Name: "Thumbs up"},
	{Kind: "heart", Symbol: "❤️", Name: "Heart"},
	{Kind: "laugh", Symbol: "😂", Name: "Laughter"},
	{Kind: "party", Symbol: "🎉", Name: "Party"},
	{Kind: "fire", Symbol: "🔥", Name: "Fire"},
	{Kind: "eyes", Symbol: "👀", Name: "Eyes"},
}

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	var choices []string
	for _, k := range kinds {
		choices = append(choices, k.Kind)
	}
	return plugins.Manifest{
		Name:  "reactions",
		Title: "Reactions",
		State: []plugins.Field{{Name: burst, Kind: plugins.Volatile, Direct: true}},
		Events: []plugins.EventType{{
			Name:   "send",
			Fields: []plugins.Param{{Name: "kind", Type: plugins.Choice, Choices: choices}},
			Rate:   5,
			Burst:  10,
		}},
		Style: style,
	}
}

// Handle implements [plugins.Feature].
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	if ev.Name != "send" {
		return nil, errors.New("handle event " + strconv.Quote(ev.Name) + ": not declared")
	}
	return []plugins.Mutation{plugins.Signal(burst, ev.Fields.Text("kind"))}, nil
}

// Render implements [plugins.Feature]. What is thrown needs no render.
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if v.Changes != nil {
		return nil, nil
	}
	return plugins.Fragments(ctx, plugins.Part{
		ID:        "reactions-burst",
		Component: element.Burst{Feature: "reactions", Field: burst, Event: "send", Action: v.Action("send"), Reactions: kinds},
	})
}
