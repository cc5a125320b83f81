package cable_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// wire keeps what comes over a connection.
type wire struct {
	net.Conn
	mu  sync.Mutex
	got []byte // guarded by mu
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, p[:n]...)
	return n, err
}

// firsts returns the first byte of each frame that has come, but for pings of either kind.
func (w *wire) firsts(tb testing.TB) (firsts []byte) {
	tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, b, _ := bytes.Cut(w.got, []byte("\r\n\r\n"))
	for len(b) >= 2 {
		first, head, size := b[0], 2, int(b[1])
		switch size {
		case 126:
			head, size = 4, int(b[2])<<8|int(b[3])
		case 127:
			head, size = 10, int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9])
		}
		if payload := b[head:min(len(b), head+size)]; first&0xF == 1 && !bytes.HasPrefix(payload, []byte(`{"type":"ping"`)) {
			firsts = append(firsts, first)
		}
		b = b[min(len(b), head+size):]
	}
	return firsts
}

// openOver is open for a client that may take compressed messages, and then sends them.
func openOver(tb testing.TB, s *server, user string, deflate bool) (*client, *wire) {
	tb.Helper()
	w := &wire{}
	d := dialer()
	d.EnableCompression = deflate
	d.NetDialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		w.Conn = conn
		return w, err
	}
	return dialWith(tb, s, user, d).welcomed(), w
}

// html is a message as features send it, of about that many bytes.
func html(n, size int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < size-100; i++ {
		fmt.Fprintf(&b, `<li id=\"hello-row-%d-%d-lhr\" class=\"colour-%d\"><b>Hi from London</b> <span class=\"who\">User #%d</span></li>`, n, i, i%11, 7919*(n+i)%9973)
	}
	return fmt.Appendf(nil, `{"cableReady":true,"operations":[{"operation":"morph","selector":"#hello-list","html":"<ol>%s</ol>"}]}`, b.String())
}

// TestDeflate_Together has pages of both kinds in one room: all get the same in the same
// order, compressed only what is large and for those who take it, and once for all.
func TestDeflate_Together(t *testing.T) {
	registry := prometheus.NewRegistry()
	sessions := make(chan *cable.Session, 10)
	s := startServer(t, cable.Config{Compress: 1000, Registerer: registry, Handler: &fake{
		join: func(s *cable.Session, _ string) error { sessions <- s; return nil },
		sync: func(_ *cable.Session, _ string, _ cable.Shown, reply func(...dom.Operation)) {
			reply(dom.TextContent("#a", strings.Repeat("some text ", 200)))
		},
	}})
	const foreign = `{"room":"home","channel":"Live","x":"other"}`
	type page struct {
		*client
		wire       *wire
		identifier string
		packs      bool
	}
	var pages []page
	for _, packs := range []bool{true, false, true, false} {
		for _, identifier := range []string{identifier("home"), foreign} {
			c, w := openOver(t, s, "ann", packs)
			c.command("subscribe", identifier)
			c.wantConfirm(identifier)
			pages = append(pages, page{c, w, identifier, packs})
		}
	}
	first := (<-sessions).ID()
	sizes := []int{300, 999, 2000, 20_000, 70_000, 1500, 200}
	var sent []string
	for n, size := range sizes {
		message := html(n, size)
		if size == 999 { // just below
			message = text(999)
		}
		if size == 1500 {
			message = text(1000)
		}
		sent = append(sent, string(message))
		s.Broadcast(cable.Stream{Room: "home"}, message)
	}
	mine, his := html(50, 3000), html(51, 3000)
	s.Broadcast(cable.Stream{Room: "home", User: "ann"}, mine)
	s.Broadcast(cable.Stream{Room: "home", User: "bob"}, his)
	s.Broadcast(cable.Stream{Room: "home", Session: first}, his)
	for i, p := range pages {
		want := []byte{0x81, 0x81} // welcome, confirm
		for _, message := range sent {
			p.wantMessage(message)
			want = append(want, first81(p.packs && len(message) >= 1000))
		}
		p.wantMessage(string(mine))
		want = append(want, first81(p.packs))
		if i == 0 {
			p.wantMessage(string(his))
			want = append(want, first81(p.packs))
		}
		p.command("message", p.identifier, map[string]any{"action": "sync", "frags": map[string]string{}})
		if f := p.next(); !strings.Contains(string(f.Message), "some text") {
			t.Errorf("frame = %.100s, want the answer of a sync", f.raw)
		}
		p.command("message", p.identifier, click(nil))
		if got := p.wantAck().Status; got != "ok" {
			t.Errorf("ack %s, want ok", got)
		}
		want = append(want, first81(p.packs), 0x81)
		if got := p.wire.firsts(t); !bytes.Equal(got, want) {
			t.Errorf("page %d: frames began with %x, want %x", i, got, want)
		}
	}
	if got := metric(t, registry, "presence_compressions_total"); got != 4+2+1 {
		t.Errorf("%v compressions, want one for each of four messages to the room, of two to some of it, and of the answer that all get", got)
	}
	saved, before := metric(t, registry, "presence_compression_saved_bytes_total"), metric(t, registry, "presence_compression_input_bytes_total")
	if saved < 4*70_000 || saved >= before {
		t.Errorf("%v bytes saved of %v, want at least %d and not all", saved, before, 4*70_000)
	}
}

