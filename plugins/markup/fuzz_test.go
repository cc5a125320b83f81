package markup_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/markup"
)

// FuzzCheck asks that what Check accepts is, for a real HTML parser, the one
// root with its id and the elements inside it in the order written, without
// scripts and handlers; that it stays so when it is written out and parsed
// again; and that WithRev adds its attribute and nothing else.
func FuzzCheck(f *testing.F) {
	for _, test := range accepted {
		f.Add(test.id, test.html)
	}
	for _, test := range refused {
		f.Add("hello-a", test.html)
	}
	f.Fuzz(func(t *testing.T, id, fragment string) {
		if markup.Check("hello", id, fragment) == nil {
			hold(t, id, fragment)
		}
	})
}

// TestCheck_grown grows fragments element by element, of all that HTML has, and
// asks of each one that Check accepts what FuzzCheck asks: mutated bytes alone
// seldom nest tags.
func TestCheck_grown(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	used := map[string]bool{}
	accepted := 0
	var parts []string
	for range 30_000 {
		if len(parts) == 0 || len(parts) > 40 {
			root := names[rnd.IntN(len(names))]
			parts = []string{"<" + root + " id=hello-a>", "</" + root + ">"}
		}
		i := 1 + rnd.IntN(len(parts)-1)
		j := i + rnd.IntN(min(3, len(parts)-i))
		var next []string
		switch name := names[rnd.IntN(len(names))]; rnd.IntN(8) {
		case 0:
			next = slices.Insert(slices.Clone(parts), i, "text")
		case 1:
			next = slices.Insert(slices.Clone(parts), i, "<"+name+">")
		case 2:
			next = slices.Insert(slices.Clone(parts), i, "<"+name+"/>")
		default:
			next = slices.Insert(slices.Clone(parts), j, "</"+name+">")
			next = slices.Insert(next, i, "<"+name+">")
		}
		fragment := strings.Join(next, "")
		if markup.Check("hello", "hello-a", fragment) != nil {
			if len(parts) == 2 && rnd.IntN(20) == 0 {
				parts = nil // a root that may hold little
			}
			continue
		}
		hold(t, "hello-a", fragment)
		parts = next
		accepted++
		for _, tag := range tags(fragment) {
			used[tag] = true
		}
	}
	if accepted < 3000 || len(used) < 180 {
		t.Errorf("grew %d fragments with %d kinds of tags, want at least 3000 and 180", accepted, len(used))
	}
}

// names are the elements that HTML has or had, and some of SVG.
var names = strings.Fields(`a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big
	blink blockquote body br button canvas caption center circle cite code col colgroup data datalist dd defs del desc
	details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer foreignobject form frame frameset g
	h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins kbd keygen label legend li link listing
	main map mark marquee math menu menuitem meta meter mi nav nobr noembed noframes noscript object ol optgroup option
	output p param path picture plaintext pre progress q rb rp rt rtc ruby s samp script search section select slot
	small source span strike strong style sub summary sup svg symbol table tbody td template text textarea tfoot th
	thead time title tr track tt u ul var video wbr x-y xmp svg svg table table tr td p p ul li select option`)

// hold fails unless fragment, which Check accepted, is what Check promises.
func hold(t *testing.T, id, fragment string) {
	t.Helper()
	root := parseOne(t, fragment)
	inspect(t, root, id, "")
	if got, want := walk(root), tags(fragment); !slices.Equal(got, want) {
		t.Fatalf("%q parses as %v, but says %v", fragment, got, want)
	}

	var out strings.Builder
	if err := html.Render(&out, root); err != nil {
		t.Fatalf("render %q: %v", fragment, err)
	}
	again := parseOne(t, out.String())
	inspect(t, again, id, "")
	if got, want := walk(again), walk(root); !slices.Equal(got, want) {
		t.Fatalf("%q parses as %v, and written as %q as %v", fragment, want, out.String(), got)
	}

	with := parseOne(t, markup.WithRev(fragment, `3f9c"&>`))
	inspect(t, with, id, `3f9c"&>`)
	if got, want := walk(with), walk(root); !slices.Equal(got, want) {
		t.Fatalf("%q parses as %v, and with a revision as %v", fragment, want, got)
	}
}

