package demo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// cell returns a cell as a site has written it.
func cell(site string, ms int64, kind plugins.Kind, feature, value string) state.Cell {
	c := state.Cell{Room: "home", Feature: feature, Field: "f", Kind: kind, Value: value, Stamp: state.Stamp{ID: state.ID{MS: ms}, Site: site}}
	if kind == plugins.List {
		c.Key = c.Stamp.Key()
	}
	return c
}

func TestDiffering(t *testing.T) {
	register := func(site string, ms int64, value string) state.Cell {
		return cell(site, ms, plugins.Register, "light", value)
	}
	counter := func(site string, ms int64, value string) state.Cell {
		return cell(site, ms, plugins.Counter, "count", value)
	}
	greeting := func(site string, ms int64) state.Cell { return cell(site, ms, plugins.List, "hello", "hi") }
	for _, tt := range []struct {
		name  string
		rooms [][]state.Cell
		want  []string
	}{
		{"Empty", [][]state.Cell{nil, nil, nil}, nil},
		{"Same", [][]state.Cell{{register("iad", 1, "on"), counter("lhr", 2, "3"), greeting("iad", 4)}, {greeting("iad", 4), counter("lhr", 2, "3"), register("iad", 1, "on")}}, nil},
		{"Missing", [][]state.Cell{{register("iad", 1, "on")}, nil}, []string{"light"}},
		{"MissingFirst", [][]state.Cell{nil, {register("iad", 1, "on")}}, []string{"light"}},
		{"MissingInOne", [][]state.Cell{{greeting("iad", 1)}, {greeting("iad", 1)}, nil}, []string{"hello"}},
		{"Overtaken", [][]state.Cell{{register("iad", 1, "on"), register("lhr", 2, "off")}, {register("lhr", 2, "off")}}, nil},
		{"SameByChance", [][]state.Cell{{register("iad", 1, "on")}, {register("lhr", 2, "on")}}, nil},
		{"Other", [][]state.Cell{{register("iad", 1, "on")}, {register("lhr", 2, "off")}}, []string{"light"}},
		{"SameSum", [][]state.Cell{{counter("iad", 1, "1")}, {counter("lhr", 2, "1")}}, nil},
		{"OtherSum", [][]state.Cell{{counter("iad", 1, "1"), counter("lhr", 2, "1")}, {counter("lhr", 2, "1")}}, []string{"count"}},
		{"Nought", [][]state.Cell{{counter("iad", 3, "0")}, nil}, nil},
		{"OtherItems", [][]state.Cell{{greeting("iad", 1), register("iad", 2, "on")}, {greeting("lhr", 1)}}, []string{"hello", "light"}},
		{"People", [][]state.Cell{{{Room: "home", Feature: state.People, Key: "s", Kind: plugins.Presence, Value: "{}"}}, nil}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, demo.Differing(tt.rooms...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
