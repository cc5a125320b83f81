package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

// decoded returns the bytes behind a Content-Encoding.
func decoded(tb testing.TB, res response) string {
	tb.Helper()
	var r io.Reader = strings.NewReader(res.body)
	switch encoding := res.Header.Get("Content-Encoding"); encoding {
	case "":
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			tb.Fatal(err)
		}
		r = z
	default:
		tb.Fatalf("Content-Encoding is %q", encoding)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestServer_Page(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		return []bus.Section{
			{Name: "lamp", Title: "Lamp", HTML: `<p id="lamp-light">off</p>`},
			{Name: "clock", Title: "Clock <b>", HTML: `<p id="clock-now">12</p>`, Resting: `<p id="clock_resting">This corner is resting.</p>`},
		}, nil
	}}})
	res := s.get(t, "/r/kitchen", "Fly-Region: gru")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("GET = %s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	if got := res.Header.Get("Cache-Control"); got != "no-cache, private" {
		t.Errorf("Cache-Control is %q: it has a person's own cookie and the present state", got)
	}
	for id, want := range map[string]string{
		"lamp-light": "off", "clock-now": "12", "clock_resting": "This corner is resting.", "page_title-clock": "Clock <b>", "page_error-lamp": "",
	} {
		if got := textOf(t, res.body, id); got != want {
			t.Errorf("#%s says %q, want %q", id, got, want)
		}
	}
	if strings.Index(res.body, `id="lamp"`) > strings.Index(res.body, `id="clock"`) {
		t.Error("the sections are not in order")
	}
	if !strings.Contains(res.body, ">gru<") || !strings.Contains(res.body, ">lhr<") {
		t.Error("the page does not name region and edge")
	}
	if res := s.get(t, "/"); !strings.Contains(res.body, `data-live-room="home"`) {
		t.Error("the front page is not the room home")
	}
}

// A section that comes to an open page is as one that a page is loaded with.
func TestCorner(t *testing.T) {
	clock := bus.Section{
		Name: "clock", Title: "Clock <b>", TitleRev: "3f", HTML: `<p id="clock-now">12</p>`, Resting: `<p id="page_rest-clock"></p>`,
	}
	s := startServer(t, web.Config{Bus: fakeBus{page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		return []bus.Section{clock}, nil
	}}})
	corner := web.Corner(clock)
	if !strings.HasPrefix(corner, `<section id="clock"`) || !strings.Contains(corner, `<h2 id="page_title-clock" data-live-rev="3f">Clock &lt;b&gt;</h2>`) {
		t.Errorf("corner is %s", corner)
	}
	if body := s.get(t, "/").body; !strings.Contains(body, `<main class="panels">`+corner+`</main>`) {
		t.Errorf("the page does not have the section\n%s\nbut\n%s", corner, body)
	}
}

func TestServer_Page_Head(t *testing.T) {
	s := startServer(t, web.Config{})
	res := s.do(t, http.MethodHead, "/", "")
	if res.StatusCode != http.StatusOK || res.body != "" {
		t.Errorf("HEAD / = %s with %d bytes, want 200 without any", res.Status, len(res.body))
	}
}

func TestServer_Page_Compression(t *testing.T) {
	s := startServer(t, web.Config{})
	plain := s.get(t, "/")
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "gzip, deflate, br": "br", "identity": "", "gzip;q=0": ""} {
		res := s.get(t, "/", "Accept-Encoding: "+accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding is %q, want %q", accept, got, want)
		}
		if decoded(t, res) != plain.body {
			t.Errorf("Accept-Encoding %q: the page differs", accept)
		}
		if want != "" && (len(res.body) >= len(plain.body)/2 || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding")) {
			t.Errorf("Accept-Encoding %q: %d of %d bytes, Vary %q", accept, len(res.body), len(plain.body), res.Header.Get("Vary"))
		}
	}
}

// A label per address would let any visitor fill the memory.
func TestServer_Metrics(t *testing.T) {
	s := startServer(t, web.Config{})
	cookie := s.visit(t)
	for _, path := range []string{"/r/a", "/r/b", "/nothing", "/nothing/else", "/assets/a", "/assets/b", "/cable"} {
		s.get(t, path)
	}
	s.do(t, http.MethodPost, "/rooms/a/lamp/set", "", cookie)
	s.do(t, http.MethodPost, "/rooms/b/lamp/on", "", cookie)
	s.do(t, "PUT", "/", "")
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		if f.GetName() != "presence_http_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetHistogram().GetSampleCount()
		}
	}
	for labels, want := range map[string]uint64{
		"/ 200": 1, "/r/:room 200": 2, "/assets/* 404": 2, "none 404": 2, "/rooms/:room/:feature/:event 303": 2,
	} {
		if got[labels] != want {
			t.Errorf("%d requests counted as %q, want %d; all: %v", got[labels], labels, want, got)
		}
	}
	if len(got) > 6 { // those, and one for the wrong method
		t.Errorf("there are more series than routes: %v", got)
	}
}
