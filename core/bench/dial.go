package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// extensionsHeader is where extensions of a WebSocket are offered and accepted.
const extensionsHeader = "Sec-WebSocket-Extensions"

// dialers is how many handshakes are under way at once.
const dialers = 64

// dialer opens sockets.
type dialer struct {
	cfg     Config
	address string   // of the server, host:port
	host    string   // as the handshake names it
	path    string   // and the query
	tls     bool     //
	people  []Person // in turn; none for a server that is not ours
	numbers numbers
}

func newDialer(cfg Config, people []Person, n numbers) *dialer {
	u, _ := url.Parse(cfg.URL) // it was checked
	d := &dialer{cfg: cfg, host: u.Host, address: u.Host, path: u.RequestURI(), tls: u.Scheme == "wss", people: people, numbers: n}
	if u.Port() == "" {
		d.address = net.JoinHostPort(u.Hostname(), map[bool]string{false: "80", true: "443"}[d.tls])
	}
	return d
}

// open opens the socket of an index and subscribes; it calls confirmed when that is
// confirmed. With Config.Sync it returns when what the page lacked has come. What came
// after the confirmation is pending.
func (d *dialer) open(ctx context.Context, index int, confirmed func(*socket)) (*socket, net.Conn, error) {
	c, err := d.connect(ctx, index)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	k := &socket{room: index % d.cfg.Rooms}
	if err := errors.Join(c.SetDeadline(time.Now().Add(d.cfg.Patience)), d.subscribe(c, index, k, confirmed), c.SetDeadline(time.Time{})); err != nil {
		_ = c.Close()
		return nil, nil, err
	}
	return k, c, nil
}

func (d *dialer) connect(ctx context.Context, index int) (net.Conn, error) {
	from := net.Dialer{Timeout: d.cfg.Patience}
	if n := len(d.cfg.Sources); n > 0 {
		from.LocalAddr = &net.TCPAddr{IP: net.ParseIP(d.cfg.Sources[index%n])}
	}
	if d.tls {
		return (&tls.Dialer{NetDialer: &from, Config: &tls.Config{NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", d.address)
	}
	return from.DialContext(ctx, "tcp", d.address)
}

// subscribe does all that comes before messages do.
func (d *dialer) subscribe(c net.Conn, index int, k *socket, confirmed func(*socket)) error {
	h := header(d.cfg.Headers)
	var who Person
	if len(d.people) > 0 {
		who = d.people[index%len(d.people)]
		h.Set("Cookie", who.Cookie)
	}
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", "cHJlc2VuY2UgYmVuY2ghIQ==") // any will do, as nothing caches it
	if h.Get("Sec-WebSocket-Protocol") == "" {
		h.Set("Sec-WebSocket-Protocol", "actioncable-v1-json")
	}
	if d.cfg.Compress {
		h.Set(extensionsHeader, deflateOffer)
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n", d.path, d.host)
	_ = h.Write(&request) // a Buffer takes everything
	request.WriteString("\r\n")
	if _, err := c.Write(request.Bytes()); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	r := bufio.NewReaderSize(c, 4<<10)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("handshake: the server answers %s at %s; want 101: is that its path? It is /cable of a server of ours", res.Status, d.path)
	}
	if d.cfg.Compress {
		if k.deflate, err = accepted(res.Header.Get(extensionsHeader)); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
	}
	identifier := quote(d.cfg.identifier(index))
	in := &incoming{r: r, deflate: k.deflate}
	if err := d.greet(c, in, identifier); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	confirmed(k)
	from := in.at
	if d.cfg.Sync {
		if err := d.sync(c, in, identifier, who); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	rest, _ := r.Peek(r.Buffered())
	k.pending = slices.Concat(in.b[from:], rest)
	return nil
}

// incoming is what a socket has got so far.
type incoming struct {
	r        *bufio.Reader
	b        []byte
	at       int // where the next frame begins
	deflate  bool
	inflater inflater
}

// next returns the next frame. The payload is valid until the next call.
func (in *incoming) next() (op byte, payload []byte, err error) {
	for buffer := make([]byte, 1<<10); ; {
		f, err := nextFrame(in.b[in.at:], in.deflate)
		if err == nil && f.packed {
			f.payload, err = in.inflater.inflate(f.payload)
		}
		if err != nil || f.size > 0 {
			in.at += f.size
			return f.op, f.payload, err
		}
		n, err := in.r.Read(buffer)
		if err != nil {
			return 0, nil, err
		}
		in.b = append(in.b, buffer[:n]...)
	}
}

// greet reads until the subscription is confirmed.
func (d *dialer) greet(c net.Conn, in *incoming, identifier string) error {
	for {
		op, payload, err := in.next()
		if err != nil {
			return err
		}
		switch {
		case op == opClose:
			return fmt.Errorf("the server closed the socket: %q", payload)
		case op != opText:
		case kindOf(payload) == "welcome":
			if _, err := c.Write(clientFrame(opText, `{"command":"subscribe","identifier":`+identifier+`}`)); err != nil {
				return err
			}
		case bytes.Contains(payload, []byte(`"too_many_sessions"`)):
			return fmt.Errorf("the server refuses: %s; it lets one address have so many sockets only: see --sources", payload)
		case kindOf(payload) == "disconnect", bytes.Contains(payload, []byte(`"type":"reject_subscription"`)):
			return fmt.Errorf("the server refuses: %s", payload)
		case bytes.Contains(payload, []byte(`"type":"confirm_subscription"`)):
			return nil
		}
	}
}

// sync asks for what a page lacks, and reads until the counter has come.
func (d *dialer) sync(c net.Conn, in *incoming, identifier string, who Person) error {
	if _, err := c.Write(clientFrame(opText, `{"command":"message","identifier":`+identifier+`,"data":`+quote(who.sync())+`}`)); err != nil {
		return err
	}
	for {
		op, payload, err := in.next()
		switch {
		case err != nil:
			return err
		case op == opClose, op == opText && kindOf(payload) == "disconnect":
			return fmt.Errorf("the server closed the socket: %q", payload)
		case op == opText:
			if d.numbers.isWhole(payload) {
				return nil
			}
		}
	}
}
