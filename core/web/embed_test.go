package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

func TestServer_Embedded(t *testing.T) {
	s := startServer(t, web.Config{EmbedOrigins: []string{"https://shop.example", "https://blog.example:8443"}})
	res := s.get(t, "/embed/product-42/lamp")
	if res.StatusCode != http.StatusOK || !strings.Contains(res.body, `<p id="lamp-light">off</p>`) {
		t.Errorf("GET the frame = %s:\n%s", res.Status, res.body)
	}
	for _, want := range []string{`data-live-room="product-42"`, `data-live-only="lamp"`, `<script defer`} {
		if !strings.Contains(res.body, want) {
			t.Errorf("the frame lacks %s:\n%s", want, res.body)
		}
	}
	policy := res.Header.Get("Content-Security-Policy")
	if !strings.HasSuffix(policy, "; frame-ancestors https://shop.example https://blog.example:8443") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy of the frame is %q", policy)
	}
	// In a frame on another site's page browsers take no other cookie.
	if cookie := res.Header.Get("Set-Cookie"); !strings.Contains(cookie, "SameSite=None") || !strings.Contains(cookie, "; Secure") || !strings.Contains(cookie, "Partitioned") {
		t.Errorf("cookie of the frame is %q", cookie)
	}
	if cookie := s.get(t, "/").Header.Get("Set-Cookie"); !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie of a page of ours is %q", cookie)
	}
	for _, path := range []string{"/embed/product-42/nope", "/embed/%00/lamp", "/embed/" + strings.Repeat("x", 1000) + "/lamp"} {
		if res := s.get(t, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %.40s = %s, want 404", path, res.Status)
		}
	}
}

// A frame whose feature is gone says so, also on another site's page, and keeps its
// script where the feature may come back.
func TestServer_Embedded_gone(t *testing.T) {
	s := startServer(t, web.Config{EmbedOrigins: []string{"https://shop.example"}})
	for feature, want := range map[string]struct {
		sentence string
		script   bool
	}{
		"clock": {"This is not here any more.", true},
		"nope":  {"There is nothing of that name to show.", false},
	} {
		res := s.get(t, "/embed/home/"+feature)
		if res.StatusCode != http.StatusNotFound || !strings.Contains(res.body, want.sentence) || strings.Contains(res.body, "<section") {
			t.Errorf("GET the frame of %s = %s:\n%s", feature, res.Status, res.body)
		}
		if got := strings.Contains(res.body, "<script"); got != want.script {
			t.Errorf("the frame of %s has a script: %t, want %t", feature, got, want.script)
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-ancestors https://shop.example") {
			t.Errorf("policy of the frame of %s is %q: nobody sees the sentence", feature, policy)
		}
	}
}

// Without a flag nobody else may show anything, and where the name of the host is no
// place for a cookie that other sites' pages bring along, there is none.
func TestServer_Embedded_nowhere(t *testing.T) {
	s := startServer(t, web.Config{})
	res := s.get(t, "/embed/home/lamp", "Host: presence.example")
	if policy := res.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-ancestors 'none'") {
		t.Errorf("policy of the frame is %q, want none", policy)
	}
	if cookie := res.Header.Get("Set-Cookie"); !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie over an open connection is %q, want one for pages of ours", cookie)
	}
}

func TestServer_Embedded_away(t *testing.T) {
	sections := []bus.Section{{Name: "lamp", Title: "Lamp", HTML: `<div class="corner" id="page_room-lamp"></div>`}}
	s := startServer(t, web.Config{Bus: fakeBus{page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		return sections, engine.ErrUnavailable
	}}})
	res := s.get(t, "/embed/home/lamp")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(res.body, `page_room-lamp`) {
		t.Errorf("GET the frame while the store is away = %s, Retry-After %q:\n%s", res.Status, res.Header.Get("Retry-After"), res.body)
	}
}

func TestServer_EmbedScript(t *testing.T) {
	s := startServer(t, web.Config{})
	res := s.get(t, "/embed.js")
	if res.StatusCode != http.StatusOK || !strings.Contains(res.body, "/embed/") || res.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
		res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("GET /embed.js = %s, %v:\n%s", res.Status, res.Header, res.body)
	}
	if again := s.get(t, "/embed.js", "If-None-Match: "+res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("GET /embed.js again = %s, want 304", again.Status)
	}
}
