package hello_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/global-presence/presence/features/hello"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// A patch must leave the page as the whole list would.
func TestFeature_Render_Patch(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after []plugins.Item
		changes       []plugins.Change
		whole         bool // no patch is possible
	}{
		{"Second", said(1, 1), said(2, 1), added(said(2, 2)...), false},
		{"Eighth", said(7, 1), said(8, 1), added(said(8, 8)...), false},
		{"Ninth", said(8, 1), said(9, 1), added(said(9, 9)...), false},
		{"Capped", said(24, 1), said(25, 2), added(said(25, 25)...), false},
		{"TwoMoreThanFit", said(7, 1), said(9, 1), added(said(9, 8)...), false},
		{"SevenInAnyOrder", said(20, 1), said(27, 4), added(append(said(23, 21), said(27, 24)...)...), false},
		{"First", nil, said(1, 1), added(said(1, 1)...), true},
		{"MoreThanShown", said(9, 1), said(17, 1), added(said(17, 10)...), true},
		{"Late", slices.Concat(said(9, 6), said(4, 1)), said(9, 1), added(said(5, 5)...), true},
		{"TooLate", said(25, 2), said(25, 2), added(said(1, 1)...), true},
		{"Twice", said(3, 1), said(4, 1), added(said(4, 4)[0], said(4, 4)[0]), true},
		{"Ambiguous", said(4, 1), slices.Concat(said(4, 4), said(4, 1)), added(said(4, 4)...), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := log(t, plugins.View{State: list(tt.before)})
			full := log(t, plugins.View{State: list(tt.after)})
			changed := log(t, plugins.View{State: list(tt.after), Changes: tt.changes})
			if changed.HTML != full.HTML {
				t.Errorf("HTML after a change differs from the whole (-whole +change):\n%s", cmp.Diff(full.HTML, changed.HTML))
			}
			if tt.whole {
				if len(changed.Patch) != 0 {
					t.Errorf("Patch = %v, want none", changed.Patch)
				}
				return
			}
			if len(changed.Patch) == 0 {
				t.Fatal("no Patch")
			}
			page := parse(t, before.HTML)
			for range 2 { // carried out twice, nothing shows twice
				apply(t, page, changed.Patch)
			}
			if diff := cmp.Diff(print(t, parse(t, full.HTML)), print(t, page)); diff != "" {
				t.Errorf("the patched page differs from the whole (-whole +patched):\n%s", diff)
			}
		})
	}
}

// log returns the fragment that holds the list.
func log(tb testing.TB, v plugins.View) plugins.Fragment {
	tb.Helper()
	fragments, err := hello.New().Render(tb.Context(), v)
	if err != nil {
		tb.Fatal(err)
	}
	i := slices.IndexFunc(fragments, func(f plugins.Fragment) bool { return f.ID == "hello-log" })
	if i < 0 {
		tb.Fatalf("no fragment hello-log in %v", fragments)
	}
	return fragments[i]
}

// apply carries out the operations of a patch as a browser would.
func apply(tb testing.TB, page *html.Node, patch []dom.Operation) {
	tb.Helper()
	for _, o := range patch {
		data, err := json.Marshal(o)
		if err != nil {
			tb.Fatal(err)
		}
		var op struct{ Operation, Selector, HTML string }
		if err := json.Unmarshal(data, &op); err != nil {
			tb.Fatal(err)
		}
		el := find(page, strings.TrimPrefix(op.Selector, "#"))
		switch {
		case el == nil: // a browser goes on
		case op.Operation == "remove":
			el.Parent.RemoveChild(el)
		case op.Operation == "prepend":
			row := parse(tb, op.HTML).FirstChild
			row.Parent.RemoveChild(row)
			el.InsertBefore(row, el.FirstChild)
		default:
			tb.Fatalf("unexpected operation %s", data)
		}
	}
}

func parse(tb testing.TB, s string) *html.Node {
	tb.Helper()
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(s), body)
	if err != nil {
		tb.Fatal(err)
	}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	return body
}

func print(tb testing.TB, n *html.Node) string {
	tb.Helper()
	var b strings.Builder
	if err := html.Render(&b, n); err != nil {
		tb.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "<li", "\n<li")
}

func find(n *html.Node, id string) *html.Node {
	for d := range n.Descendants() {
		for _, a := range d.Attr {
			if a.Key == "id" && a.Val == id {
				return d
			}
		}
	}
	return nil
}
