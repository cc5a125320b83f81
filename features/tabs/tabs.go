// Package tabs tells each person how many tabs they have open in the room, in
// all of those tabs.
package tabs

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

//go:embed style.css
var style string

// mine is the one field: who is in the room, by user.
const mine = "mine"

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name:     "tabs",
		Title:    "Your tabs",
		Personal: true,
		State:    []plugins.Field{{Name: mine, Kind: plugins.Presence, By: plugins.ByUser}},
		Style:    style,
	}
}

// Handle implements [plugins.Feature]. There are no events: the host itself sees
// tabs open and close.
func (feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
}

// Render implements [plugins.Feature]. It shows a viewer their own tabs, and
// after a change each user who still has a tab to see it in. There is nothing
// for the room as a whole.
func (feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	groups := v.State.Presence[mine]
	if v.Personal() {
		user := v.Viewer.User
		return own(ctx, user,
			plugins.Part{ID: "tabs-count", Component: count(tabs(groups, user))},
			plugins.Part{ID: "tabs-about", Component: about(v.Page())})
	}

	var fragments []plugins.Fragment
	told := map[string]bool{}
	for _, c := range v.Changes {
		n := tabs(groups, c.Group)
		if c.Field != mine || told[c.Group] || n == 0 {
			continue
		}
		told[c.Group] = true
		theirs, err := own(ctx, c.Group, plugins.Part{ID: "tabs-count", Component: count(n)})
		if err != nil {
			return nil, err
		}
		fragments = append(fragments, theirs...)
	}
	return fragments, nil
}

// own renders parts for one user alone.
func own(ctx context.Context, user string, parts ...plugins.Part) ([]plugins.Fragment, error) {
	fragments, err := plugins.Fragments(ctx, parts...)
	for i := range fragments {
		fragments[i].Audience.User = user
	}
	return fragments, err
}

// tabs returns how many tabs user has.
func tabs(groups []plugins.Group, user string) int {
	for _, g := range groups {
		if g.Key == user {
			return g.Tabs
		}
	}
	return 0
}
