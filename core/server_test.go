package core_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be the feature that the tests start.
func TestMain(m *testing.M) {
	if process.Started() {
		switch os.Args[len(os.Args)-1] {
		case "bell":
			process.Serve(bell{})
		default:
			process.Serve(lamp{})
		}
		return
	}
	os.Setenv("PRESENCE_SECRET", "secret of the host") // which no feature may find
	os.Exit(runTests(m))
}

// scratch is a folder for all tests.
var scratch string

func runTests(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "presence-core-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// lamp is a feature with one switch.
type lamp struct{}

var _ plugins.Feature = lamp{}

func (lamp) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "lamp", Title: "Lamp", Style: ":scope { color: red }",
		State:  []plugins.Field{{Name: "light", Kind: plugins.Register}},
		Events: []plugins.EventType{{Name: "set", Fields: []plugins.Param{{Name: "on", Type: plugins.Bool}}}},
	}
}

func (lamp) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Set("light", ev.Fields.Text("on"))}, nil
}

func (lamp) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	word := "dark"
	if v.State.Registers["light"].Value == "true" {
		word = "bright"
	}
	return []plugins.Fragment{{ID: "lamp-light", HTML: `<p id="lamp-light">` + word + `</p>`}}, nil
}

// patience is how long a test waits for what should happen at once.
const patience = 2 * time.Minute

// config returns a config on free ports, with a lamp.
func config(tb testing.TB) core.Config {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), nil))
	eng, err := memory.Open(memory.Config{Site: "lhr", Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := eng.Close(); err != nil {
			tb.Errorf("close engine: %v", err)
		}
	})
	return core.Config{
		Engine: eng, Features: []process.Config{{Name: "lamp", Args: []string{"feature", "lamp"}}},
		Secret: []byte("a secret of the tests"), Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Region: "lhr", Version: "test", Logger: log,
	}
}

// running is a server at work.
type running struct {
	*core.Server
	client *http.Client
	stop   func() error // ends Run and returns what it does
}

// startServer runs a server until the test ends and returns when it is ready.
func startServer(tb testing.TB, cfg core.Config) *running {
	tb.Helper()
	s, err := core.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	jar, _ := cookiejar.New(nil) // never an error
	transport := &http.Transport{}
	r := &running{Server: s, client: &http.Client{Transport: transport, Jar: jar, Timeout: patience}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		transport.CloseIdleConnections()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return fmt.Errorf("run did not return within %v", patience)
		}
	})
	tb.Cleanup(func() {
		if err := r.stop(); err != nil {
			tb.Errorf("Run() = %v, want nil", err)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for began := time.Now(); time.Since(began) < patience; <-tick.C {
		if last = r.get(tb, core.URL(s.AdminAddr())+"/readyz"); last == "ready\n" {
			return r
		}
	}
	tb.Fatalf("server is not ready after %v: %s", patience, last)
	return nil
}

func (r *running) get(tb testing.TB, url string) (body string) {
	tb.Helper()
	res, err := r.client.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, res)
}

func read(tb testing.TB, res *http.Response) string {
	tb.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// children returns the process ids of this process's children. Without /proc there
// are none.
func children() map[int]bool {
	pids := map[int]bool{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …; only the name may hold spaces.
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids[pid] = true
		}
	}
	return pids
}

// A whole binary: it serves a room, takes an event, and leaves nothing behind.
func TestServer_Run(t *testing.T) {
	before := children()
	leaks := goleak.IgnoreCurrent()
	t.Run("Serve", func(t *testing.T) {
		s := startServer(t, config(t))
		if _, err := os.Stat("/proc/self/stat"); err == nil && len(children()) != len(before)+1 {
			t.Errorf("there are %d processes below this one, want one more than %d", len(children()), len(before))
		}
		home := core.URL(s.Addr())
		if body := s.get(t, home); !strings.Contains(body, ">dark</p>") || !strings.Contains(body, "features-") {
			t.Errorf("the first page lacks the lamp or its style:\n%s", body)
		}
		res, err := s.client.PostForm(home+"/rooms/home/lamp/set", url.Values{"on": {"true"}})
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, res); res.StatusCode != http.StatusOK || !strings.Contains(body, ">bright</p>") {
			t.Errorf("the page after the event = %s:\n%s", res.Status, body)
		}
		if body := s.get(t, home+"/r/kitchen"); !strings.Contains(body, ">dark</p>") {
			t.Error("the light of one room shines in another")
		}
		metrics := s.get(t, core.URL(s.AdminAddr())+"/metrics")
		for _, name := range []string{"presence_http_seconds", "presence_plugin_up", "go_goroutines", "process_open_fds"} {
			if !strings.Contains(metrics, name) {
				t.Errorf("the metrics lack %s", name)
			}
		}
		if err := s.stop(); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		for _, addr := range []net.Addr{s.Addr(), s.AdminAddr()} {
			if conn, err := net.Dial("tcp", addr.String()); err == nil {
				conn.Close()
				t.Errorf("%v still takes connections", addr)
			}
		}
		s.Close()
		s.Close()
	})
	for pid := range children() {
		if !before[pid] {
			t.Errorf("process %d is left", pid)
		}
	}
	if err := goleak.Find(leaks,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"),
	); err != nil {
		t.Error(err)
	}
}

