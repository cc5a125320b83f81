package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

// slowBus shows a page only when it is let.
func slowBus() (fake fakeBus, asked chan struct{}, let chan struct{}) {
	asked, let = make(chan struct{}, 1), make(chan struct{})
	return fakeBus{page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		asked <- struct{}{}
		<-let
		return nil, nil
	}}, asked, let
}

// waitRefused returns when nobody takes connections at an address any more.
func waitRefused(tb testing.TB, addr string) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < patience; <-tick.C {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
	tb.Fatal("connections are still taken after the end of Run's context")
}

// done is closed when stop has returned.
func (s *server) stopping() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.stop()
	}()
	return done
}

func TestServer_Run_FinishesRequests(t *testing.T) {
	fake, asked, let := slowBus()
	s := startServer(t, web.Config{Bus: fake})
	answers := make(chan string, 1)
	go func() {
		res, err := s.client.Get(s.url)
		if err != nil {
			answers <- err.Error()
			return
		}
		res.Body.Close()
		answers <- res.Status
	}()
	receive(t, asked, "the request")
	s.cancel()
	waitRefused(t, s.addr)
	stopped := s.stopping()
	select {
	case <-stopped:
		t.Error("Run returned before the request in progress was answered")
	case answer := <-answers:
		t.Errorf("the request in progress ended with %s before its answer was there", answer)
	default:
	}
	close(let)
	if got := receive(t, answers, "the answer"); got != "200 OK" {
		t.Errorf("the request in progress ended with %s, want 200 OK", got)
	}
	receive(t, stopped, "Run to return")
}

func TestServer_Run_GivesUp(t *testing.T) {
	fake, asked, let := slowBus()
	s := startServer(t, web.Config{Bus: fake, DrainTimeout: 20 * time.Millisecond})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := s.client.Get(s.url); err == nil {
			res.Body.Close()
		}
	}()
	receive(t, asked, "the request")
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "requests not finished in time") {
		t.Errorf("the log does not tell of a request that was not waited for:\n%s", log)
	}
	close(let)
	receive(t, ended, "the request to end")
}

// A browser keeps connections for its next request, and opens some before it has
// any; neither may hold up the server's end.
func TestServer_Run_IdleConnection(t *testing.T) {
	for _, tt := range []struct{ name, request, wait string }{
		{"Kept", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "</html>"},
		{"Unused", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, web.Config{DrainTimeout: 3 * time.Second})
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for b := make([]byte, 4096); !strings.Contains(got.String(), tt.wait); {
				n, err := conn.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(b[:n])
			}
			s.get(t, "/") // accepted after the other one
			s.stop()
			if log := s.log.String(); strings.Contains(log, "not finished in time") {
				t.Errorf("a connection without a request was waited for until the last moment:\n%s", log)
			}
		})
	}
}

func TestServer_Run_Sockets(t *testing.T) {
	s := startServer(t, web.Config{Cable: cable.Config{DrainRate: 1000}})
	header := http.Header{}
	name, value, _ := strings.Cut(s.visit(t), ": ")
	header.Set(name, value)
	dialer := websocket.Dialer{Subprotocols: []string{"actioncable-v1-json"}, HandshakeTimeout: patience}
	ws, res, err := dialer.Dial("ws://"+s.addr+"/cable", header)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer ws.Close()
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		t.Helper()
		for {
			_, frame, err := ws.ReadMessage()
			if err != nil {
				return err.Error()
			}
			if !strings.Contains(string(frame), `"ping"`) {
				return string(frame)
			}
		}
	}
	if got := read(); !strings.Contains(got, "welcome") {
		t.Fatalf("the first frame is %s, want a welcome", got)
	}
	stopped := s.stopping()
	if got := read(); !strings.Contains(got, "server_restart") || !strings.Contains(got, `"reconnect":true`) {
		t.Errorf("the last frame is %s, want an invitation to come back", got)
	}
	if got := read(); !strings.Contains(got, "1001") {
		t.Errorf("the socket ends with %s, want code 1001, going away", got)
	}
	receive(t, stopped, "Run to return")
}

func TestServer_Run_EndedContext(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // it may end before or after the listener is served
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := web.New(web.Config{
			Bus: fakeBus{}, Cable: cable.Config{Handler: quietSockets{}}, Assets: files, Secret: secret, Region: "lhr",
			Registerer: prometheus.NewRegistry(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, ln) }()
		if err := receive(t, ended, "Run to return"); err != nil {
			t.Errorf("Run with an ended context = %v, want nil", err)
		}
	}
}
