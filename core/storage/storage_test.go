package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/settings"
	"github.com/global-presence/presence/core/storage"
)

func freeAddr(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// checked returns settings as main has them.
func checked(tb testing.TB, s settings.Store) settings.Store {
	tb.Helper()
	s.PeerTimeout, s.KeyDBMemory = "10m", "64mb"
	d := settings.Doctor{Store: s}
	if err := d.Check(); err != nil {
		tb.Fatal(err)
	}
	return d.Store
}

func open(tb testing.TB, s settings.Store) *storage.Storage {
	tb.Helper()
	o := storage.Options{StopTimeout: 10 * time.Second, Logger: slog.New(slog.NewTextHandler(tb.Output(), nil))}
	st, err := storage.Open(tb.Context(), checked(tb, s), o)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return st
}

// run runs an engine until it is stopped, or the test ends.
func run(tb testing.TB, e engine.Engine) (ended <-chan error, stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	end, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		end <- e.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	tb.Cleanup(stop)
	return end, stop
}

// write appends until that is taken, and fails when the engine ends.
func write(tb testing.TB, e engine.Engine, ended <-chan error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), keydbtest.Patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := e.Append(ctx, engine.Batch{Binary: "a", Beat: &engine.Beat{}})
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case err := <-ended:
			tb.Fatalf("Run ended: %v", err)
		case <-ctx.Done():
			tb.Fatalf("nothing is taken after %v: %v", keydbtest.Patience, err)
		}
	}
}

// A hosted store takes writes, keeps its cookies' secret and its name, and leaves.
func TestOpen_hosted(t *testing.T) {
	s := settings.Store{Region: "lhr", KeyDB: settings.Hosted, Data: t.TempDir(), KeyDBBin: keydbtest.Have(t, "redis-server"), KeyDBListen: freeAddr(t), SyncTimeout: "30s"}
	var secrets []string
	for range 2 {
		st := open(t, s)
		ended, stop := run(t, st.Engine)
		write(t, st.Engine, ended)
		if name := st.Engine.Site(); name != "lhr" {
			t.Errorf("site = %q, want lhr", name)
		}
		secrets = append(secrets, string(st.Secret))
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil when ctx ends", err)
		}
	}
	if secrets[0] != secrets[1] || len(secrets[0]) < 16 {
		t.Errorf("secrets are %d and %d bytes, equal: %t; want the same one", len(secrets[0]), len(secrets[1]), secrets[0] == secrets[1])
	}
}

// Two servers of one site beside a peer that is dead: the second gives way, though
// no store is ever synced.
func TestOpen_hosted_nameTaken(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
	addrs := []string{freeAddr(t), freeAddr(t), freeAddr(t)} // nobody is at the third
	store := func(i int) *storage.Storage {
		return open(t, settings.Store{
			Region: "lhr", KeyDB: settings.Hosted, Data: t.TempDir(), KeyDBBin: bin, KeyDBListen: addrs[i],
			Secret: "a secret of all regions", Peers: addrs, SyncTimeout: "15s",
		})
	}
	first := store(0)
	ended, stop := run(t, first.Engine)
	write(t, first.Engine, ended)

	second, _ := run(t, store(1).Engine)
	timeout := time.NewTimer(keydbtest.Patience)
	defer timeout.Stop()
	select {
	case err := <-second:
		if _, taken := errors.AsType[*hosted.TakenError](err); !taken {
			t.Errorf("Run of the second = %v, want *TakenError", err)
		}
	case err := <-ended:
		t.Fatalf("Run of the first = %v, want it to go on", err)
	case <-timeout.C:
		t.Fatalf("both go on, still after %v", keydbtest.Patience)
	}
	write(t, first.Engine, ended)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run of the first = %v, want nil when ctx ends", err)
	}
}

// A store that is known by its URL, with what signs cookies in all its regions.
func TestOpen_url(t *testing.T) {
	const password = "a password of the store"
	port := mustPort(t, freeAddr(t))
	server := exec.Command(keydbtest.Have(t, "redis-server"), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--requirepass", password)
	server.Stdout = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	url := "redis://:a%20password%20of%20the%20store@127.0.0.1:" + strconv.Itoa(port) + "/0"
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range int(keydbtest.Patience / (50 * time.Millisecond)) {
		if err = client.Ping(t.Context()).Err(); err == nil {
			break
		}
		<-tick.C
	}
	if err != nil {
		t.Fatal(err)
	}

	var secrets [][]byte
	for _, s := range []settings.Store{{Region: "lhr"}, {Region: "syd"}, {Region: "iad", Secret: "a secret of all regions"}} {
		s.KeyDB, s.SyncTimeout, s.KeyDBListen = url, "30s", "127.0.0.1:6379"
		st := open(t, s)
		ended, stop := run(t, st.Engine)
		write(t, st.Engine, ended)
		secrets = append(secrets, st.Secret)
		stop()
	}
	if !slices.Equal(secrets[0], secrets[1]) || strings.Contains(string(secrets[0]), password) || string(secrets[2]) != "a secret of all regions" {
		t.Error("the secret is not the same in two regions, or tells the password, or is not the one that is set")
	}
}

func TestOpen_memory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	var secrets []string
	for range 2 {
		st := open(t, settings.Store{Region: "lhr", Site: "lhr-2", Data: file, SyncTimeout: "30s"})
		secrets = append(secrets, string(st.Secret))
		if name := st.Engine.Site(); name != "lhr-2" {
			t.Errorf("site = %q, want lhr-2", name)
		}
		if err := errors.Join(st.Close(), st.Close()); err != nil {
			t.Errorf("Close = %v, also twice", err)
		}
	}
	if secrets[0] != secrets[1] || secrets[0] == "" {
		t.Error("the secret is not kept in the file")
	}
}

// A secret that is too short to be one is not used.
func TestOpen_hosted_brokenSecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := checked(t, settings.Store{Region: "lhr", KeyDB: settings.Hosted, Data: dir, KeyDBBin: keydbtest.Have(t, "redis-server"), KeyDBListen: freeAddr(t), SyncTimeout: "30s"})
	_, err := storage.Open(t.Context(), s, storage.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "want at least 16 bytes") {
		t.Errorf("Open = %v, want it to tell of the file", err)
	}
}

// A hosted server is killed before its stage is given up.
func TestHosted_stopTimeout(t *testing.T) {
	if got, want := storage.StopTimeoutOf(10*time.Second), 7*time.Second; got != want {
		t.Errorf("the server has %v to end, want %v", got, want)
	}
}

func mustPort(tb testing.TB, addr string) int {
	tb.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
