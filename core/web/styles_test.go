package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"golang.org/x/net/html"

	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

// sheets returns the addresses of a page's style sheets.
func sheets(tb testing.TB, document string) []string {
	tb.Helper()
	var urls []string
	head := element(tb, document, func(n *html.Node) bool { return n.Data == "head" })
	for n := range head.ChildNodes() {
		if n.Data == "link" && attribute(n, "rel") == "stylesheet" {
			urls = append(urls, attribute(n, "href"))
		}
	}
	return urls
}

// styled is the manifest of a feature with a style.
func styled(name, css string) plugins.Manifest {
	return plugins.Manifest{Name: name, Title: name, Style: css}
}

func TestServer_Styles(t *testing.T) {
	s := startServer(t, web.Config{})
	empty := sheets(t, s.get(t, "/").body)
	if len(empty) != 3 {
		t.Fatalf("before any feature is up the page has the sheets %v, want those of the page, the elements and the features", empty)
	}
	if res := s.get(t, empty[2]); res.StatusCode != http.StatusOK || res.body != "" {
		t.Errorf("the sheet of no features = %s, %q, want it empty", res.Status, res.body)
	}
	url := s.FeaturesChanged([]plugins.Manifest{styled("lamp", ":scope { color: red }"), styled("plain", ""), styled("clock", "p { margin: 0 }")})
	page := s.get(t, "/").body
	first := sheets(t, page)
	if len(first) != 3 {
		t.Fatalf("the page has the sheets %v, want three", first)
	}
	if first[2] != url {
		t.Errorf("the page has the sheet %s, want that of which pages are told, %s", first[2], url)
	}
	res := s.get(t, first[2])
	const want = "@scope (#lamp) {\n:scope { color: red }\n}\n@scope (#clock) {\np { margin: 0 }\n}\n"
	if res.StatusCode != http.StatusOK || res.body != want || res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("GET %s = %s, %s:\n%s\nwant\n%s", first[2], res.Status, res.Header.Get("Content-Type"), res.body, want)
	}
	if got := sheets(t, s.get(t, "/nothing").body); !slices.Equal(got, first) {
		t.Errorf("the page of an error has the sheets %v, want %v", got, first)
	}

	s.FeaturesChanged([]plugins.Manifest{styled("lamp", ":scope { color: blue }")})
	second := sheets(t, s.get(t, "/").body)
	if second[0] != first[0] || second[2] == first[2] {
		t.Errorf("after a change the sheets are %v, before %v: only the last should differ", second, first)
	}
	if res := s.get(t, first[2]); res.StatusCode != http.StatusOK || res.body != want {
		t.Errorf("the version of pages that are open is gone: %s", res.Status)
	}

	s.FeaturesChanged([]plugins.Manifest{styled("lamp", ":scope { color: blue }")})
	if again := sheets(t, s.get(t, "/").body); !slices.Equal(again, second) {
		t.Errorf("without a change the sheets are %v, want %v", again, second)
	}
}

// A feature that restarts all the time, now with one style and now with another,
// must not fill the memory.
func TestServer_Styles_Kept(t *testing.T) {
	s := startServer(t, web.Config{})
	var urls []string
	for n := range 10 {
		s.FeaturesChanged([]plugins.Manifest{styled("lamp", fmt.Sprintf("p { order: %d }", n))})
		urls = append(urls, sheets(t, s.get(t, "/").body)[2])
	}
	for n, url := range urls {
		want := http.StatusOK
		if n < 2 {
			want = http.StatusNotFound
		}
		if res := s.get(t, url); res.StatusCode != want {
			t.Errorf("version %d of 10 is %s, want %d", n+1, res.Status, want)
		}
	}
}

// A style that comes back, as in a rollback, must not be dropped as the oldest.
func TestServer_Styles_Back(t *testing.T) {
	s := startServer(t, web.Config{})
	old := []plugins.Manifest{styled("lamp", "p { order: 1 }")}
	s.FeaturesChanged(old)
	for n := range 7 {
		s.FeaturesChanged([]plugins.Manifest{styled("lamp", fmt.Sprintf("a { order: %d }", n))})
	}
	s.FeaturesChanged(old)
	url := sheets(t, s.get(t, "/").body)[2]
	if res := s.get(t, url); res.StatusCode != http.StatusOK || res.body != "@scope (#lamp) {\np { order: 1 }\n}\n" {
		t.Errorf("the style that came back = %s, %q", res.Status, res.body)
	}
}
