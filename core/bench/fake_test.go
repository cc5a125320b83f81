package bench_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// anycable is a server that broadcasts to public streams, as AnyCable does.
type anycable struct {
	*httptest.Server
	tb testing.TB

	// broadcast, if set, is called before each broadcast with its number, from 1.
	broadcast func(n int)

	mu      sync.Mutex
	n       int
	sizes   []int
	sockets []net.Conn
	deaf    map[net.Conn]bool // that are sent nothing more
}

const (
	publicStream = `{"channel":"$pubsub","stream_name":"bench"}`
	broadcastKey = "a key of the tests"
)

func startAnyCable(tb testing.TB) *anycable {
	tb.Helper()
	a := &anycable{tb: tb}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cable", a.cable)
	mux.HandleFunc("POST /_broadcast", a.publish)
	a.Server = httptest.NewServer(mux)
	tb.Cleanup(func() {
		a.cut(0)
		a.Close()
	})
	return a
}

// url returns the address of its sockets.
func (a *anycable) url() string { return "ws" + strings.TrimPrefix(a.URL, "http") + "/cable?x=1" }

func textFrame(op byte, text string) []byte {
	f := []byte{0x80 | op}
	if len(text) < 126 {
		f = append(f, byte(len(text)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 126), uint16(len(text)))
	}
	return append(f, text...)
}

func (a *anycable) cable(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "x=1" || r.Header.Get("Sec-WebSocket-Protocol") != "actioncable-v1-json" || r.Header.Get("X-Who") != "me" || r.Header.Get("Cookie") != "" {
		http.Error(w, "not as it was asked for", http.StatusBadRequest)
		return
	}
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		a.tb.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: actioncable-v1-json\r\n\r\n")
	_, _ = c.Write(textFrame(1, `{"type":"welcome","sid":"x"}`)) // a broken one shows below
	command, err := readFrame(rw.Reader)
	if want := `{"command":"subscribe","identifier":` + quoted(publicStream) + `}`; err != nil || command != want {
		a.tb.Errorf("the client says %s, %v; want %s", command, err, want)
		return
	}
	a.mu.Lock()
	// As one write, so that what comes with the confirmation is not forgotten.
	_, err = c.Write(append(textFrame(1, `{"type":"confirm_subscription","identifier":`+quoted(publicStream)+`}`), textFrame(9, "still there?")...))
	a.sockets = append(a.sockets, c)
	a.mu.Unlock()
	if err != nil {
		a.tb.Error(err)
	}
	if pong, err := readFrame(rw.Reader); pong != "still there?" && err == nil {
		a.tb.Errorf("the client answers a ping with %q", pong)
	}
	_, _ = io.Copy(io.Discard, rw) // until it leaves
}

// readFrame reads what a client sent.
func readFrame(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	size := int(head[1] & 0x7F)
	if size == 126 {
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return "", err
		}
		size = int(binary.BigEndian.Uint16(long[:]))
	}
	b := make([]byte, 4+size)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	for i := range b[4:] {
		b[4+i] ^= b[i%4]
	}
	return string(b[4:]), nil
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func (a *anycable) publish(w http.ResponseWriter, r *http.Request) {
	var m struct{ Stream, Data string }
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil || m.Stream != "bench" || r.Header.Get("Authorization") != "Bearer "+broadcastKey {
		http.Error(w, "no broadcast", http.StatusUnauthorized)
		return
	}
	a.mu.Lock()
	a.n++
	n := a.n
	a.mu.Unlock()
	if a.broadcast != nil {
		a.broadcast(n)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sizes = append(a.sizes, len(m.Data))
	frame := textFrame(1, `{"identifier":`+quoted(publicStream)+`,"message":`+m.Data+`}`)
	for _, c := range a.sockets {
		if a.deaf[c] {
			continue
		}
		half := len(frame) / 2 // in two pieces, now and then
		if n%3 == 0 {
			_, _ = c.Write(frame[:half])
			_, _ = c.Write(frame[half:])
			continue
		}
		_, _ = c.Write(frame) // some have been cut
	}
	w.WriteHeader(http.StatusCreated)
}

// waitSockets waits until so many sockets are subscribed.
func (a *anycable) waitSockets(n int) {
	waitFor(a.tb, "sockets to be subscribed", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.sockets) >= n
	})
}

// cut ends all sockets but so many.
func (a *anycable) cut(left int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.sockets[min(left, len(a.sockets)):] {
		c.Close()
	}
}
