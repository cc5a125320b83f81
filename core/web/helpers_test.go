package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		// fasthttp and fiber each keep clocks and workers for the whole process, and
		// fasthttp's workers look only now and then whether they are still needed.
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"),
		); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long a test waits for what should happen at once.
const patience = 2 * time.Minute

// secret is what servers of tests sign cookies with.
var secret = []byte("a secret of the tests")

// fakeBus is a Bus of functions; a nil one shows a lamp and takes everything.
type fakeBus struct {
	page func(ctx context.Context, room string, viewer plugins.Person) ([]bus.Section, error)
	do   func(ctx context.Context, req bus.Request) bus.Outcome

	board  func(ctx context.Context, room, feature string) (bus.Board, error)
	cell   func(ctx context.Context, room, feature string, at plugins.Point) (bus.BoardCell, error)
	replay func(ctx context.Context, room, feature string) (bus.Replay, error)
}

var _ web.Bus = fakeBus{}

// Shows reports whether there is a feature of that name, which is that of the page.
func (f fakeBus) Shows(feature string) bool { return feature == "lamp" }

// Manifests returns that of the page's feature.
func (f fakeBus) Manifests() []plugins.Manifest {
	return []plugins.Manifest{{Name: "lamp", Title: "Lamp", Events: []plugins.EventType{
		{Name: "set", Fields: []plugins.Param{{Name: "on", Type: plugins.Bool}}},
		{Name: "break", Admin: true},
	}}}
}

// Knows reports whether there is or was one.
func (f fakeBus) Knows(feature string) bool { return feature == "lamp" || feature == "clock" }

func (f fakeBus) Page(ctx context.Context, room, _ string, viewer plugins.Person) ([]bus.Section, error) {
	if f.page != nil {
		return f.page(ctx, room, viewer)
	}
	return []bus.Section{{Name: "lamp", Title: "Lamp", HTML: `<p id="lamp-light">off</p>`}}, nil
}

func (f fakeBus) Do(ctx context.Context, req bus.Request) bus.Outcome {
	if f.do != nil {
		return f.do(ctx, req)
	}
	return bus.Outcome{Status: bus.OK}
}

func (f fakeBus) DoAll(ctx context.Context, reqs []bus.Request) []bus.Outcome {
	var outcomes []bus.Outcome
	for _, req := range reqs {
		outcomes = append(outcomes, f.Do(ctx, req))
	}
	return outcomes
}

func (f fakeBus) Board(ctx context.Context, room, feature string) (bus.Board, error) {
	if f.board != nil {
		return f.board(ctx, room, feature)
	}
	return bus.Board{}, bus.ErrNoBoard
}

func (f fakeBus) BoardPaints(context.Context, string, string) (uint64, error) { return 0, nil }

func (f fakeBus) BoardCell(ctx context.Context, room, feature string, at plugins.Point) (bus.BoardCell, error) {
	if f.cell != nil {
		return f.cell(ctx, room, feature, at)
	}
	return bus.BoardCell{}, bus.ErrNoBoard
}

func (f fakeBus) BoardReplay(ctx context.Context, room, feature string) (bus.Replay, error) {
	if f.replay != nil {
		return f.replay(ctx, room, feature)
	}
	return bus.Replay{}, bus.ErrNoBoard
}

// quietSockets is a cable.Handler that takes everything and says nothing.
type quietSockets struct{}

func (quietSockets) Join(*cable.Session, string) error { return nil }

func (quietSockets) Leave(*cable.Session, string) {}

func (quietSockets) Follow(string, string) {}

func (quietSockets) Unfollow(string, string) {}

func (quietSockets) Event(_ *cable.Session, _ string, _ cable.Event, done func(cable.Ack)) {
	done(cable.Ack{Status: cable.OK})
}

func (quietSockets) Shows(string) bool { return true }

func (quietSockets) Passing(string) bool { return false }

func (quietSockets) Sync(*cable.Session, string, cable.Shown, func(...dom.Operation)) {}

// server is a web.Server at work.
type server struct {
	*web.Server
	url, addr string
	log       *logBuffer
	metrics   *prometheus.Registry
	client    *http.Client // follows no redirect, decodes nothing, keeps no cookie

	cancel context.CancelFunc
	stop   func() // ends Run and waits for it
}

// startServer runs a server on a free port until the test ends.
func startServer(tb testing.TB, cfg web.Config) *server {
	tb.Helper()
	files, err := assets.New()
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), url: "http://" + ln.Addr().String(), log: &logBuffer{}, metrics: prometheus.NewRegistry()}
	if cfg.Bus == nil {
		cfg.Bus = fakeBus{}
	}
	if cfg.Secret == nil {
		cfg.Secret = secret
	}
	cfg.Region = "lhr"
	cfg.Assets, cfg.Registerer = files, s.metrics
	cfg.Cable.Handler = quietSockets{}
	cfg.Logger = slog.New(slog.NewTextHandler(io.MultiWriter(s.log, tb.Output()), nil))
	s.Server = web.New(cfg)

	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	s.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, ln) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		transport.CloseIdleConnections()
		select {
		case err := <-ended:
			if err != nil {
				tb.Errorf("Run() = %v, want nil", err)
			}
		case <-time.After(patience):
			tb.Error("Run does not return")
		}
	})
	tb.Cleanup(s.stop)
	return s
}

// response is an answer whose body has been read.
type response struct {
	*http.Response
	body string
}

// do sends a request to the server.
func (s *server) do(tb testing.TB, method, path, body string, headers ...string) response {
	tb.Helper()
	return send(tb, s.client, method, s.url+path, body, headers...)
}

// send sends a request. A body is that of a form. Each header is "Name: value"; "Host" is
// one of them.
func send(tb testing.TB, client *http.Client, method, url, body string, headers ...string) response {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, res)
}

func read(tb testing.TB, res *http.Response) response {
	tb.Helper()
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return response{Response: res}
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response{Response: res, body: string(b)}
}

// get sends a GET.
func (s *server) get(tb testing.TB, path string, headers ...string) response {
	tb.Helper()
	return s.do(tb, http.MethodGet, path, "", headers...)
}

// raw sends bytes as they are and returns the first answer.
func (s *server) raw(tb testing.TB, request string) response {
	tb.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	// A server that refuses a body answers amid it and ends the connection. The answer is
	// there to read all the same.
	_, _ = io.WriteString(conn, request)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, res)
}

// visit opens the front page as somebody new and returns the header that makes
// later requests theirs.
func (s *server) visit(tb testing.TB) (cookie string) {
	tb.Helper()
	res := s.get(tb, "/")
	if len(res.Cookies()) != 1 {
		tb.Fatalf("GET / sets the cookies %v, want one", res.Cookies())
	}
	c := res.Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

// textOf returns the text of the first element of a document that has an id.
func textOf(tb testing.TB, document, id string) string {
	tb.Helper()
	return text(element(tb, document, func(n *html.Node) bool { return attribute(n, "id") == id }))
}

// element returns the first element of a document that is wanted.
func element(tb testing.TB, document string, wanted func(*html.Node) bool) *html.Node {
	tb.Helper()
	root, err := html.Parse(strings.NewReader(document))
	if err != nil {
		tb.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && wanted(n) {
			return n
		}
	}
	tb.Fatalf("no such element in the page:\n%s", document)
	return nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// headline returns the sentence of a page that says what went wrong.
func headline(tb testing.TB, document string) string {
	tb.Helper()
	return text(element(tb, document, func(n *html.Node) bool { return n.Data == "h1" }))
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// receive takes a value that should be there at once.
func receive[T any](tb testing.TB, from <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		tb.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}
