package cable_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// A message as the lightbulb sends it.
const lightMessage = `{"cableReady":true,"version":"5.0.6","operations":[{"operation":"morph","selector":"#lightbulb","html":"<button id=\"lightbulb\" data-live=\"click->lightbulb#set\" data-on=\"false\" data-live-rev=\"3f9c12ab\" class=\"on\">On</button>","permanentAttributeName":"data-live-permanent"}]}`

// BenchmarkServer_Broadcast is one frame written to every session's connection,
// which is one that takes everything at once: the cost of a delivery without the
// kernel's.
func BenchmarkServer_Broadcast(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			s := runServer(b, cable.Config{MaxSessions: n})
			var read, served, ready sync.WaitGroup
			var conns []*sink
			ready.Add(n)
			for range n {
				c := newSink(b, &ready)
				conns = append(conns, c)
				served.Go(func() { c.serve(s) })
			}
			ready.Wait()
			for _, c := range conns {
				c.read.Store(&read)
			}
			stream, message := cable.Stream{Room: "home"}, []byte(lightMessage)
			b.ReportAllocs()
			for b.Loop() {
				read.Add(n)
				s.Broadcast(stream, message)
				read.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/session")
			for _, c := range conns {
				c.Close()
			}
			served.Wait()
		})
	}
}

// sink is a connection that subscribes to a room and then counts writes.
type sink struct {
	net.Conn // nil: what is not below is not called
	tb       testing.TB
	in       io.Reader
	closed   chan struct{}
	close    func()
	upgraded bool
	ready    *sync.WaitGroup
	read     atomic.Pointer[sync.WaitGroup]
}

func newSink(tb testing.TB, ready *sync.WaitGroup) *sink {
	closed := make(chan struct{})
	return &sink{
		tb: tb, closed: closed, close: sync.OnceFunc(func() { close(closed) }), ready: ready,
		in: maskedFrame(tb, `{"command":"subscribe","identifier":`+encode(tb, identifier("home"))+`}`),
	}
}

// maskedFrame is a text frame of 125 bytes at most, with a mask of zeros.
func maskedFrame(tb testing.TB, payload string) io.Reader {
	tb.Helper()
	if len(payload) > 125 {
		tb.Fatalf("payload of %d bytes", len(payload))
	}
	return strings.NewReader(string([]byte{0x81, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload)
}

func (c *sink) serve(s *server) {
	r := &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Protocol": {subprotocol},
	}}
	ws, err := upgrade(c, r)
	if err != nil {
		c.tb.Errorf("upgrade: %v", err)
		return
	}
	c.upgraded = true
	s.Serve(ws, plugins.Person{User: "u"}, "sink")
}

func (c *sink) Read(p []byte) (int, error) {
	if n, err := c.in.Read(p); err == nil {
		return n, nil
	}
	<-c.closed
	return 0, io.EOF
}

func (c *sink) Write(p []byte) (int, error) {
	if read := c.read.Load(); read != nil {
		if len(p) > 125 { // no ping
			read.Done()
		}
	} else if c.upgraded && bytes.Contains(p, []byte("confirm_subscription")) {
		c.ready.Done()
	}
	return len(p), nil
}

func (c *sink) SetDeadline(time.Time) error      { return nil }
func (c *sink) SetReadDeadline(time.Time) error  { return nil }
func (c *sink) SetWriteDeadline(time.Time) error { return nil }
func (c *sink) Close() error                     { c.close(); return nil }

// BenchmarkServer_BroadcastSockets is one frame read by clients on real sockets.
func BenchmarkServer_BroadcastSockets(b *testing.B) {
	const n = 200
	s := startServer(b, cable.Config{})
	var read, readers sync.WaitGroup
	var pages []*client
	for range n {
		c := open(b, s, "")
		c.join("home")
		if err := c.ws.SetReadDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		readers.Go(func() {
			buf := make([]byte, 1024)
			for {
				_, r, err := c.ws.NextReader()
				if err != nil {
					return
				}
				size, n := 0, 0
				for err == nil {
					n, err = r.Read(buf)
					size += n
				}
				if size > 125 { // no ping
					read.Done()
				}
			}
		})
		pages = append(pages, c)
	}
	stream, message := cable.Stream{Room: "home"}, []byte(lightMessage)
	for b.Loop() {
		read.Add(n)
		s.Broadcast(stream, message)
		read.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/session")
	for _, c := range pages {
		c.ws.Close()
	}
	readers.Wait()
}
