package hosted_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// The settings reach the server as they were meant, however odd the folder's name
// and the password are.
func TestServer_Run_settings(t *testing.T) {
	programs(t, func(t *testing.T, bin string) {
		dir := filepath.Join(t.TempDir(), `a "b" \n 'ü'`)
		password := `it's "5ecret" \x41 #`
		r := start(t, hosted.Config{Bin: bin, Dir: dir, Password: password})
		want := map[string]string{
			"dir": dir, "requirepass": password, "masterauth": password,
			"appendonly": "yes", "appendfsync": "everysec", "aof-use-rdb-preamble": "yes", "save": "",
			"maxmemory": fmt.Sprint(64 << 20), "maxmemory-policy": "noeviction",
			"repl-timeout": "5", "repl-backlog-size": fmt.Sprint(8 << 20), "replica-read-only": "no",
			"lua-time-limit": "1000", "tcp-keepalive": "15", "protected-mode": "no",
		}
		if strings.Contains(bin, "keydb") {
			want["active-replica"] = "yes" // it does not tell multi-master
		}
		got := map[string]string{}
		for name := range want {
			values, err := r.client.ConfigGet(t.Context(), name).Result()
			if err != nil {
				t.Fatal(err)
			}
			got[name] = values[name]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
		flags, err := r.client.ConfigGet(t.Context(), "notify-keyspace-events").Result()
		if have := flags["notify-keyspace-events"]; err != nil || strings.Trim("Kt$gxe", have) != "" {
			t.Errorf("notify-keyspace-events = %q, %v; want all of Kt$gxe", have, err)
		}
		st, err := os.Stat(filepath.Join(dir, hosted.ConfFile))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("settings' mode = %v, %v; want 0600: the password is in them", st.Mode(), err)
		}
		if strings.Contains(r.log.String(), "5ecret") {
			t.Error("the log has the password")
		}
	})
}

func TestServer_Run_restartsAfterKill(t *testing.T) {
	programs(t, func(t *testing.T, bin string) {
		registry := prometheus.NewPedanticRegistry()
		r := start(t, hosted.Config{Bin: bin, Registerer: registry})
		r.set(t, "light", "on")
		for i := range 2 { // the second time it has lived too short a life to be started at once
			id := r.info(t, "server", "run_id")
			if err := r.process(t).Kill(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "a new server", func() error {
				if now := r.info(t, "server", "run_id"); now == "" || now == id {
					return fmt.Errorf("run_id is %q", now)
				}
				return nil
			})
			r.waitValue(t, "light", "on")
			if got := metric(t, registry, "presence_keydb_server_restarts_total"); got != float64(i+1) {
				t.Errorf("restarts = %v, want %d", got, i+1)
			}
		}
		r.log.wait(t, "keydb server restarts", "signal: killed")
		waitFor(t, "the metric", func() error {
			if got := metric(t, registry, "presence_keydb_server_up"); got != 1 {
				return fmt.Errorf("up = %v, want 1", got)
			}
			return nil
		})
	})
}

func TestServer_Run_restartsWhatHangs(t *testing.T) {
	programs(t, func(t *testing.T, bin string) {
		r := start(t, hosted.Config{Bin: bin, HangTimeout: 2 * time.Second})
		r.set(t, "light", "on")
		if err := pause(r.process(t)); err != nil {
			t.Skip(err)
		}
		r.log.wait(t, "keydb server restarts", "gave no answer for 2s and was killed")
		r.waitValue(t, "light", "on")
	})
}

func TestServer_Run_stops(t *testing.T) {
	programs(t, func(t *testing.T, bin string) {
		dir := t.TempDir()
		r := start(t, hosted.Config{Bin: bin, Dir: dir})
		r.set(t, "light", "on")
		addr := r.client.Options().Addr
		r.stop(t)
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Error("the server lives after Run")
		}
		for _, want := range []string{"keydb server stopped", "User requested shutdown"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
		start(t, hosted.Config{Bin: bin, Dir: dir, Listen: addr}).waitValue(t, "light", "on")
	})
}

