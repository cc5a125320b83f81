package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// dialers is how many handshakes are under way at once.
const dialers = 64

// dialer opens sockets.
type dialer struct {
	cfg     Config
	address string   // of the server, host:port
	host    string   // as the handshake names it
	path    string   // and the query
	tls     bool     //
	cookies []string // of people, in turn; none for a server that is not ours
}

func newDialer(cfg Config) *dialer {
	u, _ := url.Parse(cfg.URL) // it was checked
	d := &dialer{cfg: cfg, host: u.Host, address: u.Host, path: u.RequestURI(), tls: u.Scheme == "wss"}
	if u.Port() == "" {
		d.address = net.JoinHostPort(u.Hostname(), map[bool]string{false: "80", true: "443"}[d.tls])
	}
	return d
}

// meet opens the room's page once for each person, as browsers do, and keeps their
// cookies.
func (d *dialer) meet(ctx context.Context) error {
	if d.cfg.Publish != "" {
		return nil
	}
	page := web(d.cfg.URL, "/r/"+url.PathEscape(d.cfg.Room))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: d.cfg.Patience}
	defer client.CloseIdleConnections()
	d.cookies = make([]string, d.cfg.People)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range d.cookies {
		g.Go(func() (err error) {
			d.cookies[i], err = visit(ctx, client, page)
			return err
		})
	}
	return g.Wait()
}

// visit returns the cookie of somebody new.
func visit(ctx context.Context, client *http.Client, page string) (cookie string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("open the page: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	var all []string
	for _, c := range res.Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	if res.StatusCode != http.StatusOK || len(all) == 0 {
		return "", fmt.Errorf("open the page %s: %s, with %d cookies; want 200 and one: is this a server of ours?", page, res.Status, len(all))
	}
	return strings.Join(all, "; "), nil
}

// open opens the socket of an index and subscribes. What came after the confirmation is
// pending.
func (d *dialer) open(ctx context.Context, index int) (*socket, net.Conn, error) {
	c, err := d.connect(ctx, index)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	k := &socket{}
	if err := errors.Join(c.SetDeadline(time.Now().Add(d.cfg.Patience)), d.subscribe(c, index, k), c.SetDeadline(time.Time{})); err != nil {
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
func (d *dialer) subscribe(c net.Conn, index int, k *socket) error {
	h := header(d.cfg.Headers)
	if len(d.cookies) > 0 {
		h.Set("Cookie", d.cookies[index%len(d.cookies)])
	}
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", "cHJlc2VuY2UgYmVuY2ghIQ==") // any will do, as nothing caches it
	if h.Get("Sec-WebSocket-Protocol") == "" {
		h.Set("Sec-WebSocket-Protocol", "actioncable-v1-json")
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
		return fmt.Errorf("handshake: the server answers %s; want 101", res.Status)
	}
	return d.greet(c, r, k)
}

// greet reads until the subscription is confirmed.
func (d *dialer) greet(c net.Conn, r *bufio.Reader, k *socket) error {
	b, buffer := []byte(nil), make([]byte, 1<<10)
	for {
		op, payload, size, err := nextFrame(b)
		if err != nil {
			return err
		}
		if size == 0 {
			n, err := r.Read(buffer)
			if err != nil {
				return fmt.Errorf("subscribe: %w", err)
			}
			b = append(b, buffer[:n]...)
			continue
		}
		b = b[size:]
		switch {
		case op == opClose:
			return fmt.Errorf("subscribe: the server closed the socket: %q", payload)
		case op != opText:
		case kindOf(payload) == "welcome":
			if _, err := c.Write(clientFrame(opText, `{"command":"subscribe","identifier":`+quote(d.cfg.Identifier)+`}`)); err != nil {
				return fmt.Errorf("subscribe: %w", err)
			}
		case kindOf(payload) == "disconnect", bytes.Contains(payload, []byte(`"type":"reject_subscription"`)):
			return fmt.Errorf("subscribe: the server refuses: %s", payload)
		case bytes.Contains(payload, []byte(`"type":"confirm_subscription"`)):
			rest, _ := r.Peek(r.Buffered())
			k.pending = slices.Concat(b, rest)
			return nil
		}
	}
}
