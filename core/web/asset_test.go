package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/web"
)

func TestServer_Asset(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, web.Config{})
	for _, f := range files.Files() {
		for _, tt := range []struct{ accept, want string }{
			{"", ""}, {"identity", ""}, {"zstd", ""}, {"gzip", "gzip"}, {"gzip, deflate, br", "br"}, {"br;q=0, gzip", "gzip"}, {"br;q=0.5", "br"},
		} {
			res := s.get(t, f.URL, "Accept-Encoding: "+tt.accept)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != tt.want {
				t.Errorf("GET %s (%s) = %s, Content-Encoding %q, want %q", f.URL, tt.accept, res.Status, res.Header.Get("Content-Encoding"), tt.want)
			}
			if decoded(t, res) != string(f.Body()) {
				t.Errorf("GET %s (%s): the bytes differ", f.URL, tt.accept)
			}
			for name, want := range map[string]string{
				"Content-Type": f.ContentType, "Cache-Control": "public, max-age=31536000, immutable", "ETag": f.ETag,
				"Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("GET %s (%s): %s is %q, want %q", f.URL, tt.accept, name, got, want)
				}
			}
		}

		res := s.get(t, f.URL, "If-None-Match: "+f.ETag, "Accept-Encoding: br")
		if res.StatusCode != http.StatusNotModified || res.body != "" {
			t.Errorf("GET %s with its ETag = %s with %d bytes, want 304 without any", f.URL, res.Status, len(res.body))
		}
		if res := s.get(t, f.URL, `If-None-Match: "000000000000"`); res.StatusCode != http.StatusOK {
			t.Errorf("GET %s with another ETag = %s, want 200", f.URL, res.Status)
		}
		if res := s.do(t, http.MethodHead, f.URL, ""); res.StatusCode != http.StatusOK || res.body != "" || res.ContentLength != int64(len(f.Body())) {
			t.Errorf("HEAD %s = %s, length %d, want 200, %d", f.URL, res.Status, res.ContentLength, len(f.Body()))
		}
	}
}

// RFC 9110, section 13.1.2: a list, "*", and the weak forms that a proxy makes of
// tags when it changes the encoding.
func TestServer_Asset_IfNoneMatch(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := files.Lookup(files.URL("app.css"))
	s := startServer(t, web.Config{})
	for header, want := range map[string]int{
		`"other", ` + f.ETag: 304, "W/" + f.ETag: 304, "*": 304, `"other"`: 200, strings.Trim(f.ETag, `"`): 200,
	} {
		if res := s.get(t, f.URL, "If-None-Match: "+header); res.StatusCode != want {
			t.Errorf("If-None-Match %s = %s, want %d", header, res.Status, want)
		}
	}
}

// Every file that a page names is there.
func TestServer_Asset_OfPages(t *testing.T) {
	s := startServer(t, web.Config{})
	page := s.get(t, "/").body
	_, rest, found := strings.Cut(page, `"/assets/`)
	names := map[string]bool{}
	for found {
		name, after, _ := strings.Cut(rest, `"`)
		names[name] = true
		if res := s.get(t, "/assets/"+name); res.StatusCode != http.StatusOK {
			t.Errorf("GET /assets/%s = %s, want 200", name, res.Status)
		}
		_, rest, found = strings.Cut(after, `"/assets/`)
	}
	if len(names) != 6 {
		t.Errorf("the page names %d files, want three styles, two scripts and the icon", len(names))
	}
}
