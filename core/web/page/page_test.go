package page_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/global-presence/presence/core/web/page"
	"github.com/global-presence/presence/plugins"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

var frame = page.Frame{
	Styles: []string{"/assets/app-1.css"}, FeatureStyle: "/assets/features-2.css",
	Scripts: []string{"/assets/live-3.js", "/assets/elements-4.js"},
	Icon:    "/assets/icon-4.svg",
}

// kitchen returns a page with all its parts.
func kitchen(tb testing.TB) page.Room {
	tb.Helper()
	return page.Room{
		Frame: frame, Name: "kitchen", Region: "lhr", Edge: "ams",
		Sections: []page.Section{
			{Name: "lightbulb", Title: "Light", HTML: `<p id="lightbulb-status" data-live-rev="3f9c">On.</p>`},
			{
				Name: "hello", Title: `Hello & "goodbye"`, TitleRev: "7c1e", HTML: `<p id="hello-log">Hi.</p>`,
				StatusHTML: `<p id="page_rest-hello" class="rest" role="status">This part is resting.</p>`,
			},
		},
		Message: page.Message{Feature: "lightbulb", Sentence: "Too <fast>."},
	}
}

func TestGolden(t *testing.T) {
	home := page.Room{Frame: page.Frame{}, Name: plugins.Home, Message: page.Message{Feature: "gone", Sentence: "That part of the page is gone."}}
	absent := page.Room{Frame: frame, Name: "kitchen", Absent: true, Sections: []page.Section{{
		Name: "hello", Title: "Hello", HTML: `<div class="corner" id="page_room-hello"></div>`, StatusHTML: `<p id="page_rest-hello"></p>`,
	}}}
	absent.Again = "/r/kitchen"
	for _, tt := range []struct {
		name      string
		component templ.Component
	}{
		{"room", page.Document(kitchen(t))},
		{"empty", page.Document(home)},
		{"absent", page.Document(absent)},
		{"embedded", page.Embedded(page.Room{Frame: frame, Name: "kitchen", Sections: kitchen(t).Sections[1:]}, "hello")},
		{"embeddedgone", page.Embedded(page.Room{Frame: frame, Name: "kitchen", Message: page.Message{Sentence: "This is not here any more."}}, "hello")},
		{"notfound", page.Error(page.Failure{Frame: frame, Status: 404})},
		{"failure", page.Error(page.Failure{Frame: frame, Status: 503, Sentence: "We are <moving>.", RequestID: "8c1f2e90"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := render(t, tt.component)
			path := filepath.Join("testdata", tt.name+".html")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("read golden file, which -update writes: %v", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page differs from %s (-want +got):\n%s", path, diff)
			}
		})
	}
}

// The page's own markup must obey the Content-Security-Policy, name every live
// region and every section, and use an id once.
func TestDocument_Markup(t *testing.T) {
	doc := parse(t, render(t, page.Document(kitchen(t))))
	ids := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
			if a.Key == "id" {
				if ids[a.Val] {
					t.Errorf("id %q is used twice", a.Val)
				}
				ids[a.Val] = true
			}
		}
		if (n.Data == "script" || n.Data == "style") && n.FirstChild != nil {
			t.Errorf("<%s> has content", n.Data)
		}
	}
	for n := range doc.Descendants() {
		if label := attr(n, "aria-labelledby"); label != "" && !ids[label] {
			t.Errorf("<%s> is labelled by %q, which is not there", n.Data, label)
		}
	}
	for _, feature := range []string{"lightbulb", "hello"} {
		for _, id := range []string{feature, "page_error-" + feature, "page_title-" + feature} {
			if !ids[id] {
				t.Errorf("no element #%s", id)
			}
		}
	}
}

func TestDocument_Message(t *testing.T) {
	for _, tt := range []struct {
		name, feature string
		want          string // id of the element, or "" for the line of the whole page
	}{
		{"Feature", "hello", "page_error-hello"},
		{"General", "", ""},
		{"FeatureGone", "board", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := kitchen(t)
			r.Message = page.Message{Feature: tt.feature, Sentence: "Once only."}
			var got []string
			for n := range parse(t, render(t, page.Document(r))).Descendants() {
				if n.Type == html.TextNode && n.Data == "Once only." {
					if role := attr(n.Parent, "role"); role != "alert" {
						t.Errorf("the sentence has the role %q, want alert", role)
					}
					got = append(got, attr(n.Parent, "id"))
				}
			}
			if !slices.Equal(got, []string{tt.want}) {
				t.Errorf("the sentence is in %q, want it in %q alone", got, tt.want)
			}
		})
	}
}

func TestError_Sentence(t *testing.T) {
	seen := map[string]int{}
	for _, status := range []int{400, 403, 404, 405, 413, 429, 500, 503} {
		var got string
		for n := range parse(t, render(t, page.Error(page.Failure{Status: status}))).Descendants() {
			if n.Data == "h1" {
				got = n.FirstChild.Data
			}
		}
		if other, ok := seen[got]; ok || got == "" {
			t.Errorf("status %d says %q, as status %d does", status, got, other)
		}
		seen[got] = status
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ room, want string }{
		{"home", "/"},
		{"kitchen", "/r/kitchen"},
		{"a b/c?d", "/r/a%20b%2Fc%3Fd"},
	} {
		if got := plugins.RoomPage(tt.room); got != tt.want {
			t.Errorf("Address(%q) = %q, want %q", tt.room, got, tt.want)
		}
	}
}

func render(tb testing.TB, c templ.Component) string {
	tb.Helper()
	var b strings.Builder
	if err := c.Render(tb.Context(), &b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func parse(tb testing.TB, s string) *html.Node {
	tb.Helper()
	n, err := html.Parse(strings.NewReader(s))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
