package plugintest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// Same checks that a and b, one feature in two carriers, answer alike: the same
// manifest, to the same event the same mutations or the same refusal, and for the same
// view the same fragments, byte for byte and with the same patches. Each part is a
// subtest.
//
//	plugintest.Same(t, lightbulb.New(), plugintest.Process(t, "lightbulb"))
//
// What is asked comes from a's manifest and the options, as for [Run]; what the answers
// are worth is Run's to tell. Of the text of an error that is no refusal the first
// kilobyte counts, which is what crosses a carrier.
func Same(t *testing.T, a, b plugins.Feature, options ...Option) {
	t.Helper()
	for _, c := range newPair(a, b, options...).checks() {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// pair is a feature under test, and another that must be the same.
type pair struct {
	*suite
	other plugins.Feature
}

func newPair(a, b plugins.Feature, options ...Option) pair {
	return pair{suite: newSuite(a, options...), other: b}
}

func (p pair) checks() []check {
	return []check{
		{"Manifest", p.checkManifest},
		{"Handle", p.onValid(p.checkHandle)},
		{"Render", p.onValid(p.checkRender)},
		{"Changes", p.onValid(p.checkChanges)},
	}
}

func (p pair) checkManifest(t rapid.TB) {
	t.Helper()
	if diff := difference(p.manifest, p.other.Manifest()); diff != "" {
		t.Errorf("the manifests differ (-a +b):\n%s", diff)
	}
}

// checkHandle: any event in any room.
func (p pair) checkHandle(t rapid.TB) {
	t.Helper()
	if !p.hasEvents() {
		t.Skip("the feature takes no events")
	}
	rapid.Check(t, func(t *rapid.T) {
		state, _ := p.anyState(t)
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			_, _ = p.handle(t, p.event(t, rooms.Draw(t, "room")), state)
		}
	})
}

// checkRender: any view.
func (p pair) checkRender(t rapid.TB) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		state, _ := p.anyState(t)
		p.render(t, p.anyView(t, state))
	})
}

// checkChanges: a room that lives through events, in which changes belong together as
// they do in no view that is made up.
func (p pair) checkChanges(t rapid.TB) {
	t.Helper()
	if !p.changes() {
		t.Skip("nothing ever changes")
	}
	rapid.Check(t, func(t *rapid.T) {
		r := &room{manifest: p.manifest, state: empty()}
		name := rooms.Draw(t, "room")
		for range rapid.IntRange(1, 5).Draw(t, "renders") {
			p.live(t, r, name, p.handle)
			p.render(t, plugins.View{
				Feature: p.manifest.Name, Room: name, Changes: r.changes, State: r.view(r.changed),
			})
			r.changes = nil
		}
		p.render(t, plugins.View{
			Feature: p.manifest.Name, Room: name, State: r.view(func(string, string) bool { return false }),
		})
	})
}

// handle asks both about one event and returns a's answer.
func (p pair) handle(t *rapid.T, ev plugins.Event, state plugins.State) ([]plugins.Mutation, error) {
	type answer struct {
		Mutations    []plugins.Mutation
		Refusal, Err string
	}
	ask := func(f plugins.Feature) (answer, error) {
		mutations, err := f.Handle(context.Background(), ev, clone(state))
		if refusal, ok := errors.AsType[*plugins.Refusal](err); ok {
			return answer{Refusal: refusal.Sentence}, err
		}
		return answer{Mutations: mutations, Err: beginning(text(err))}, err
	}
	a, err := ask(p.feature)
	b, _ := ask(p.other)
	if diff := difference(a, b); diff != "" {
		t.Fatalf("to event %s the answers differ (-a +b):\n%s", describe(ev), diff)
	}
	return a.Mutations, err
}

// render asks both for one view.
func (p pair) render(t *rapid.T, v plugins.View) {
	type answer struct {
		Fragments []plugins.Fragment
		Err       string
	}
	ask := func(f plugins.Feature) answer {
		v := v
		v.State, v.Changes = clone(v.State), slices.Clone(v.Changes)
		fragments, err := f.Render(context.Background(), v)
		return answer{fragments, beginning(text(err))}
	}
	if diff := difference(ask(p.feature), ask(p.other)); diff != "" {
		t.Fatalf("for view %s the answers differ (-a +b):\n%s", describe(v), diff)
	}
}

// beginning returns the part of an error's text that crosses a carrier at least.
func beginning(text string) string { return clip(text, 1000) }
