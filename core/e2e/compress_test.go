package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// compressions returns how many messages a server has compressed.
func (s *server) compressions() int {
	s.tb.Helper()
	n, told := s.metrics()["presence_compressions_total"]
	if !told {
		s.tb.Fatal("/metrics lacks presence_compressions_total")
	}
	return int(n)
}

// TestCompress: with --compress, pages of browsers and other clients that take compressed
// messages get them and see the same as ever; without, nobody does.
func TestCompress(t *testing.T) {
	t.Parallel()
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"on", []string{"--compress=256"}, agreed},
		{"off", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tt.args...)
			v := newVisitor(t, s.url)
			v.get("/")
			dialer := websocket.Dialer{Subprotocols: []string{"actioncable-v1-json"}, HandshakeTimeout: patience, EnableCompression: true}
			header := http.Header{"Cookie": {"presence=" + v.cookie()}, "Origin": {s.url}}
			ws, resp, err := dialer.DialContext(t.Context(), "ws://"+s.address()+"/cable", header)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != tt.want {
				t.Errorf("extensions %q, want %q", got, tt.want)
			}
			page := &socket{ws: ws, id: `{"channel":"Live","room":"home"}`}
			if err := page.command("subscribe", nil); err != nil { // compressed, if that was agreed on
				t.Fatal(err)
			}
			wait := func(part string) {
				t.Helper()
				_ = ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
				for last := ""; ; {
					_, raw, err := ws.ReadMessage()
					if err != nil {
						t.Fatalf("waiting for %q: %v; last frame %s", part, err, last)
					}
					if !strings.Contains(string(raw), `"ping"`) {
						last = string(raw)
					}
					if strings.Contains(string(raw), part) {
						return
					}
				}
			}
			wait("confirm_subscription")

			v.post("/rooms/home/lightbulb/set", "on=true").wantStatus(t, http.StatusSeeOther)
			wait(`"name":"data-on","value":"true"`)
			ws.Close() // it answers no pings any more

			ann, bob := newPerson(t).open(s.url), newPerson(t).open(s.url)
			ann.click(lightSwitch)
			bob.waitLight(false)
			bob.click(sayHi)
			waitValue(ann, `document.querySelectorAll('#hello-list li').length`, 1)
			if n := s.compressions(); (n > 0) != (tt.want != "") {
				t.Errorf("%d messages compressed", n)
			}
		})
	}
}
