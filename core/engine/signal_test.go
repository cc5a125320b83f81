package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func TestSignals(t *testing.T) {
	var want []state.Cell
	for _, at := range [][3]string{{"home", "a", "x"}, {"home", "a", "x"}, {"home", "b", "x"}, {"attic", "b", "x"}, {"attic", "b", "y"}} {
		want = append(want, state.Cell{Room: at[0], Feature: at[1], Field: at[2], Key: "k", Kind: plugins.Volatile, Value: "v"})
	}
	b, err := engine.EncodeSignals(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.DecodeSignals(b)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("signals, %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"", "{}", "[]", `[{"v":"x"}]`, `[{"r":"home","f":"a","n":"x","t":1}]`, `[{"r":"home","f":"a","t":5}]`} {
		if got, err := engine.DecodeSignals([]byte(bad)); err == nil {
			t.Errorf("DecodeSignals(%s) = %v, want an error", bad, got)
		}
	}
}

func FuzzDecodeSignals(f *testing.F) {
	f.Add([]byte(`[{"r":"home","f":"a","n":"x","t":5,"v":"1"},{"v":"2"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		cells, err := engine.DecodeSignals(b)
		if err != nil {
			return
		}
		if err := engine.CheckSignals(cells); err != nil {
			t.Errorf("%s was read and is refused: %v", b, err)
		}
	})
}
