package keydb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/state"
)

func TestStore_Run_wakes(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Password: "pw"})
	s, other := open(t, keydbConfig(server)), open(t, keydb.Config{URL: server.URL(), Site: "syd"})
	woken := runStore(t, s)
	waitWoken(t, woken, "")
	write(t, other, set("a", "1"))
	waitWoken(t, woken, "syd")
	write(t, s, set("a", "1"))
	waitWoken(t, woken, home)
	if h := health(t, s); !h.Notifies {
		t.Errorf("Health = %+v, want it to notify", h)
	}
	names, err := s.Sites(t.Context())
	if err != nil || strings.Join(names, " ") != "lhr syd" {
		t.Errorf("Sites = %v, %v", names, err)
	}
}

func TestStore_Run_addsNotifications(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{"None", "", "Kt"},
		{"Some", "Ex", "xEKt"},
		{"OthersKept", "g$lKE", "g$lKEt"},
		{"All", "KEA", "AKE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--notify-keyspace-events", tt.before}})
			s := open(t, keydbConfig(server))
			waitWoken(t, runStore(t, s), "")
			if got := notifications(t, server); !sameClasses(got, tt.after) {
				t.Errorf("notify-keyspace-events = %q, want %q", got, tt.after)
			}
		})
	}
}

func notifications(tb testing.TB, server *keydbtest.Server) string {
	tb.Helper()
	all, err := server.Client().ConfigGet(tb.Context(), "notify-keyspace-events").Result()
	if err != nil {
		tb.Fatal(err)
	}
	return all["notify-keyspace-events"]
}

func sameClasses(a, b string) bool {
	return len(a) == len(b) && strings.Trim(a, b) == ""
}

func TestStore_Run_addsNotificationsAgain(t *testing.T) {
	s, server := openRedis(t)
	woken := runStore(t, s)
	waitWoken(t, woken, "")
	server.Restart(false) // without what was set
	waitWoken(t, woken, "")
	if got := notifications(t, server); !sameClasses(got, "Kt") {
		t.Errorf("notify-keyspace-events = %q, want Kt", got)
	}
}

func TestStore_Run_notificationsForbidden(t *testing.T) {
	for name, before := range map[string]string{"AndMissing": "", "AndSet": "Kt"} {
		t.Run(name, func(t *testing.T) {
			server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--notify-keyspace-events", before}})
			server.Do("ACL", "SETUSER", "limited", "on", ">pw", "~gp:*", "&*", "+@all", "-config")
			var log journal
			s := open(t, keydb.Config{URL: "redis://limited:pw@" + server.Addr(), Logger: log.logger()})
			woken := runStore(t, s)
			waitWoken(t, woken, "")
			if h := health(t, s); h.Notifies {
				t.Errorf("Health = %+v before any notification, want none", h)
			}
			write(t, s, set("a", "1"))
			if before != "" {
				waitWoken(t, woken, home)
			}
			if h := health(t, s); h.Notifies != (before != "") {
				t.Errorf("Health = %+v, want Notifies = %t", h, before != "")
			}
			if n := log.count("set notify-keyspace-events"); n != 1 || log.count("wanted=Kt") != 1 {
				t.Errorf("log = %s, want one line that says what to set", &log)
			}
		})
	}
}

func TestStore_Run_subscriptionForbidden(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	server.Do("ACL", "SETUSER", "deaf", "on", ">pw", "~gp:*", "resetchannels", "+@all")
	var log journal
	s := open(t, keydb.Config{URL: "redis://deaf:pw@" + server.Addr(), Logger: log.logger(), Retry: time.Millisecond, RetryMax: 2 * time.Millisecond})
	runStore(t, s)
	wait(t, "word of it", func() string {
		if log.count("refuses a subscription") < 2 {
			return log.String()
		}
		return ""
	})
	for range 20 { // many tries later
		write(t, s, set("a", "1"))
		if h := health(t, s); !h.Synced || h.Notifies {
			t.Errorf("Health = %+v, want all but notifications", h)
		}
	}
	if n := log.count("level=WARN"); n != 2 || log.count("no permissions to access") != 2 || log.count("pointers and reactions") != 1 {
		t.Errorf("log = %s, want one line each for wake-ups and signals that says what is missing", &log)
	}
}

func TestStore_failsSoonWhileItsServerIsAway(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	registry := prometheus.NewRegistry()
	s := open(t, keydb.Config{URL: server.URL(), Registerer: registry})
	woken := runStore(t, s)
	waitWoken(t, woken, "")
	write(t, s, set("a", "1"))
	server.Kill()
	wait(t, "ErrUnavailable", func() string { // a call at the moment of the kill may have been lucky
		if tryWrite(t, s) == "" {
			return "written"
		}
		return ""
	})
	calls := map[string]func() error{
		"Write":   func() error { _, err := s.Write(t.Context(), siteWrite(set("a", "1"))); return err },
		"Restore": func() error { _, err := s.Restore(t.Context(), restoreOf()); return err },
		"Read":    func() error { _, err := s.Read(t.Context(), engine.Positions{home: {}}, 1); return err },
		"Load":    func() error { _, _, err := s.Load(t.Context(), room); return err },
		"Health":  func() error { _, err := s.Health(t.Context()); return err },
	}
	const times = 200
	start := time.Now()
	for name, call := range calls {
		for range times {
			if err := call(); !errors.Is(err, engine.ErrUnavailable) {
				t.Fatalf("%s = %v, want ErrUnavailable", name, err)
			}
		}
	}
	if took := time.Since(start); took > keydbtest.Patience {
		t.Errorf("%d calls took %v", times*len(calls), took)
	}
	if lost := gauge(t, registry, "presence_keydb_up"); lost != 0 {
		t.Errorf("presence_keydb_up = %v, want 0", lost)
	}
	server.Restart(true)
	waitWoken(t, woken, "")
	wait(t, "write after the restart", func() string { return tryWrite(t, s) })
	if up := gauge(t, registry, "presence_keydb_up"); up != 1 {
		t.Errorf("presence_keydb_up = %v, want 1", up)
	}
}

