package cable_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

func TestMain(m *testing.M) {
	if runCrowd() {
		return
	}
	code := m.Run()
	if code == 0 {
		// fasthttp and fiber each keep a clock for the whole process, and fasthttp's
		// workers look only now and then whether they are still needed.
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// fake is a Handler of functions; a nil one does nothing, and a nil event acks ok.
type fake struct {
	join  func(s *cable.Session, room string) error
	leave func(s *cable.Session, room string)

	follow func(room, feature string, n int) // +1, or -1 when it ends

	event func(s *cable.Session, room string, e cable.Event, done func(cable.Ack))
	sync  func(s *cable.Session, room string, shown cable.Shown, reply func(...dom.Operation))
}

var _ cable.Handler = (*fake)(nil)

func (f *fake) Join(s *cable.Session, room string) error {
	if f.join != nil {
		return f.join(s, room)
	}
	return nil
}

func (f *fake) Leave(s *cable.Session, room string) {
	if f.leave != nil {
		f.leave(s, room)
	}
}

func (f *fake) Follow(room, feature string) {
	if f.follow != nil {
		f.follow(room, feature, +1)
	}
}

func (f *fake) Unfollow(room, feature string) {
	if f.follow != nil {
		f.follow(room, feature, -1)
	}
}

func (f *fake) Event(s *cable.Session, room string, e cable.Event, done func(cable.Ack)) {
	if f.event != nil {
		f.event(s, room, e, done)
		return
	}
	done(cable.Ack{Status: cable.OK})
}

// Shows reports whether there is a feature of that name: "lamp" or "clock".
func (f *fake) Shows(feature string) bool { return feature == "lamp" || feature == "clock" }

func (f *fake) Passing(target string) bool { return strings.HasPrefix(target, "pointer#") }

func (f *fake) Sync(s *cable.Session, room string, shown cable.Shown, reply func(...dom.Operation)) {
	if f.sync != nil {
		f.sync(s, room, shown, reply)
	}
}

// server is a Server that runs, and the address of its endpoint if it has one.
type server struct {
	*cable.Server
	url  string
	stop func() // ends Run and waits for it
}

// runServer runs a Server without an endpoint until the test ends.
func runServer(tb testing.TB, cfg cable.Config) *server {
	tb.Helper()
	if cfg.Handler == nil {
		cfg.Handler = &fake{}
	}
	if cfg.Authenticate == nil {
		cfg.Authenticate = func(c *fiber.Ctx) (plugins.Person, bool) {
			return plugins.Person{User: c.Cookies("user", "nobody"), Region: "lhr", Edge: "ams"}, true
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s := &server{Server: cable.New(cfg)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run() = %v", err)
		}
	})
	tb.Cleanup(s.stop)
	return s
}

// startServer runs a Server and a fiber app that listens on a free port.
func startServer(tb testing.TB, cfg cable.Config) *server {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return startServerOn(tb, cfg, ln)
}

// startServerOn is startServer for a listener.
func startServerOn(tb testing.TB, cfg cable.Config, ln net.Listener) *server {
	tb.Helper()
	s := runServer(tb, cfg)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Server().KeepHijackedConns = true // as core/web does
	app.Get("/cable", s.Handler())
	s.url = "ws://" + ln.Addr().String() + "/cable"
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(ln) }()
	tb.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			tb.Errorf("Shutdown() = %v", err)
		}
		if err := <-ended; err != nil {
			tb.Errorf("Listener() = %v", err)
		}
		s.stop()
	})
	return s
}

const subprotocol = "actioncable-v1-json"

// frame is what a server sends.
type frame struct {
	Type       string          `json:"type"`
	Identifier string          `json:"identifier"`
	Reason     string          `json:"reason"`
	Reconnect  *bool           `json:"reconnect"`
	Message    json.RawMessage `json:"message"`
	raw        string
}

// client is a page.
type client struct {
	tb testing.TB
	ws *websocket.Conn
}

func dialer() *websocket.Dialer {
	return &websocket.Dialer{Subprotocols: []string{subprotocol, "actioncable-unsupported"}, HandshakeTimeout: patience}
}

// dial connects, as a user unless "", and reads nothing.
func dial(tb testing.TB, s *server, user string) *client {
	tb.Helper()
	return dialWith(tb, s, user, dialer())
}

func dialWith(tb testing.TB, s *server, user string, d *websocket.Dialer) *client {
	tb.Helper()
	header := http.Header{}
	if user != "" {
		header.Set("Cookie", "user="+user)
	}
	ws, resp, err := d.DialContext(tb.Context(), s.url, header)
	if err != nil {
		tb.Fatalf("dial %s: %v (%v)", s.url, err, resp)
	}
	tb.Cleanup(func() { ws.Close() })
	return &client{tb, ws}
}

// open connects and reads the welcome.
func open(tb testing.TB, s *server, user string) *client {
	tb.Helper()
	return dial(tb, s, user).welcomed()
}

// welcomed reads the welcome.
func (c *client) welcomed() *client {
	c.tb.Helper()
	if f := c.next(); f.Type != "welcome" {
		c.tb.Fatalf("first frame = %s, want a welcome", f.raw)
	}
	return c
}

