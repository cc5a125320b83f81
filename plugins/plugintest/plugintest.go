// Package plugintest is the contract of package plugins as tests: for authors of
// features, and for everything that carries one.
//
//	func TestFeature(t *testing.T) { plugintest.Run(t, lightbulb.New()) }
//
// makes events, rooms and views out of the feature's manifest and checks what the
// feature answers: that a manifest is valid, that the same input gives the same
// answer, that mutations fit the declared fields, that fragments are what a host
// lets through, that what people typed is escaped, that a render of changes shows
// what a render of everything shows, and that a call ends with its context.
//
// A host takes a render as a whole or not at all. It refuses it for
//
//   - HTML of one fragment above plugins.MaxFragmentSize, and for the same people
//     more than plugins.MaxFragments fragments, HTML of more than
//     plugins.MaxCornerSize altogether, or two fragments of one id;
//   - HTML that package markup's Check turns down: anything but one closed element
//     with the fragment's id, an id that does not start with the feature's name, an
//     element that the parser would move elsewhere, scripts, styles, handlers and
//     script addresses;
//   - a patch of more than plugins.MaxPatch operations or plugins.MaxPatchSize
//     bytes, one of a fragment that is not for everybody, and an operation that may
//     not be broadcast, that moves elements or dispatches events, that changes
//     anything but one of the feature's own elements, named by its id, or that puts
//     in or sets what the HTML may not hold.
//
// What a check found is shrunk to the smallest input that shows it.
//
// # In a process
//
// [Main] and [Process] run the feature through its real carrier, which starts the
// test binary again; the same checks hold on the other side:
//
//	func TestMain(m *testing.M) { plugintest.Main(m, lightbulb.New()) }
//
//	func TestProcess(t *testing.T) { plugintest.Run(t, plugintest.Process(t, "lightbulb")) }
//
// # What it cannot see
//
// Nothing is clicked: it does not know whether a feature is useful, only whether
// it keeps its promises. And it does not perform patches: whether one leads to
// the fragment's HTML is for a browser to tell.
package plugintest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// Option gives Run what it cannot make out of a manifest.
type Option func(*suite)

// States adds rooms that the feature must be able to show and to take events in,
// such as one from before a change of how it writes its values. An error in one
// of them is a failure.
func States(states ...plugins.State) Option {
	return func(s *suite) { s.states = append(s.states, states...) }
}

// Events adds events, on top of those made from the manifest.
func Events(events ...plugins.Event) Option {
	return func(s *suite) { s.events = append(s.events, events...) }
}

// Run checks that f keeps the contract, each part of it in a subtest.
func Run(t *testing.T, f plugins.Feature, options ...Option) {
	t.Helper()
	for _, c := range newSuite(f, options...).checks() {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// suite is one feature under test.
type suite struct {
	feature  plugins.Feature
	manifest plugins.Manifest
	states   []plugins.State // of the author
	events   []plugins.Event // of the author
}

// check is one part of the contract.
type check struct {
	name string
	run  func(rapid.TB)
}

func newSuite(f plugins.Feature, options ...Option) *suite {
	s := &suite{feature: f, manifest: f.Manifest()}
	for _, o := range options {
		o(s)
	}
	return s
}

func (s *suite) checks() []check {
	return []check{
		{"Manifest", s.checkManifest},
		{"Handle", s.onValid(s.checkHandle)},
		{"Render", s.onValid(s.checkRender)},
		{"Changes", s.onValid(s.checkChanges)},
		{"Deadline", s.onValid(s.checkDeadline)},
	}
}

// onValid leaves out a check that would only repeat that the manifest is wrong.
func (s *suite) onValid(run func(rapid.TB)) func(rapid.TB) {
	return func(t rapid.TB) {
		t.Helper()
		if err := s.manifest.Validate(); err != nil {
			t.Skip("the manifest is not valid:", err)
		}
		run(t)
	}
}

func (s *suite) checkManifest(t rapid.TB) {
	t.Helper()
	if err := s.manifest.Validate(); err != nil {
		t.Fatal(err)
	}
	if diff := difference(s.manifest, s.feature.Manifest()); diff != "" {
		t.Errorf("the manifest changes from one call to the next (-first +second):\n%s", diff)
	}
}

// sure wraps what a feature may not do in any case.
func sure(t rapid.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", what, err))
	}
}