func first81(packed bool) byte {
	if packed {
		return 0xC1
	}
	return 0x81
}

// TestDeflate_NotSmaller: what does not get smaller goes as it is.
func TestDeflate_NotSmaller(t *testing.T) {
	s := startServer(t, cable.Config{Compress: 1})
	c, w := openOver(t, s, "", true)
	c.join("home")
	for _, message := range []string{"1", everyCharacter(), string(text(3000))} {
		s.Broadcast(cable.Stream{Room: "home"}, []byte(message))
		c.wantMessage(message)
	}
	if got, want := w.firsts(t), []byte{0x81, 0x81, 0x81, 0x81, 0xC1}; !bytes.Equal(got, want) {
		t.Errorf("frames began with %x, want %x", got, want)
	}
}

// everyCharacter is a JSON text of each character of ASCII that is no other in JSON, once:
// nothing comes twice, and none is more frequent than another.
func everyCharacter() string {
	var b strings.Builder
	for c := ' '; c < 0x7F; c++ {
		if c != '"' && c != '\\' {
			b.WriteRune(c)
		}
	}
	return `"` + b.String() + `"`
}

// noise is a JSON text of about size bytes that compresses little.
func noise(size int) string {
	b := make([]byte, size-2)
	for i := range b {
		b[i] = byte('0' + rand.IntN(75))
		if b[i] == '\\' {
			b[i] = 'x'
		}
	}
	return `"` + string(b) + `"`
}

// TestDeflate_Foreign: pages of both kinds make no more identifiers of a room.
func TestDeflate_Foreign(t *testing.T) {
	s := startServer(t, cable.Config{Compress: 1000})
	var pages []*client
	for _, packs := range []bool{false, true} {
		c, _ := openOver(t, s, "", packs)
		pages = append(pages, c)
	}
	subscribe := func(c *client, n int) frame {
		c.command("subscribe", fmt.Sprintf(`{"channel":"Live","room":"home","n":%d}`, n))
		return c.next()
	}
	for n := range cable.MaxForeign {
		for i := range pages {
			if f := subscribe(pages[(n+i)%2], n); f.Type != "confirm_subscription" {
				t.Fatalf("frame = %s, want a confirm", f.raw)
			}
		}
	}
	for _, c := range pages {
		if f := subscribe(c, cable.MaxForeign); f.Type != "reject_subscription" {
			t.Errorf("frame = %s, want a reject of an identifier too many", f.raw)
		}
	}
}

// TestDeflate_Lagging is TestLatest_Lagging for a page that takes compressed messages.
func TestDeflate_Lagging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		s := runServer(t, cable.Config{Outbox: 4, Compress: 500, Registerer: registry})
		page := pipeWith(t, s, plugins.Person{User: "ann"}, true)
		page.next()
		page.join("home")
		s.Broadcast(cable.Stream{Room: "home"}, html(0, 1000)) // is being written
		synctest.Wait()
		var last []byte
		for n := range 100 {
			if last = html(n, 1000); n%2 == 1 { // some of the same key go as they are
				last = fmt.Append(nil, n)
			}
			s.BroadcastLatest(cable.Stream{Room: "home"}, "light", last)
			synctest.Wait()
		}
		page.wantMessage(string(html(0, 1000)))
		page.wantMessage(string(last))
		if got := metric(t, registry, "presence_frames_superseded_total"); got != 99 {
			t.Errorf("%v frames superseded, want 99", got)
		}
		for n := range 6 {
			s.Broadcast(cable.Stream{Room: "home"}, html(n, 1000))
			synctest.Wait()
		}
		page.wantDisconnect(`{"type":"disconnect","reason":"too_slow","reconnect":true}`)
		page.ws.Close()
	})
}