// pipe connects without a network.
func pipe(tb testing.TB, s *server, person plugins.Person) *client {
	tb.Helper()
	return pipeWith(tb, s, person, false)
}

// pipeWith is pipe for a client that may take compressed messages, and then sends them.
func pipeWith(tb testing.TB, s *server, person plugins.Person, deflate bool) *client {
	tb.Helper()
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		r, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			tb.Errorf("read handshake: %v", err)
			return
		}
		ws, err := upgrade(there, r, deflate)
		if err != nil {
			tb.Errorf("upgrade: %v", err)
			return
		}
		s.Serve(ws, person, "pipe", deflate)
	}()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return here, nil }, EnableCompression: deflate}
	u := &url.URL{Scheme: "ws", Host: "pipe", Path: "/cable"}
	header := http.Header{"Sec-Websocket-Protocol": {subprotocol}}
	ws, _, err := dialer.Dial(u.String(), header)
	if err != nil {
		tb.Fatalf("handshake: %v", err)
	}
	return &client{tb, ws}
}

// upgrade answers a handshake on any connection.
func upgrade(conn net.Conn, r *http.Request, deflate bool) (*websocket.Conn, error) {
	up := websocket.Upgrader{Subprotocols: []string{subprotocol}, ReadBufferSize: 512, WriteBufferPool: &sync.Pool{}, EnableCompression: deflate}
	return up.Upgrade(hijacked{conn}, r, nil)
}

type hijacked struct{ net.Conn }

func (hijacked) Header() http.Header { return http.Header{} }
func (hijacked) WriteHeader(int)     {}
func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.Conn, bufio.NewReadWriter(bufio.NewReader(h.Conn), bufio.NewWriter(h.Conn)), nil
}

// read returns the next frame that is no ping, or the error that ended the
// connection. Every frame must be valid JSON.
func (c *client) read() (frame, error) {
	c.tb.Helper()
	for {
		if err := c.ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return frame{}, err
		}
		_, raw, err := c.ws.ReadMessage()
		if err != nil {
			return frame{}, err
		}
		f := frame{raw: string(raw)}
		if err := json.Unmarshal(raw, &f); err != nil {
			c.tb.Fatalf("frame %q: %v", raw, err)
		}
		if f.Type != "ping" {
			return f, nil
		}
	}
}

func (c *client) next() frame {
	c.tb.Helper()
	f, err := c.read()
	if err != nil {
		c.tb.Fatalf("read frame: %v", err)
	}
	return f
}

// wantDisconnect reads until a disconnect, whose exact JSON is wanted, and the
// close after it.
func (c *client) wantDisconnect(want string) {
	c.tb.Helper()
	for {
		f := c.next()
		if f.Type != "disconnect" {
			continue
		}
		if f.raw != want {
			c.tb.Fatalf("disconnect = %s, want %s", f.raw, want)
		}
		break
	}
	c.wantClosed()
}

func (c *client) wantClosed() {
	c.tb.Helper()
	f, err := c.read()
	if err == nil {
		c.tb.Fatalf("frame %s, want a close", f.raw)
	}
	if _, ok := errors.AsType[*websocket.CloseError](err); !ok {
		c.tb.Fatalf("read = %v, want a close frame", err)
	}
}

func (c *client) write(raw string) {
	c.tb.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(raw)); err != nil {
		c.tb.Fatalf("write %q: %v", raw, err)
	}
}

func (c *client) command(command, identifier string, data ...any) {
	c.tb.Helper()
	m := map[string]any{"command": command, "identifier": identifier}
	if len(data) > 0 {
		m["data"] = encode(c.tb, data[0])
	}
	c.write(encode(c.tb, m))
}

func encode(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func identifier(room string) string { return `{"channel":"Live","room":"` + room + `"}` }

// join subscribes to a room and reads the confirm.
func (c *client) join(room string) {
	c.tb.Helper()
	c.command("subscribe", identifier(room))
	c.wantConfirm(identifier(room))
}

func (c *client) wantConfirm(identifier string) {
	c.tb.Helper()
	if f := c.next(); f.Type != "confirm_subscription" || f.Identifier != identifier {
		c.tb.Fatalf("frame = %s, want a confirm of %s", f.raw, identifier)
	}
}

// wantMessage reads a frame that must carry this message.
func (c *client) wantMessage(message string) {
	c.tb.Helper()
	if f := c.next(); string(f.Message) != message {
		c.tb.Fatalf("frame = %s, want message %s", f.raw, message)
	}
}

// ack is the detail of a live:ack.
type ack struct {
	ID, Status, Error string
	RetryAfter        int
}

// wantAck reads frames until an ack, and returns it.
func (c *client) wantAck() ack {
	c.tb.Helper()
	for {
		f := c.next()
		var m struct {
			CableReady bool
			Operations []struct {
				Operation, Name string
				Detail          ack
			}
		}
		if len(f.Message) == 0 || json.Unmarshal(f.Message, &m) != nil {
			continue
		}
		for _, o := range m.Operations {
			if o.Operation == "dispatchEvent" && o.Name == "live:ack" {
				return o.Detail
			}
		}
	}
}

// drained reads whatever comes until the connection ends, and returns the last
// frame.
func (c *client) drained() (last frame) {
	for {
		f, err := c.read()
		if err != nil {
			return last
		}
		last = f
	}
}