func gauge(tb testing.TB, r *prometheus.Registry, name string) float64 {
	tb.Helper()
	families, err := r.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}

func TestStore_Write_isSentOnce(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	s := open(t, keydb.Config{URL: server.URL(), Timeout: 100 * time.Millisecond, DialTimeout: 100 * time.Millisecond})
	write(t, s, add("n", 1))
	server.Pause()
	_, err := s.Write(t.Context(), siteWrite(add("n", 1))) // ends, and its outcome is unknown
	if !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Write = %v, want ErrUnavailable", err)
	}
	if _, err := s.Health(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Health = %v, want ErrUnavailable", err)
	}
	server.Resume()
	server.Wait()
	wait(t, "answer after the pause", func() string {
		_, err := s.Health(t.Context())
		if err != nil {
			return err.Error()
		}
		return ""
	})
	if got := value(t, s, "n"); got != "2" {
		t.Errorf("n = %s, want 2: the write that hung was taken once", got)
	}
}

func TestStore_Write_survivesForgottenScripts(t *testing.T) {
	s, server := openRedis(t)
	write(t, s, add("n", 1))
	server.Do("SCRIPT", "FLUSH")
	write(t, s, add("n", 1))
	if got := value(t, s, "n"); got != "2" {
		t.Errorf("n = %s, want 2", got)
	}
}

func TestStore_Write_memoryIsFull(t *testing.T) {
	for _, program := range []string{"redis-server", "keydb-server"} {
		t.Run(program, func(t *testing.T) {
			memoryIsFull(t, keydbtest.Start(t, keydbtest.Options{Program: program}))
		})
	}
}

func memoryIsFull(t *testing.T, server *keydbtest.Server) {
	s := open(t, keydbConfig(server))
	write(t, s, set("a", "1"))
	server.Do("CONFIG", "SET", "maxmemory", "1")
	if got := tryWrite(t, s); !strings.Contains(got, "its memory is full (maxmemory)") {
		t.Errorf("Write = %s, want word of the memory", got)
	}
	if got := value(t, s, "a"); got != "1" {
		t.Errorf("a = %q: reading goes on", got)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	if got := tryWrite(t, s); got != "" {
		t.Errorf("Write = %s once there is room", got)
	}
}

func TestStore_Write_serverBecomesAReplica(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	s, server := openRedis(t)
	write(t, s, set("a", "1"))
	server.Follow(primary)
	server.WaitLinks()
	if got := tryWrite(t, s); !strings.Contains(got, "read-only replica") {
		t.Errorf("Write = %s, want word of the replica", got)
	}
	server.Do("REPLICAOF", "NO", "ONE")
	wait(t, "write to the promoted server", func() string { return tryWrite(t, s) })
}

func TestStore_Close(t *testing.T) {
	s, _ := openRedis(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background(), func(string) {}, func(string, []byte) {}) }()
	write(t, s, set("a", "1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
	if got := tryWrite(t, s); !strings.Contains(got, "closed") {
		t.Errorf("Write = %q after Close", got)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

func TestStore_Run_removesMembersOfTheDead(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{})
	s := open(t, keydb.Config{URL: server.URL(), DeadAfter: 500 * time.Millisecond})
	later := time.Now().Add(time.Hour).UnixMilli()
	server.Do("HSET", "gp:site:lhr", "binary:living", later, "binary:dead", 1, "region", "lhr")
	join := func(store *keydb.Store, session, binary string) {
		m := state.Member{User: "u", Region: "lhr", Binary: binary}
		write(t, store, engine.Change{Cell: state.Join(room, session, m)})
	}
	join(s, "tab-1", "living")
	join(s, "tab-2", "dead")
	join(s, "tab-3", "never heard of")
	write(t, s, set("a", "1"))
	syd := open(t, keydb.Config{URL: server.URL(), Site: "syd"})
	join(syd, "tab-4", "dead")
	runStore(t, s)
	beatOn(t, s)
	sessions := func() string {
		var all []string
		for _, c := range load(t, s, room) { // in any order; the register has no key
			all = append(all, c.Key)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	wait(t, "removal of members", func() string {
		if got := sessions(); got != " tab-1 tab-4" {
			return "sessions " + got
		}
		return ""
	})
	wait(t, "removal of the binary", func() string {
		if got, err := server.Client().HGet(t.Context(), "gp:site:lhr", "binary:dead").Result(); !errors.Is(err, redis.Nil) {
			return "beat " + got
		}
		return ""
	})
	if got := server.Do("HGET", "gp:site:lhr", "region"); got != "lhr" {
		t.Errorf("region = %q", got)
	}
}