// parseOne parses fragment where a page's body has it, and returns its root.
func parseOne(tb testing.TB, fragment string) *html.Node {
	tb.Helper()
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(fragment), body)
	if err != nil {
		tb.Fatalf("parse %q: %v", fragment, err)
	}
	var root *html.Node
	for _, n := range nodes {
		switch {
		case n.Type == html.TextNode && strings.Trim(n.Data, " \t\n\r\f") == "":
		case n.Type == html.ElementNode && root == nil:
			root = n
		default:
			tb.Fatalf("%q parses with %v %q beside the root", fragment, n.Type, n.Data)
		}
	}
	if root == nil {
		tb.Fatalf("%q parses to nothing", fragment)
	}
	return root
}

// inspect fails on what must not be in a fragment.
func inspect(tb testing.TB, root *html.Node, id, rev string) {
	tb.Helper()
	if got := attr(root, "id"); got != id {
		tb.Fatalf("root has id %q, want %q", got, id)
	}
	if got := attr(root, "data-live-rev"); got != rev {
		tb.Fatalf("root has revision %q, want %q", got, rev)
	}
	seen := map[string]bool{}
	for n := range elements(root) {
		switch n.DataAtom {
		case atom.Script, atom.Style, atom.Iframe, atom.Object, atom.Embed, atom.Base, atom.Meta, atom.Link, atom.Template:
			tb.Fatalf("fragment holds <%s>", n.Data)
		}
		for _, a := range n.Attr {
			key := strings.ToLower(a.Key)
			if strings.HasPrefix(key, "on") || key == "style" || key == "data-live-rev" && n != root {
				tb.Fatalf("<%s> has the attribute %s", n.Data, key)
			}
			switch key {
			case "href", "src", "action", "formaction":
				if dom.ScriptURL(a.Val) {
					tb.Fatalf("<%s> has %s=%q", n.Data, key, a.Val)
				}
			case "id":
				if !strings.HasPrefix(a.Val, "hello-") {
					tb.Fatalf("<%s> has the id %q", n.Data, a.Val)
				}
				if seen[a.Val] {
					tb.Fatalf("two elements have the id %q", a.Val)
				}
				seen[a.Val] = true
			}
		}
	}
}

// elements yields root and the elements inside it, in document order.
func elements(root *html.Node) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if !yield(root) {
			return
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && !yield(n) {
				return
			}
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// walk returns the elements as start and end tags, without the <tbody> that a
// parser adds.
func walk(root *html.Node) []string {
	var out []string
	var visit func(n *html.Node)
	visit = func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		name := strings.ToLower(n.Data)
		if name != "tbody" {
			out = append(out, name)
		}
		for c := range n.ChildNodes() {
			visit(c)
		}
		if name != "tbody" {
			out = append(out, "/"+name)
		}
	}
	visit(root)
	return out
}

// tags returns the start and end tags as they are written, without <tbody>.
func tags(fragment string) []string {
	void := []string{"area", "br", "col", "hr", "img", "input", "source", "track", "wbr"}
	var out []string
	z := html.NewTokenizer(strings.NewReader(fragment))
	svg := 0
	for {
		t := z.Next()
		if t == html.ErrorToken {
			return out
		}
		if t != html.StartTagToken && t != html.EndTagToken && t != html.SelfClosingTagToken {
			continue
		}
		b, _ := z.TagName()
		name := string(b)
		if name == "tbody" {
			continue
		}
		if t == html.EndTagToken {
			if out = append(out, "/"+name); name == "svg" {
				svg--
			}
			continue
		}
		out = append(out, name)
		if svg > 0 {
			z.NextIsNotRawText()
		}
		switch {
		case t == html.SelfClosingTagToken || slices.Contains(void, name):
			out = append(out, "/"+name)
		case name == "svg":
			svg++
		}
	}
}