func TestServer_Run_EndedContext(t *testing.T) {
	s, err := core.New(config(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run with an ended context = %v, want nil", err)
	}
	if conn, err := net.Dial("tcp", s.Addr().String()); err == nil {
		conn.Close()
		t.Error("the address still takes connections")
	}
}

// A feature that does not start costs its corner, not the page.
func TestServer_Run_FeatureAway(t *testing.T) {
	cfg := config(t)
	cfg.Features = append(cfg.Features, process.Config{Name: "broken", Path: "/nowhere"})
	s, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: patience}
	// A page waits for the features at most two seconds, and is served all the same.
	wait(t, "the page to show what starts, and a corner for what does not", func() (string, bool) {
		res, err := client.Get(core.URL(s.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		body := read(t, res)
		if res.StatusCode != http.StatusOK || !strings.Contains(body, `id="broken"`) {
			t.Fatalf("GET / = %s:\n%s", res.Status, body)
		}
		return body, strings.Contains(body, ">dark</p>")
	})
	res, err := client.Get(core.URL(s.AdminAddr()) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, res); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "broken") || strings.Contains(body, "lamp") {
		t.Errorf("GET /readyz = %s, %q, want 503 and the name of what is missing", res.Status, body)
	}
	transport.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

func TestNew_Errors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name  string
		spoil func(*core.Config)
		want  []string // in lines
	}{
		{"Listen", func(c *core.Config) { c.Listen = taken.Addr().String() }, []string{"--listen is "}},
		{"Admin", func(c *core.Config) { c.Admin = taken.Addr().String() }, []string{"--admin is "}},
		{"Both", func(c *core.Config) { c.Listen, c.Admin = taken.Addr().String(), taken.Addr().String() }, []string{"--listen is ", "--admin is "}},
		{"Features", func(c *core.Config) { c.Features = append(c.Features, c.Features[0]) }, []string{`feature "lamp"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t)
			tt.spoil(&cfg)
			s, err := core.New(cfg)
			if err == nil {
				s.Close()
				t.Fatal("New() = nil, want an error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("New() = %v, want %d lines", err, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %s…", i+1, lines[i], want)
				}
			}
		})
	}
}

// An address that was taken in vain is given back.
func TestNew_GivesBack(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	cfg := config(t)
	cfg.Listen, cfg.Admin = free.Addr().String(), taken.Addr().String()
	if s, err := core.New(cfg); err == nil {
		s.Close()
		t.Fatal("New() = nil, want an error")
	}
	taken.Close()
	s, err := core.New(cfg)
	if err != nil {
		t.Fatalf("New() after the address is free = %v", err)
	}
	s.Close()
	s.Close()
	again, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

func TestURL(t *testing.T) {
	for addr, want := range map[string]string{
		":8080": "http://localhost:8080", "0.0.0.0:80": "http://localhost:80", "[::]:8080": "http://localhost:8080",
		"127.0.0.1:9090": "http://127.0.0.1:9090", "[::1]:9090": "http://[::1]:9090", "192.0.2.7:1": "http://192.0.2.7:1",
	} {
		if got := core.URL(address(addr)); got != want {
			t.Errorf("URL(%s) = %s, want %s", addr, got, want)
		}
	}
}

// address is a net.Addr.
type address string

func (address) Network() string { return "tcp" }

func (a address) String() string { return string(a) }
