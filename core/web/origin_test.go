package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/web"
)

func TestServer_Origin(t *testing.T) {
	s := startServer(t, web.Config{Origins: []string{"https://shop.example"}})
	cookie := s.visit(t)
	own := "http://" + s.addr
	for _, tt := range []struct {
		name         string
		site, origin string // headers; "" for absent
		form, socket bool   // let in
	}{
		{"Absent", "", "", true, true},
		{"Own", "", own, true, true},
		{"OwnUppercase", "", strings.ToUpper(own), true, true},
		{"OwnOverHTTPS", "", "https://" + s.addr, true, true}, // a proxy ends TLS
		{"Allowed", "", "https://shop.example", true, true},
		{"AllowedUppercase", "", "HTTPS://SHOP.EXAMPLE", true, true},
		{"AllowedCrossSite", "cross-site", "https://shop.example", true, true},
		{"AllowedOtherScheme", "", "http://shop.example", false, false},
		{"AllowedOtherPort", "", "https://shop.example:8443", false, false},
		{"AllowedSubdomain", "", "https://www.shop.example", false, false},
		{"AllowedPrefix", "", "https://shop.example.evil.example", false, false},
		{"Foreign", "", "https://evil.example", false, false},
		{"OtherPort", "", "http://127.0.0.1:1", false, false},
		{"OtherHostSamePort", "", strings.Replace(own, "127.0.0.1", "127.0.0.2", 1), false, false},
		{"OwnAsUser", "", "http://" + s.addr + "@evil.example", false, false},
		{"OwnAsPath", "", "http://evil.example/" + s.addr, false, false},
		{"Null", "", "null", false, false},
		{"Garbage", "", "%zz", false, false},
		{"NoScheme", "", s.addr, false, false},
		{"SameOrigin", "same-origin", own, true, true},
		{"SameOriginBehindProxy", "same-origin", "https://public.example", true, false},
		{"SameOriginNull", "same-origin", "null", true, false},
		{"TypedAddress", "none", "", true, true},
		{"SameSite", "same-site", own, false, true},
		{"CrossSite", "cross-site", "https://evil.example", false, false},
		{"CrossSiteNoOrigin", "cross-site", "", false, true},
		{"UnknownSite", "elsewhere", "https://evil.example", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{cookie}
			if tt.site != "" {
				headers = append(headers, "Sec-Fetch-Site: "+tt.site)
			}
			if tt.origin != "" {
				headers = append(headers, "Origin: "+tt.origin)
			}
			status := map[bool]int{true: http.StatusSeeOther, false: http.StatusForbidden}[tt.form]
			if res := s.do(t, http.MethodPost, "/rooms/home/lamp/set", "on=true", headers...); res.StatusCode != status {
				t.Errorf("form: %s, want %d", res.Status, status)
			} else if !tt.form && !strings.Contains(headline(t, res.body), "another site") {
				t.Errorf("form: the page says %q", headline(t, res.body))
			}
			status = map[bool]int{true: http.StatusSwitchingProtocols, false: http.StatusForbidden}[tt.socket]
			headers = append(headers, handshake...)
			if res := s.get(t, "/cable", headers...); res.StatusCode != status {
				t.Errorf("socket: %s, want %d", res.Status, status)
			}
		})
	}
}

// handshake are the headers of a browser that opens a socket.
var handshake = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: actioncable-v1-json, actioncable-unsupported",
}

// Reading needs no permission: a link from anywhere opens the page.
func TestServer_Origin_Reading(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, path := range []string{"/", "/r/kitchen"} {
		if res := s.get(t, path, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusOK {
			t.Errorf("GET %s from elsewhere = %s, want 200", path, res.Status)
		}
		if res := s.get(t, path, "Origin: https://evil.example"); res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("GET %s lets another origin read the page", path)
		}
	}
}
