package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// socket is a page without a browser: an ActionCable client of one room.
type socket struct {
	ws *websocket.Conn
	id string // the subscription's identifier
}

// ack is the server's answer to an event.
type ack struct {
	ID         string
	Status     string
	RetryAfter float64 // ms
}

// dial opens a socket as a visitor and follows a room. Headers are given as name, value,
// name, value, ….
func dial(v *visitor, room string, headers ...string) (*socket, error) {
	header := http.Header{"Cookie": {"presence=" + v.cookie()}, "Origin": {v.url}}
	if v.address != "" {
		header.Set("X-Address", v.address)
	}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{Subprotocols: []string{"actioncable-v1-json", "actioncable-unsupported"}, HandshakeTimeout: patience}
	ws, _, err := dialer.DialContext(v.tb.Context(), "ws"+strings.TrimPrefix(v.url, "http")+"/cable", header)
	if err != nil {
		return nil, err
	}
	s := &socket{ws: ws, id: `{"channel":"Live","room":` + js(room) + `}`}
	if err := s.command("subscribe", nil); err != nil {
		ws.Close()
		return nil, err
	}
	return s, nil
}

// command sends a command with data, which may be nil.
func (s *socket) command(name string, data map[string]any) error {
	f := map[string]any{"command": name, "identifier": s.id}
	if data != nil {
		f["data"] = js(data)
	}
	_ = s.ws.SetWriteDeadline(time.Now().Add(patience)) // a write would fail as well
	return s.ws.WriteMessage(websocket.TextMessage, []byte(js(f)))
}

// add sends an event that adds one to the counter.
func (s *socket) add(id string) error {
	return s.command("message", map[string]any{
		"action": "event", "v": 1, "id": id, "tabId": "t", "target": "counter#add", "event": "submit", "formData": "by=1",
	})
}

// read returns the answers in the next frame; most frames have none.
func (s *socket) read() ([]ack, error) {
	_ = s.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
	_, raw, err := s.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	return acksIn(raw)
}

// acksIn returns the answers in a frame.
func acksIn(raw []byte) ([]ack, error) {
	var f struct {
		Type    string
		Reason  string
		Message json.RawMessage
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	switch f.Type {
	case "":
	case "disconnect", "reject_subscription":
		return nil, fmt.Errorf("server says %s", raw)
	default:
		return nil, nil
	}
	var m struct {
		Operations []struct {
			Operation, Name string
			Detail          ack
		}
	}
	if err := json.Unmarshal(f.Message, &m); err != nil {
		return nil, err
	}
	var acks []ack
	for _, op := range m.Operations {
		if op.Operation == "dispatchEvent" && op.Name == "live:ack" {
			acks = append(acks, op.Detail)
		}
	}
	return acks, nil
}

// TestSocket_strangers: sockets of others than our pages are told so.
func TestSocket_strangers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	v.get("/")
	dialer := websocket.Dialer{Subprotocols: []string{"actioncable-v1-json"}}
	address := "ws://" + s.address() + "/cable"

	t.Run("foreign origin", func(t *testing.T) {
		header := http.Header{"Cookie": {"presence=" + v.cookie()}, "Origin": {"https://elsewhere.example"}}
		_, resp, err := dialer.DialContext(t.Context(), address, header)
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("foreign origin: %v, %v; want 403", resp, err)
		}
	})
	t.Run("no cookie", func(t *testing.T) {
		ws, _, err := dialer.DialContext(t.Context(), address, http.Header{"Origin": {s.url}})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		_, raw, err := ws.ReadMessage()
		if want := `{"type":"disconnect","reason":"unauthorized","reconnect":false}`; err != nil || string(raw) != want {
			t.Errorf("read %s, %v; want %s", raw, err, want)
		}
	})
	t.Run("no socket", func(t *testing.T) {
		v.get("/cable").wantStatus(t, http.StatusUpgradeRequired)
	})
}