// TestDeflate_Sockets has pages of both kinds on real sockets that read late, while others
// come: nothing is cut, lost or out of order.
func TestDeflate_Sockets(t *testing.T) {
	const messages = 300
	s := startServer(t, cable.Config{
		Compress: 1000, Outbox: messages, OutboxBytes: 1 << 30,
		PeerTimeout: time.Hour, WriteTimeout: time.Hour,
	})
	var pages []*client
	for i := range 6 {
		c, _ := openOver(t, s, "", i%2 == 0)
		c.join("home")
		pages = append(pages, c)
	}
	want := make([]string, messages)
	for n := range messages {
		switch n % 3 {
		case 0:
			want[n] = fmt.Sprint(n)
		case 1:
			want[n] = string(html(n, 5000))
		default:
			want[n] = noise(20_000)
		}
		s.Broadcast(cable.Stream{Room: "home"}, []byte(want[n]))
	}
	for _, c := range pages {
		for _, message := range want {
			c.wantMessage(message)
		}
	}
}

// deflated returns a message as a client may send it: packed by the standard library,
// without its last four bytes.
func deflated(tb testing.TB, message string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err == nil {
		_, err = io.WriteString(w, message)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// stored returns a block of DEFLATE that holds s as it is.
func stored(first byte, s string) string {
	n := len(s)
	return string([]byte{first, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}) + s
}

// TestReader_Deflated sends compressed messages in every way in which they may come.
func TestReader_Deflated(t *testing.T) {
	s := startServer(t, cable.Config{Compress: 1000})
	a, b := subscribe("a"), subscribe("b")
	packed, long := deflated(t, a), a+strings.Repeat(" ", 60_000)
	var last bytes.Buffer // RFC 7692, section 7.2.3.4: its block says that it is the last
	w, err := flate.NewWriter(&last, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, a[:20]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, frames := range map[string][]byte{
		"at once":         masked(0xC1, packed),
		"in frames":       slices.Concat(masked(0x41, packed[:5]), masked(0x00, packed[5:9]), masked(0x80, packed[9:])),
		"a ping between":  slices.Concat(masked(0x41, packed[:5]), masked(0x89, "x"), masked(0x80, packed[5:])),
		"empty frames":    slices.Concat(masked(0x41, ""), masked(0x00, packed), masked(0x80, "")),
		"as it is":        masked(0x81, a),
		"as it is, again": slices.Concat(masked(0xC1, packed), masked(0x01, subscribe("c")), masked(0x80, "")),
		"long":            masked(0xC1, deflated(t, long)),
		"stored":          masked(0xC1, stored(0, a)+"\x00"),
		"long and stored": masked(0xC1, stored(0, long)+"\x00"),
		"last":            masked(0xC1, stored(1, a)+"\x00"),
		"last and more":   masked(0xC1, last.String()+stored(1, a[20:30])+stored(0, a[30:])+"\x00"),
		"refers before":   masked(0xC1, stored(1, a[:20])+deflatedAfter(t, a[:20], a[20:])),
	} {
		for _, size := range []int{1, 7, 1000, 1 << 20} {
			if size == 1 && len(frames) > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%s by %d", name, size), func(t *testing.T) {
				page, _ := openOver(t, s, "", true)
				for piece := range slices.Chunk(slices.Concat(frames, masked(0xC1, deflated(t, b))), size) {
					if _, err := page.ws.NetConn().Write(piece); err != nil {
						t.Fatal(err)
					}
				}
				page.wantConfirm(identifier("a"))
				if name == "as it is, again" {
					page.wantConfirm(identifier("c"))
				}
				page.wantConfirm(identifier("b"))
			})
		}
	}
}

// deflatedAfter is deflated for what may refer to something before it.
func deflatedAfter(tb testing.TB, before, message string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, 9, []byte(before))
	if err == nil {
		_, err = io.WriteString(w, message)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// TestReader_DeflateRefused: what is no compressed message costs its own session, and so
// does one that is larger than it looks.
func TestReader_DeflateRefused(t *testing.T) {
	packed := deflated(t, subscribe("a"))
	bomb := deflated(t, strings.Repeat("\x00", 16<<20)) // 16 KB
	for name, c := range map[string]struct {
		frames []byte
		code   int
		reason string
	}{
		"another extension":    {masked(0xE1, packed), websocket.CloseProtocolError, "protocol"},
		"and another":          {masked(0xD1, packed), websocket.CloseProtocolError, "protocol"},
		"a ping":               {masked(0xC9, "x"), websocket.CloseProtocolError, "protocol"},
		"a close":              {masked(0xC8, "\x03\xe8"), websocket.CloseProtocolError, "protocol"},
		"more of it":           {slices.Concat(masked(0x41, packed[:5]), masked(0xC0, packed[5:])), websocket.CloseProtocolError, "protocol"},
		"nothing":              {masked(0xC1, ""), websocket.CloseProtocolError, "protocol"},
		"no DEFLATE":           {masked(0xC1, "\xff\xff\xff\xff"), websocket.CloseProtocolError, "protocol"},
		"text":                 {masked(0xC1, subscribe("a")), websocket.CloseProtocolError, "protocol"},
		"cut":                  {masked(0xC1, packed[:len(packed)/2]), websocket.CloseProtocolError, "protocol"},
		"before the beginning": {masked(0xC1, deflatedAfter(t, subscribe("a"), subscribe("a"))), websocket.CloseProtocolError, "protocol"},
		"many last blocks":     {masked(0xC1, strings.Repeat(stored(1, " "), cable.MaxFinal+1)+packed), websocket.CloseProtocolError, "protocol"},
		"endless last blocks":  {masked(0xC1, strings.Repeat(stored(1, ""), 10_000)), websocket.CloseProtocolError, "protocol"},
		"too large":            {masked(0xC1, deflated(t, strings.Repeat(" ", 64<<10+1))), websocket.ClosePolicyViolation, "frame_too_large"},
		"a bomb":               {masked(0xC1, bomb), websocket.ClosePolicyViolation, "frame_too_large"},
		"a bomb in frames":     {slices.Concat(masked(0x41, bomb[:10_000]), masked(0x80, bomb[10_000:])), websocket.ClosePolicyViolation, "frame_too_large"},
		"too large as it is":   {masked(0xC1, strings.Repeat(stored(0, ""), 20_000)), websocket.ClosePolicyViolation, "frame_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := startServer(t, cable.Config{Compress: 1000, Registerer: registry})
			other, _ := openOver(t, s, "", true)
			other.join("home")
			page, _ := openOver(t, s, "", true)
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
			s.Broadcast(cable.Stream{Room: "home"}, html(0, 2000))
			other.wantMessage(string(html(0, 2000)))
		})
	}
}

// TestReader_InflateFlood: small frames that are large messages count as many.
func TestReader_InflateFlood(t *testing.T) {
	s := startServer(t, cable.Config{Compress: 1000})
	c, _ := openOver(t, s, "", true)
	c.join("home")
	padded := masked(0xC1, deflated(t, subscribe("home")+strings.Repeat(" ", 60_000)))
	for range 10 {
		if _, err := c.ws.NetConn().Write(padded); err != nil {
			t.Fatal(err)
		}
		c.wantConfirm(identifier("home"))
	}
	if _, err := c.ws.NetConn().Write(bytes.Repeat(padded, 40)); err != nil { // 1,000 frames, also if a new second begins
		t.Fatal(err)
	}
	c.wantDisconnect(`{"type":"disconnect","reason":"too_many_frames","reconnect":false}`)
}

// FuzzDeflate: a message comes out of its frame as it went in, whatever the identifier.
func FuzzDeflate(f *testing.F) {
	f.Add(`"x"`, []byte(lightMessage))
	f.Add(encode(f, identifier("home")), html(1, 3000))
	f.Add(strings.Repeat("<é>", cable.MaxIdentifier/4), []byte(noise(5000)))
	f.Add("", bytes.Repeat([]byte("ab"), 40_000))
	f.Fuzz(func(t *testing.T, identifier string, message []byte) {
		if len(identifier) > cable.MaxIdentifier || len(message) == 0 {
			return
		}
		s := cable.New(cable.Config{Handler: &fake{}, Authenticate: nobody, Compress: 1})
		plain, packed := s.Compress(identifier, message)
		if packed == nil {
			return
		}
		if len(packed) > len(plain) || packed[0] != 0xC1 {
			t.Errorf("frame of %d bytes that begins with %x, want one of at most %d with c1", len(packed), packed[0], len(plain))
		}
		in := flate.NewReader(io.MultiReader(bytes.NewReader(payload(packed)), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
		got, err := io.ReadAll(in)
		if err != nil || !bytes.Equal(got, payload(plain)) {
			t.Errorf("inflated to %q, %v; want %q", got, err, payload(plain))
		}
	})
}

// payload returns what a server's frame carries.
func payload(frame []byte) []byte {
	switch frame[1] {
	case 126:
		return frame[4:]
	case 127:
		return frame[10:]
	}
	return frame[2:]
}
