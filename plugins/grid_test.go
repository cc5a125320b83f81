package plugins_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
)

func TestParseCells(t *testing.T) {
	want := []plugins.Point{{X: 0, Y: 0}, {X: 999, Y: 7}, {X: 12, Y: 9999}}
	got, err := plugins.ParseCells("0,0 999,7 12,9999")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseCells, %v (-want +got):\n%s", err, diff)
	}
	if s := plugins.FormatCells(want); s != "0,0 999,7 12,9999" {
		t.Errorf("FormatCells = %q", s)
	}
	for _, bad := range []string{
		"", " ", "1", "1,", ",1", "1,1 ", " 1,1", "1,1  2,2", "-1,1", "+1,1", "1.5,1", "10000,1", "1,1,1", "a,b", "1,1;2,2", "１,1",
		strings.TrimSuffix(strings.Repeat("1,1 ", plugins.MaxCells+1), " "),
	} {
		if got, err := plugins.ParseCells(bad); err == nil {
			t.Errorf("ParseCells(%.20q) = %v, want an error", bad, got)
		}
	}
}

func FuzzParseCells(f *testing.F) {
	f.Add("1,2 3,4")
	f.Add("0,0")
	f.Fuzz(func(t *testing.T, s string) {
		cells, err := plugins.ParseCells(s)
		if err != nil {
			return
		}
		again, err := plugins.ParseCells(plugins.FormatCells(cells))
		if !slices.Equal(cells, again) || err != nil || len(cells) == 0 || len(cells) > plugins.MaxCells {
			t.Errorf("%q reads as %v and then as %v, %v", s, cells, again, err)
		}
	})
}

func TestManifest_CheckEvent_cells(t *testing.T) {
	m := lamp()
	paint, _ := m.Event("paint")
	fields, err := m.CheckEvent(paint, map[string]string{"cells": "0,0 2047,0"})
	if err != nil || paint.Cost(fields) != 2 {
		t.Errorf("CheckEvent = %v, %v with cost %d, want cost 2", fields, err, paint.Cost(fields))
	}
	if n := len(fields.Cells("cells")); n != 2 || fields.Cells("other") != nil {
		t.Errorf("%d cells, and %v of a field that was not sent", n, fields.Cells("other"))
	}
	for _, bad := range []string{"", "0,1", "2048,0", "0,0 0,0 0,0 0,0 0,0 0,0 0,0 0,0 0,0"} {
		_, err := m.CheckEvent(paint, map[string]string{"cells": bad})
		want := `"cells" must be 1 to 8 cells "x,y" of a board of 2048 × 1.`
		if refusal, ok := errors.AsType[*plugins.Refusal](err); !ok || refusal.Sentence != want {
			t.Errorf("CheckEvent of cells %q: %v, want %q", bad, err, want)
		}
	}
	if off, _ := m.Event("switch-off"); off.Cost(nil) != 1 {
		t.Errorf("an event without cells costs %d", off.Cost(nil))
	}
}

func TestMutation_Check_board(t *testing.T) {
	m := lamp()
	at := time.Date(2026, 11, 24, 5, 6, 7, 8e6, time.UTC)
	r := plugins.Rect{X: 3, Y: 0, W: 5, H: 1}
	for name, mu := range map[string]plugins.Mutation{
		"paint": plugins.Paint("pixels", 1, plugins.Point{X: 2047}), "clear": plugins.Clear("pixels", r),
		"revert": plugins.Revert("pixels", r, at), "signal": plugins.SignalAs("hits", "ann", "1 2"),
	} {
		if err := mu.Check(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, when, err := plugins.Revert("pixels", r, at).Part(); got != r || !when.Equal(at) || err != nil {
		t.Errorf("Part = %v, %v, %v", got, when, err)
	}
	if got, _, err := plugins.Clear("pixels", r).Part(); got != r || err != nil {
		t.Errorf("Part = %v, %v", got, err)
	}
	for name, mu := range map[string]plugins.Mutation{
		"colour of none": plugins.Paint("pixels", 2, plugins.Point{}), "negative colour": plugins.Paint("pixels", -1, plugins.Point{}),
		"no cells": plugins.Paint("pixels", 1), "a cell outside": plugins.Paint("pixels", 1, plugins.Point{Y: 1}),
		"another field": plugins.Paint("light", 1, plugins.Point{}), "no part": plugins.Clear("pixels", plugins.Rect{X: 1, W: 0, H: 1}),
		"a part outside": plugins.Clear("pixels", plugins.Rect{X: 2047, W: 2, H: 1}), "part before": plugins.Clear("pixels", plugins.Rect{X: -1, W: 2, H: 1}),
		"no moment":     {Field: "pixels", Op: plugins.OpRevert, Value: "0 0 1 1"},
		"more than one": {Field: "pixels", Op: plugins.OpClear, Value: "0 0 1 1 5"},
		"rest":          {Field: "pixels", Op: plugins.OpClear, Value: "0 0 1 1x"},
		"a long key":    plugins.SignalAs("hits", strings.Repeat("k", plugins.MaxKeySize+1), ""),
		"a key of none": {Field: "light", Op: plugins.OpSet, Key: "k"},
		"a tab":         plugins.Signal("hits", "a\tb"),
		"a long value":  plugins.Signal("hits", strings.Repeat("v", plugins.MaxFrameSize/4+1)),
	} {
		if err := mu.Check(m); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTrace(t *testing.T) {
	want := plugins.Trace{
		ID: "ann/1", By: "ann", Site: "lhr", Appended: 1200 * time.Microsecond, Done: true,
		Rows: []plugins.TraceRow{{Site: "iad", Region: "iad", Arrived: time.Millisecond, Rendered: 2, Returned: 3}, {Site: "lhr", Region: "lhr"}},
	}
	got, err := plugins.ParseTrace(want.Format())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("trace, %v (-want +got):\n%s", err, diff)
	}
	if _, err := plugins.ParseTrace("on"); err == nil {
		t.Error("a text that is no trace was read")
	}
}
