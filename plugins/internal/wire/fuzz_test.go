package wire_test

import (
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// FuzzParse: whatever a feature answers is read as something or refused, and what is
// read can be written again.
func FuzzParse(f *testing.F) {
	if b, err := wire.View(plugins.View{Room: "home", Changes: []plugins.Change{{Field: "x"}}}); err == nil {
		f.Add(b)
	}
	if b, err := wire.Outcomes(f.Context(), []plugins.Outcome{{Mutations: []plugins.Mutation{plugins.Add("n", 1)}}}); err == nil {
		f.Add(b)
		f.Add(wire.Response(wire.Answer{ID: 7, Body: b}))
	}
	if b, err := wire.Describe(wire.Description{Manifest: plugins.Manifest{Name: "x", State: []plugins.Field{{Name: "n"}}}}); err == nil {
		f.Add(b)
	}
	f.Add(wire.Cancel(1 << 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := wire.ParseView(b); err == nil {
			if _, err := wire.View(v); err != nil {
				t.Errorf("a view that was read cannot be written: %v", err)
			}
		}
		if events, states, err := wire.ParseHandle(b); err == nil {
			if _, err := wire.Handle(events, states); err != nil {
				t.Errorf("events that were read cannot be written: %v", err)
			}
		}
		if d, err := wire.ParseDescription(b); err == nil {
			if _, err := wire.Describe(d); err != nil {
				t.Errorf("a manifest that was read cannot be written: %v", err)
			}
		}
		if fragments, err := wire.ParseFragments(b); err == nil {
			if _, err := wire.Fragments(fragments); err != nil {
				t.Errorf("fragments that were read cannot be written: %v", err)
			}
		}
		_, _ = wire.ParseOutcomes(b)
		_, _, _ = wire.ParseRequest(b)
		_, _ = wire.ParseResponse(b)
		_, _ = wire.ParseHello(b)
	})
}
