package cable_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/cable"
)

// masked returns a frame as a browser sends it; first holds FIN and the opcode.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := []byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

func subscribe(room string) string {
	return `{"command":"subscribe","identifier":"{\"channel\":\"Live\",\"room\":\"` + room + `\"}"}`
}

// TestReader_Pieces sends what a browser may send in every way in which it may come.
func TestReader_Pieces(t *testing.T) {
	s := startServer(t, cable.Config{})
	a, b, c := subscribe("a"), subscribe("b"), subscribe("c")
	long := strings.Repeat(" ", 50_000)
	for name, frames := range map[string][]byte{
		"at once":          slices.Concat(masked(0x81, a), masked(0x81, b), masked(0x81, c)),
		"in frames":        slices.Concat(masked(0x01, a[:5]), masked(0x00, a[5:9]), masked(0x80, a[9:]), masked(0x81, b), masked(0x81, c)),
		"pings between":    slices.Concat(masked(0x01, a[:5]), masked(0x89, "x"), masked(0x80, a[5:]), masked(0x8A, ""), masked(0x81, b), masked(0x81, c)),
		"empty frames":     slices.Concat(masked(0x01, ""), masked(0x00, ""), masked(0x80, a), masked(0x81, b), masked(0x81, c)),
		"long":             slices.Concat(masked(0x81, a+long), masked(0x81, b+long[:2000]), masked(0x81, c+long[:300])),
		"long, in frames":  slices.Concat(masked(0x01, a+long[:20_000]), masked(0x80, long[:20_000]), masked(0x81, b), masked(0x81, c)),
		"a large one last": slices.Concat(masked(0x81, a), masked(0x81, b), masked(0x81, c+long)),
	} {
		for _, size := range []int{1, 7, 1000, 1 << 20} {
			if size == 1 && len(frames) > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%s by %d", name, size), func(t *testing.T) {
				page := open(t, s, "")
				for piece := range slices.Chunk(frames, size) {
					if _, err := page.ws.NetConn().Write(piece); err != nil {
						t.Fatal(err)
					}
				}
				for _, room := range []string{"a", "b", "c"} {
					page.wantConfirm(identifier(room))
				}
			})
		}
	}
}

// TestReader_Refused: what is no frame ends the session, as the close says.
func TestReader_Refused(t *testing.T) {
	for name, c := range map[string]struct {
		frames []byte
		code   int
		reason string
	}{
		"no mask":                 {[]byte{0x81, 0x01, 'x'}, websocket.CloseProtocolError, "protocol"},
		"an extension":            {masked(0xC1, "x"), websocket.CloseProtocolError, "protocol"},
		"unknown opcode":          {masked(0x83, "x"), websocket.CloseProtocolError, "protocol"},
		"unknown control":         {masked(0x8B, "x"), websocket.CloseProtocolError, "protocol"},
		"more of nothing":         {masked(0x80, "x"), websocket.CloseProtocolError, "protocol"},
		"a message in another":    {slices.Concat(masked(0x01, "x"), masked(0x81, "x")), websocket.CloseProtocolError, "protocol"},
		"a ping in pieces":        {masked(0x09, "x"), websocket.CloseProtocolError, "protocol"},
		"a large ping":            {masked(0x89, strings.Repeat("x", 126)), websocket.CloseProtocolError, "protocol"},
		"a close of one byte":     {masked(0x88, "x"), websocket.CloseProtocolError, "protocol"},
		"a close that is not one": {masked(0x88, "\x03\xed"), websocket.CloseProtocolError, "protocol"}, // 1005
		"a close of no text":      {masked(0x88, "\x03\xe8\xff"), websocket.CloseProtocolError, "protocol"},
		"a close":                 {masked(0x88, "\x03\xe8bye"), websocket.CloseNormalClosure, "left"},
		"an empty close":          {masked(0x88, ""), websocket.CloseNormalClosure, "left"},
		"endless":                 {slices.Concat([]byte{0x81, 0xFF}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")), websocket.ClosePolicyViolation, "frame_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := startServer(t, cable.Config{Registerer: registry})
			page := open(t, s, "")
			if _, err := page.ws.NetConn().Write(c.frames); err != nil {
				t.Fatal(err)
			}
			for {
				_, err := page.read()
				if err == nil {
					continue // a disconnect
				}
				if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != c.code {
					t.Errorf("read = %v, want a close with %d", err, c.code)
				}
				break
			}
			page.ws.Close()
			name := "presence_sessions_closed_total " + c.reason
			waitFor(t, name, func() bool { return metric(t, registry, name) == 1 })
		})
	}
}

// TestReader_Early has a client that does not wait for the answer of its handshake:
// what it sends stands in a buffer of the HTTP server. Both kinds of app are tried.
func TestReader_Early(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprint("kept ", kept), func(t *testing.T) {
			s := runServer(t, cable.Config{})
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			app.Server().KeepHijackedConns = kept
			app.Get("/cable", s.Handler())
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serving := make(chan error, 1)
			go func() { serving <- app.Listener(ln) }()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			handshake := "GET /cable HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n"
			early := masked(0x81, subscribe("early"))
			for _, b := range [][]byte{append([]byte(handshake), early[:len(early)-9]...), early[len(early)-9:]} {
				if _, err := conn.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for _, want := range []string{"welcome", "confirm_subscription"} {
				head := make([]byte, 2)
				if _, err := io.ReadFull(in, head); err != nil {
					t.Fatal(err)
				}
				payload := make([]byte, head[1])
				if _, err := io.ReadFull(in, payload); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(payload), want) {
					t.Errorf("frame %s, want a %s", payload, want)
				}
			}
			conn.Close()
			s.stop()
			if err := app.Shutdown(); err != nil {
				t.Error(err)
			}
			if err := <-serving; err != nil {
				t.Error(err)
			}
		})
	}
}
