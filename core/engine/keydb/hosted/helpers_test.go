package hosted_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(hostVariable) != "" {
		host() // does not return
	}
	goleak.VerifyTestMain(m)
}

// programs runs a test with each kind of server.
func programs(t *testing.T, test func(t *testing.T, bin string)) {
	for _, name := range []string{"redis-server", "keydb-server"} {
		t.Run(name, func(t *testing.T) { test(t, keydbtest.Have(t, name)) })
	}
}

// freeAddr returns an address of host that nobody listens on.
func freeAddr(tb testing.TB, host string) string {
	tb.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Skipf("listen on %s: %v", host, err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// running is a server that runs.
type running struct {
	*hosted.Server
	client *redis.Client
	log    *record
	ended  chan error
	cancel context.CancelFunc
}

// start runs a server until the test ends.
func start(tb testing.TB, cfg hosted.Config) *running {
	tb.Helper()
	r := launch(tb, cfg)
	r.log.wait(tb, "keydb server started") // it may answer to others a moment before
	return r
}

// launch is start, which waits for nothing.
func launch(tb testing.TB, cfg hosted.Config) *running {
	tb.Helper()
	if cfg.Dir == "" {
		cfg.Dir = tb.TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = freeAddr(tb, "127.0.0.1")
	}
	cfg.MaxMemory = "64mb"
	log := &record{tb: tb}
	cfg.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := hosted.New(cfg)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	s.SetClaimInterval(20 * time.Millisecond)
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		tb.Fatalf("ParseURL of %s: %v", s.URL(), err)
	}
	options.Protocol, options.MaxRetries = 2, -1
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context())) // ended by the clean-up
	r := &running{Server: s, client: redis.NewClient(options), log: log, ended: make(chan error, 1), cancel: cancel}
	go func() { r.ended <- s.Run(ctx) }()
	tb.Cleanup(func() {
		r.stop(tb)
		_ = r.client.Close()
	})
	return r
}

// stop ends the server, once, and waits for that.
func (r *running) stop(tb testing.TB) {
	tb.Helper()
	r.cancel()
	if err, ok := <-r.ended; ok {
		close(r.ended)
		if err != nil {
			tb.Errorf("Run: %v", err)
		}
	}
}

// info returns a value of INFO, "" when there is none.
func (r *running) info(tb testing.TB, section, name string) string {
	tb.Helper()
	text, err := r.client.Info(tb.Context(), section).Result()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

// process returns the server's process.
func (r *running) process(tb testing.TB) *os.Process {
	tb.Helper()
	pid, err := strconv.Atoi(r.info(tb, "server", "process_id"))
	if err != nil {
		tb.Fatalf("process_id: %v", err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// set writes a key.
func (r *running) set(tb testing.TB, key, value string) {
	tb.Helper()
	if err := r.client.Set(tb.Context(), key, value, 0).Err(); err != nil {
		tb.Fatalf("SET %s: %v", key, err)
	}
}

// waitValue waits until a key has a value.
func (r *running) waitValue(tb testing.TB, key, want string) {
	tb.Helper()
	waitFor(tb, key, func() error {
		got, err := r.client.Get(tb.Context(), key).Result()
		if err == nil && got != want {
			err = fmt.Errorf("GET %s = %q, want %q", key, got, want)
		}
		return err
	})
}

// waitFor waits until check returns nil.
func waitFor(tb testing.TB, what string, check func() error) {
	tb.Helper()
	timeout := time.NewTimer(keydbtest.Patience)
	defer timeout.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout.C:
			tb.Fatalf("%s: still, after %v: %v", what, keydbtest.Patience, err)
		}
	}
}

// record keeps a log and shows it with the test.
type record struct {
	tb   testing.TB
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(b)
	return r.tb.Output().Write(b)
}

// String returns all that was logged.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// wait waits until the log has a line that contains all words.
func (r *record) wait(tb testing.TB, words ...string) {
	tb.Helper()
	waitFor(tb, "the log", func() error {
		for line := range strings.Lines(r.String()) {
			if containsAll(line, words) {
				return nil
			}
		}
		return fmt.Errorf("no line with %q", words)
	})
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

// wantError checks that err tells of all words.
func wantError(tb testing.TB, err error, words ...string) {
	tb.Helper()
	if err == nil {
		err = errors.New("<nil>")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			tb.Errorf("error %q: want it to contain %q", err, w)
		}
	}
}

// forward listens on an address and passes all on to another.
func forward(tb testing.TB, to string) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	pass := func(from, to net.Conn) {
		defer from.Close()
		defer to.Close()
		_, _ = io.Copy(to, from)
	}
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			context.AfterFunc(ctx, func() { in.Close() })
			wg.Go(func() { pass(in, out) })
			wg.Go(func() { pass(out, in) })
		}
	})
	tb.Cleanup(func() {
		cancel()
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

func mustAtoi(tb testing.TB, s string) int {
	tb.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
