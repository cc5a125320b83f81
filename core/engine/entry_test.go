package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func TestEntry_Encode(t *testing.T) {
	id := state.ID{MS: 1795465238123, Seq: 4}
	want := engine.Entry{
		Site: "lhr", ID: id, Binary: "b1", Events: []string{"e1", "e2"}, Beat: &engine.Beat{Region: "lhr"},
		Cells: []state.Cell{
			{Room: "home", Feature: "light", Field: "on", Kind: plugins.Register, Value: "<1>", Stamp: state.Stamp{ID: id, Site: "lhr"}},
			{Room: "home", Feature: state.People, Key: "s1", Kind: plugins.Presence, Removed: true, Stamp: state.Stamp{ID: id, Site: "lhr", Index: 1}},
		},
	}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.DecodeEntry("lhr", id, b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("DecodeEntry: %v (-want +got):\n%s", err, diff)
	}
	if _, err := engine.DecodeEntry("lhr", id, b[1:]); err == nil {
		t.Error("DecodeEntry of half an entry: want an error")
	}
}

// TestEntry_Encode_beat: what a beat tells survives a log, and one that tells no
// round trips costs no bytes for them.
func TestEntry_Encode_beat(t *testing.T) {
	id := state.ID{MS: 1795465238123}
	want := engine.Entry{Site: "lhr", ID: id, Binary: "b1", Beat: &engine.Beat{
		Region: "lhr", Version: "v1",
		Heard: []engine.Heard{{Site: "syd", ID: "1795465238001-3", Held: 712_345}, {Site: "syd", ID: "1795465238009-0"}},
		Pings: []engine.Ping{{Site: "iad", RTT: 74_512}, {Site: "syd", RTT: 243_001}},
		Tells: []string{"ticker"}, Leaves: true,
	}}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.DecodeEntry("lhr", id, b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("DecodeEntry: %v (-want +got):\n%s", err, diff)
	}
	want.Beat = &engine.Beat{Region: "lhr"}
	if b, err = want.Encode(); err != nil || string(b) != `{"b":"b1","beat":{"region":"lhr"}}` {
		t.Errorf("Encode of a bare beat = %s, %v", b, err)
	}
}

func TestEntry_Encode_restores(t *testing.T) {
	id := state.ID{MS: 1795465238123, Seq: 4}
	want := engine.Entry{
		Site: "lhr", ID: id, Binary: "b1", Events: []string{"e1"}, Restores: true,
		Cells: []state.Cell{
			{Room: "home", Feature: "light", Field: "on", Kind: plugins.Register, Value: "1", Stamp: state.Stamp{ID: state.ID{MS: 17, Seq: 2}, Site: "lhr", Index: 3}},
			{Room: "home", Feature: "light", Field: "off", Kind: plugins.Register, Removed: true, Stamp: state.Stamp{ID: state.ID{MS: 16}, Site: "lhr"}},
		},
	}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.DecodeEntry("lhr", id, b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("DecodeEntry: %v (-want +got):\n%s", err, diff)
	}
	for _, stamps := range []string{`["17-2-3"]`, `["17-2-3","16"]`, `["17-2-3","16-0--1"]`, `["17-2-3","x-0-1"]`} {
		broken := `{"c":[{"r":"a","f":"b","t":1},{"r":"a","f":"c","t":1}],"again":true,"s":` + stamps + `}`
		if _, err := engine.DecodeEntry("lhr", id, []byte(broken)); err == nil {
			t.Errorf("DecodeEntry with stamps %s: want an error", stamps)
		}
	}
}

func TestEntry_Encode_restoresNothing(t *testing.T) {
	want := engine.Entry{Site: "lhr", ID: state.ID{MS: 5}, Restores: true}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.DecodeEntry("lhr", want.ID, b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("DecodeEntry: %v (-want +got):\n%s", err, diff)
	}
}
