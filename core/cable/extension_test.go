package cable_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/cable"
)

func TestAcceptDeflate(t *testing.T) {
	const yes = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offers, want := range map[string]string{
		"": "", ",": "", ";": "", "permessage-bzip2": "", "permessage-deflate2": "", "x-webkit-deflate-frame": "",
		"permessage-deflate":                         yes,
		"permessage-deflate; client_max_window_bits": yes, // what browsers offer
		" permessage-deflate ;client_max_window_bits = 8 ; client_no_context_takeover ":       yes,
		`permessage-deflate; client_max_window_bits="15"; server_no_context_takeover`:         yes,
		"permessage-deflate; server_max_window_bits=15":                                       yes + "; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=10":                                       "",
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":                   yes, // as RFC 7692, section 7.1.3, shows
		"foo; x=1, permessage-deflate; unknown, permessage-deflate; client_max_window_bits=9": yes,
		"permessage-deflate; server_max_window_bits":                                          "",
		"permessage-deflate; client_max_window_bits=16":                                       "",
		"permessage-deflate; client_max_window_bits=08":                                       "",
		"permessage-deflate; client_max_window_bits=7":                                        "",
		"permessage-deflate; client_max_window_bits=":                                         "",
		"permessage-deflate; client_max_window_bits; client_max_window_bits":                  "",
		"permessage-deflate; server_no_context_takeover=1":                                    "",
		"permessage-deflate; client_no_context_takeover=":                                     "",
		"permessage-deflate;":                           "",
		"permessage-deflate; client_max_window_bits=\"": "",
	} {
		if got := cable.AcceptDeflate(offers); got != want {
			t.Errorf("AcceptDeflate(%q) = %q, want %q", offers, got, want)
		}
	}
}

// TestServer_Extensions: a browser is told of compression if it asks and the server may.
func TestServer_Extensions(t *testing.T) {
	on, off := startServer(t, cable.Config{Compress: 1000}), startServer(t, cable.Config{})
	const yes = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, c := range []struct {
		s      *server
		offers []string
		want   string
	}{
		{on, nil, ""},
		{on, []string{"permessage-deflate; client_max_window_bits"}, yes},
		{on, []string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{on, []string{"foo", "permessage-deflate"}, yes}, // in two lines
		{off, []string{"permessage-deflate"}, ""},
	} {
		resp := handshake(t, c.s, c.offers)
		if got := resp.Header.Get("Sec-WebSocket-Extensions"); resp.StatusCode != http.StatusSwitchingProtocols || got != c.want {
			t.Errorf("offers %q: %s with extensions %q, want %q", c.offers, resp.Status, got, c.want)
		}
	}
}

// handshake returns the answer to a handshake with offers of extensions, a line each.
func handshake(t *testing.T, s *server, offers []string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.url, "ws", "http", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-WebSocket-Version": {"13"},
		"Sec-WebSocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-WebSocket-Protocol": {subprotocol}, "Sec-WebSocket-Extensions": offers,
	}
	conn, err := net.Dial("tcp", r.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}
