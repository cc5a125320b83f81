package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDirect: a reaction and a pointer of one page reach another one as the elements of
// the page read them.
func TestDirect(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var sockets []*socket
	for range 2 {
		v := newVisitor(t, s.url)
		v.get("/")
		k, err := dial(v, "home")
		if err != nil {
			t.Fatal(err)
		}
		defer k.ws.Close()
		sockets = append(sockets, k)
	}
	from, to := sockets[0], sockets[1]
	readUntil(t, to, "confirm_subscription") // nothing of it is kept for whoever comes later
	for _, tt := range []struct{ target, form, element, value string }{
		{"reactions#send", "kind=heart", "reactions-burst", "heart"},
		{"cursors#move", "x=17&y=4321&tap=true", "cursors-at", "lhr 17 4321 tap"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			err := from.command("message", map[string]any{
				"action": "event", "v": 1, "id": "direct-click-" + tt.value[:3], "tabId": "t", "target": tt.target, "event": "submit", "formData": tt.form,
			})
			if err != nil {
				t.Fatal(err)
			}
			readUntil(t, to, tt.element, tt.value)
		})
	}
}

// readUntil reads frames until one has all parts.
func readUntil(t *testing.T, s *socket, parts ...string) {
	t.Helper()
	_ = s.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
	for last := ""; ; {
		_, raw, err := s.ws.ReadMessage()
		if err != nil {
			t.Fatalf("no frame had %q: %v; the last one was %s", parts, err, last)
		}
		last = string(raw)
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(last, p) }) {
			return
		}
	}
}
