package cable_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	klauspost "github.com/klauspost/compress/flate"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
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
	ws, err := upgrade(c, r, false)
	if err != nil {
		c.tb.Errorf("upgrade: %v", err)
		return
	}
	c.upgraded = true
	s.Serve(ws, plugins.Person{User: "u"}, "sink", false)
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

// featureMessages returns what features send, small, middling and large: a number that
// changed, a list anew, and what a page lacks that was away.
func featureMessages(tb testing.TB) [][]byte {
	tb.Helper()
	one := func(files ...string) []byte {
		var ops []dom.Operation
		for _, file := range files {
			golden, err := os.ReadFile(filepath.Join("../../features", file))
			if err != nil {
				tb.Fatal(err)
			}
			for part := range strings.SplitSeq(string(golden), "<!-- ") {
				if name, html, ok := strings.Cut(part, ", for the room -->\n"); ok {
					ops = append(ops, dom.Morph("#"+name, strings.TrimSpace(html)))
				}
			}
		}
		message, err := dom.Message(ops...)
		if err != nil {
			tb.Fatal(err)
		}
		return message
	}
	return [][]byte{
		one("counter/testdata/changed.html"),
		one("hello/testdata/changed.html"),
		one("globe/testdata/three_regions.html", "globe/testdata/cut_off.html", "hello/testdata/eight.html", "lightbulb/testdata/on.html",
			"regions/testdata/sites.html", "regions/testdata/many.html", "reactions/testdata/all.html"),
	}
}

// flateWriter is a Writer of package flate, here or there.
type flateWriter interface {
	io.Writer
	Reset(w io.Writer)
	Flush() error
}

// BenchmarkCompress is one message compressed, as the server does it and by other ways
// that were weighed.
func BenchmarkCompress(b *testing.B) {
	for _, message := range featureMessages(b) {
		run := func(name string, compress func() (size int)) {
			b.Run(fmt.Sprintf("bytes=%d/%s", len(message), name), func(b *testing.B) {
				b.ReportAllocs()
				size := 0
				for b.Loop() {
					size = compress()
				}
				b.ReportMetric(float64(size), "B")
			})
		}
		s := cable.New(cable.Config{Handler: &fake{}, Authenticate: nobody, Compress: 1})
		run("server", func() int {
			_, packed := s.Compress(encode(b, identifier("home")), message)
			return len(packed)
		})
		var out bytes.Buffer
		flush := func(w flateWriter) func() int {
			return func() int {
				out.Reset()
				w.Reset(&out)
				_, _ = w.Write(message)
				_ = w.Flush()
				return out.Len() - 4
			}
		}
		for level := 1; level <= 9; level++ {
			w, err := klauspost.NewWriter(nil, level)
			if err != nil {
				b.Fatal(err)
			}
			run(fmt.Sprintf("klauspost-%d", level), flush(w))
		}
		for _, level := range []int{1, 3, 6, 9} {
			w, err := flate.NewWriter(nil, level)
			if err != nil {
				b.Fatal(err)
			}
			run(fmt.Sprintf("standard-%d", level), flush(w))
		}
		run("klauspost-stateless", func() int {
			out.Reset()
			_ = klauspost.StatelessDeflate(&out, message, false, nil)
			return out.Len()
		})
	}
}
