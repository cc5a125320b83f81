package web_test

import (
	"strings"
	"testing"

	"github.com/global-presence/presence/core/web"
)

func TestServer_Security(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, path := range []string{"/", "/r/kitchen", "/nothing", "/r?room=", "/assets/nothing.css", "/cable"} {
		res := s.get(t, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws://" + s.addr +
				" wss://" + s.addr + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("GET %s (%s): %s is %q, want %q", path, res.Status, name, got, want)
			}
		}
	}
}

// What a Host header says must not become part of the policy, nor of a page.
func TestServer_Security_Host(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, tt := range []struct {
		host  string
		plain bool
	}{
		{"presence.example", true},
		{"presence.example:8443", true},
		{"my_host-1.local", true},
		{"[::1]:8080", true},
		{"[2001:db8::1]", true},
		{"evil.example; script-src *", false},
		{"evil.example;script-src", false},
		{"evil.example wss:", false},
		{"*", false},
		{"*.example", false},
		{"a,b", false},
		{"'unsafe-inline'", false},
		{"a:b", false},
		{"a/b", false},
		{"[::1", false},
		{"<i>", false},
		{"", false},
	} {
		res := s.raw(t, "GET / HTTP/1.1\r\nHost: "+tt.host+"\r\nConnection: close\r\n\r\n")
		policy := res.Header.Get("Content-Security-Policy")
		want := "'self'"
		if tt.plain {
			want = "'self' ws://" + tt.host + " wss://" + tt.host
		}
		if res.StatusCode >= 500 {
			t.Errorf("Host %q: %s", tt.host, res.Status)
		}
		if res.StatusCode == 200 && !strings.Contains(policy, "connect-src "+want+"; form-action 'self'") {
			t.Errorf("Host %q: the policy is %s, want connect-src %s", tt.host, policy, want)
		}
		if strings.Count(policy, "script-src") > 1 || !tt.plain && tt.host != "" && strings.Contains(res.body, tt.host) && tt.host != "*" {
			t.Errorf("Host %q: it is repeated in the answer", tt.host)
		}
	}
}

// A page that may show ours is on the same host, whatever name that was reached by.
func TestServer_Security_FramePort(t *testing.T) {
	s := startServer(t, web.Config{FramePort: "8080"})
	for host, want := range map[string]string{
		"presence.example":      "presence.example:8080",
		"presence.example:8443": "presence.example:8080",
		"127.0.0.1:1":           "127.0.0.1:8080",
		"[::1]:8081":            "[::1]:8080",
		"evil.example;x":        "'none'",
		"*":                     "'none'",
	} {
		res := s.raw(t, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		policy := res.Header.Get("Content-Security-Policy")
		if _, got, _ := strings.Cut(policy, "frame-ancestors "); res.StatusCode == 200 && got != want {
			t.Errorf("Host %q: frame-ancestors is %q, want %q", host, got, want)
		}
	}
}

func TestHostname(t *testing.T) {
	for _, tt := range []struct {
		host, want string
		ok         bool
	}{
		{"localhost", "localhost", true},
		{"localhost:8080", "localhost", true},
		{"192.0.2.7:80", "192.0.2.7", true},
		{"[2001:db8::1]:8080", "2001:db8::1", true},
		{"[::1]", "::1", true},
		{"::1", "", false},
		{"localhost:", "", false},
		{"localhost:http", "", false},
		{"a b", "", false},
		{"", "", false},
	} {
		if got, ok := web.Hostname(tt.host); got != tt.want || ok != tt.ok {
			t.Errorf("Hostname(%q) = %q, %v; want %q, %v", tt.host, got, ok, tt.want, tt.ok)
		}
	}
}
