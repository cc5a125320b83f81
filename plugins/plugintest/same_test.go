package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/plugintest"
)

func TestSame(t *testing.T) {
	options := []plugintest.Option{
		plugintest.States(plugins.State{Counters: map[string]int64{"visits": -1}}),
		plugintest.Events(plugins.Event{Name: "dance"}), // of which book knows nothing
	}
	t.Run("Itself", func(t *testing.T) { plugintest.Same(t, book{}, book{}, options...) })
	t.Run("InAProcess", func(t *testing.T) { plugintest.Same(t, book{}, plugintest.Process(t, "book"), options...) })
}

// What cannot answer at all answers the same in both.
func TestSame_NothingToDo(t *testing.T) {
	f := faulty{manifest: func() plugins.Manifest {
		return plugins.Manifest{Name: "book", Title: "Still life"}
	}, render: func(context.Context, plugins.View) ([]plugins.Fragment, error) {
		return nil, errors.New(strings.Repeat("no picture ", 1000))
	}}
	plugintest.Same(t, f, f)
}

func TestSame_Finds(t *testing.T) {
	nothing := plugintest.Events(plugins.Event{Name: "visit", Fields: plugins.Fields{"by": "0"}}) // is refused
	// other answers an event otherwise than book where that is not an error.
	other := func(change func(plugins.Event, []plugins.Mutation, error) ([]plugins.Mutation, error)) faulty {
		return faulty{handle: func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
			mutations, err := book{}.Handle(ctx, ev, s)
			return change(ev, mutations, err)
		}}
	}
	for _, tt := range []struct {
		name  string
		b     plugins.Feature
		check string // that finds it
		want  string // in what it says
	}{
		{"Manifest", faulty{manifest: func() plugins.Manifest {
			m := book{}.Manifest()
			m.Events[0].Rate = 3
			return m
		}}, "Manifest", "the manifests differ"},
		{"Mutation", other(func(_ plugins.Event, mutations []plugins.Mutation, err error) ([]plugins.Mutation, error) {
			for i := range mutations {
				mutations[i].Value = strings.ReplaceAll(mutations[i].Value, "é", "e\u0301") // which looks the same
			}
			return mutations, err
		}), "Handle", "the answers differ"},
		{"Order", other(func(_ plugins.Event, mutations []plugins.Mutation, err error) ([]plugins.Mutation, error) {
			return append(mutations, plugins.Add("visits", 0)), err
		}), "Handle", "the answers differ"},
		{"Sentence", other(func(_ plugins.Event, mutations []plugins.Mutation, err error) ([]plugins.Mutation, error) {
			if err != nil {
				err = plugins.Refuse("Nothing would change")
			}
			return mutations, err
		}), "Handle", "Nothing would change"},
		{"RefusalIsAnError", other(func(_ plugins.Event, mutations []plugins.Mutation, err error) ([]plugins.Mutation, error) {
			if err != nil {
				err = errors.New(err.Error())
			}
			return mutations, err
		}), "Handle", "Nothing would change"},
		{"Byte", changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				fragments[i].HTML = strings.ReplaceAll(f.HTML, "&#34;", "&quot;")
			}
			return fragments
		}), "Render", "quot"},
		{"Patch", changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i, f := range fragments {
				if f.ID == "book-visits" { // a text where book has a number
					value := f.HTML[strings.IndexByte(f.HTML, '>')+1 : strings.LastIndexByte(f.HTML, '<')]
					fragments[i].Patch = []dom.Operation{dom.SetProperty("#book-visits", "textContent", value)}
				}
			}
			return fragments
		}), "Render", "book-visits"},
		{"Audience", changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			for i := range fragments {
				fragments[i].Audience.Session = fragments[i].Audience.User
			}
			return fragments
		}), "Render", "the answers differ"},
		{"OrderOfFragments", changed(func(_ plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			slices.Reverse(fragments)
			return fragments
		}), "Render", "the answers differ"},
		{"SecondOfTwoChanges", changed(func(v plugins.View, fragments []plugins.Fragment) []plugins.Fragment {
			notes := v.State.Lists["notes"]
			second := func(c plugins.Change) bool { return len(notes) > 1 && c.ID == notes[1].ID }
			if slices.ContainsFunc(v.Changes, second) {
				return nil
			}
			return fragments
		}), "Changes", "the answers differ"},
		{"RenderFails", faulty{render: func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			if v.Room == "product-42" {
				return nil, fmt.Errorf("room %s is on fire", v.Room)
			}
			return book{}.Render(ctx, v)
		}}, "Render", "on fire"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := failure(t, plugintest.SameChecks(book{}, tt.b, nothing)[tt.check])
			if !strings.Contains(said, tt.want) {
				t.Errorf("the check %s says %q, want %q in it", tt.check, said, tt.want)
			}
		})
	}
}