// What a killed server had begun to write does not fill the disk.
func TestServer_Run_tidies(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"temp-rewriteaof-30865.aof", "temp-12.rdb", "kept.aof"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: dir})
	left, err := filepath.Glob(filepath.Join(dir, "*.aof"))
	rdb, err2 := filepath.Glob(filepath.Join(dir, "temp-*.rdb"))
	if len(left) != 1 || len(rdb) != 0 || err != nil || err2 != nil {
		t.Errorf("left: %q, %q, %v, %v; want kept.aof alone", left, rdb, err, err2)
	}
}

func TestServer_Run_killsWhatDoesNotStop(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), StopTimeout: 300 * time.Millisecond})
	if err := pause(r.process(t)); err != nil {
		t.Skip(err)
	}
	r.stop(t)
	r.log.wait(t, "keydb server killed: it did not stop")
}

// What can never work ends Run at once, with the reason.
func TestServer_Run_cannotStart(t *testing.T) {
	bin := keydbtest.Have(t, "redis-server")

	t.Run("PortInUse", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		s := newServer(t, hosted.Config{Bin: bin, Listen: ln.Addr().String()})
		wantError(t, s.Run(t.Context()), "cannot listen on "+ln.Addr().String(), "--keydb-listen", "address already in use")
	})

	t.Run("FolderInUse", func(t *testing.T) {
		dir := t.TempDir()
		start(t, hosted.Config{Bin: bin, Dir: dir})
		s := newServer(t, hosted.Config{Bin: bin, Dir: dir, LockTimeout: 100 * time.Millisecond})
		wantError(t, s.Run(t.Context()), "data folder "+dir+" is in use by another presence or its server")
	})

	t.Run("SettingRefused", func(t *testing.T) {
		s := newServer(t, hosted.Config{Bin: script(t, `exec `+bin+` "$@" --no-such-setting 1`)})
		wantError(t, s.Run(t.Context()), "run the server: Redis", "exit status 1", "no-such-setting", "Bad directive")
	})

	t.Run("DataBroken", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte("not a log\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newServer(t, hosted.Config{Bin: bin, Dir: dir})
		wantError(t, s.Run(t.Context()), "run the server: Redis", "Bad file format reading the append only file")
	})

	t.Run("NameUnknown", func(t *testing.T) {
		s := newServer(t, hosted.Config{Bin: bin, Password: "5ecret", Listen: "nowhere.invalid:6379", Resolver: &resolver{}})
		wantError(t, s.Run(t.Context()), `look up listen address "nowhere.invalid"`, "no such host")
	})

	t.Run("Silent", func(t *testing.T) {
		s := newServer(t, hosted.Config{Bin: script(t, "exit 0")})
		wantError(t, s.Run(t.Context()), "ended (exit status 0)")
	})
}

// One who comes while another leaves waits for the folder.
func TestServer_Run_folderLeft(t *testing.T) {
	bin, dir := keydbtest.Have(t, "redis-server"), t.TempDir()
	first := start(t, hosted.Config{Bin: bin, Dir: dir})
	first.set(t, "light", "on")
	second := launch(t, hosted.Config{Bin: bin, Dir: dir, LockTimeout: keydbtest.Patience})
	second.log.wait(t, "waiting for an earlier server to leave the data folder")
	first.stop(t)
	second.waitValue(t, "light", "on")
}

// newServer returns a server that does not run.
func newServer(tb testing.TB, cfg hosted.Config) *hosted.Server {
	tb.Helper()
	if cfg.Dir == "" {
		cfg.Dir = tb.TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = freeAddr(tb, "127.0.0.1")
	}
	s, err := hosted.New(cfg)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return s
}

// script returns a program that says it is Redis and else does what body says.
func script(tb testing.TB, body string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "server")
	text := "#!/bin/sh\n[ \"$1\" != --version ] || { echo 'Redis server v=7.0.0 x'; exit; }\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		tb.Fatal(err)
	}
	return path
}

// metric returns the value of a metric without labels.
func metric(tb testing.TB, r prometheus.Gatherer, name string) float64 {
	tb.Helper()
	families, err := r.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}
