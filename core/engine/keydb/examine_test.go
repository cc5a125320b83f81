package keydb_test

import (
	"bufio"
	"context"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// finding returns the finding of a subject.
func finding(t *testing.T, all []keydb.Finding, subject string) keydb.Finding {
	t.Helper()
	for _, f := range all {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("no finding of %q in %+v", subject, all)
	return keydb.Finding{}
}

// expect compares what was found of a subject: its level, and words of the sentence
// and of the mend.
func expect(t *testing.T, all []keydb.Finding, subject string, level keydb.Level, sentence, mend string) {
	t.Helper()
	f := finding(t, all, subject)
	if f.Level != level || !strings.Contains(f.Sentence, sentence) || !strings.Contains(f.Mend, mend) || (level == keydb.OK) != (f.Mend == "") {
		t.Errorf("%s: %s: %q: %q\nwant %s: %q: %q", subject, f.Level, f.Sentence, f.Mend, level, sentence, mend)
	}
}

func TestExamine_allIsWell(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--appendonly", "yes", "--notify-keyspace-events", "Kt$gxe"}})
	s := open(t, keydbConfig(server))
	m := state.Member{User: "u", Region: "lhr", Binary: binary}
	beat := site.Write{Batch: engine.Batch{Binary: binary, Beat: &engine.Beat{Region: "lhr", Version: "1.2"}}}
	writeAll(t, s, beat)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Write(ctx, beat); err != nil && ctx.Err() == nil {
				t.Errorf("Write: %v", err)
			}
		}
	})
	write(t, s, set("a", "1"), engine.Change{Cell: state.Join(room, "tab", m)})
	server.Do("SET", "shop", "1")
	all := keydb.Examine(t.Context(), keydb.Config{URL: server.URL(), Site: home})
	var subjects []string
	for _, f := range all {
		subjects = append(subjects, f.Subject)
		if f.Level != keydb.OK || f.Sentence == "" || f.Mend != "" {
			t.Errorf("%s: %s: %q: %q", f.Subject, f.Level, f.Sentence, f.Mend)
		}
	}
	want := []string{"connection", "version", "role", "notifications", "scripts and streams", "persistence", "memory", "clock", "keys", "site lhr", "members"}
	if diff := cmp.Diff(want, subjects); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	expect(t, all, "version", keydb.OK, "Redis ", "")
	expect(t, all, "keys", keydb.OK, "1 log, 2 states, 1 site, 1 of other programs", "")
	expect(t, all, "site lhr", keydb.OK, "region lhr 1.2: beats", "")
	expect(t, all, "members", keydb.OK, "1 member in the rooms by way of site lhr", "")
}

func TestExamine_faults(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"}})
	s := open(t, keydbConfig(server))
	ahead := state.ID{MS: time.Now().Add(time.Hour).UnixMilli()}
	m := state.Member{User: "u", Region: "lhr", Binary: "dead"}
	write(t, s, engine.Change{Cell: state.Join(room, "tab", m)})
	writeAll(t, s, site.Write{Batch: engine.Batch{After: ahead, Events: []string{"e"}}})
	server.Do("HSET", "gp:site:syd", "region", "syd", "beat", time.Now().Add(-time.Hour).UnixMilli())
	server.Do("HSET", "gp:site:lhr", "server:one", time.Now().UnixMilli(), "server:two", time.Now().UnixMilli(), "server:old", 1)
	cfg := keydb.Config{URL: server.URL(), Site: home, DeadAfter: time.Millisecond}
	wait(t, "death of the binary", func() string {
		return cmp.Diff(keydb.Warn, finding(t, keydb.Examine(t.Context(), cfg), "members").Level)
	})
	all := keydb.Examine(t.Context(), cfg)
	expect(t, all, "notifications", keydb.Warn, `notify-keyspace-events is ""`, "set notify-keyspace-events Kt$gxe")
	expect(t, all, "persistence", keydb.Warn, "append-only file is off", "set appendonly yes")
	expect(t, all, "memory", keydb.Bad, "policy allkeys-lru", "set maxmemory-policy noeviction")
	expect(t, all, "log of lhr", keydb.Warn, "ahead of the clock", "clock right")
	expect(t, all, "site lhr", keydb.Warn, "ever beaten there", "start one")
	expect(t, all, "servers of lhr", keydb.Warn, "2 servers took writes for it", "--site lhr-2")
	expect(t, all, "site syd", keydb.Warn, "region syd: has not beaten for 1h0m", "state still counts")
	expect(t, all, "members", keydb.Warn, "0 members in the rooms by way of site lhr, and 1 whose presence died", "removes them")
	for _, f := range all {
		if strings.Contains(f.Sentence+f.Mend, "\n") {
			t.Errorf("%s: more than one line: %q", f.Subject, f)
		}
	}
}

func TestExamine_replicas(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	all := keydb.Examine(t.Context(), keydb.Config{URL: primary.URL(), ReadURL: replica.URL()})
	expect(t, all, "role, write", keydb.OK, "primary with 1 replica", "")
	expect(t, all, "role, read", keydb.OK, "read replica of 127.0.0.1:", "")
	expect(t, all, "link, write", keydb.OK, "to 127.0.0.1:", "")
	expect(t, all, "link, read", keydb.OK, "from "+primary.Addr()+": up", "")
	expect(t, all, "copy, read", keydb.OK, "it copies "+primary.Addr()+": it has the same replication id", "")

	alone := keydbtest.Start(t, keydbtest.Options{})
	all = keydb.Examine(t.Context(), brisk(alone, replica))
	expect(t, all, "copy, read", keydb.Bad, replica.Addr()+": it does not copy "+alone.Addr(), "give --keydb-read a server that copies "+alone.Addr())
	if keys := alone.Do("KEYS", "*"); keys != "[]" {
		t.Errorf("keys that were left: %s", keys)
	}

	all = keydb.Examine(t.Context(), keydb.Config{URL: replica.URL()})
	expect(t, all, "role", keydb.Bad, "read-only replica", "give the primary's URL for writes")
	for _, f := range all {
		if f.Subject != "role" && strings.Contains(f.Mend, "give the primary's URL") {
			t.Errorf("told twice: %+v", f)
		}
	}

	primary.Kill()
	wait(t, "word of the link", func() string {
		f := finding(t, keydb.Examine(t.Context(), keydb.Config{URL: replica.URL()}), "link")
		return cmp.Diff(keydb.Bad, f.Level)
	})
}

func TestExamine_mesh(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{})
	all := keydb.Examine(t.Context(), keydbConfig(mesh[0]))
	expect(t, all, "version", keydb.OK, "KeyDB 6.3", "")
	expect(t, all, "role", keydb.OK, "active replica that copies 2 servers", "")
	links := 0
	for _, f := range all {
		if f.Subject == "link" && f.Level == keydb.OK {
			links++
		}
	}
	if links != 4 {
		t.Errorf("%d links that are right, want 2 in and 2 out: %+v", links, all)
	}
}

func TestExamine_meshReads(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
	all := keydb.Examine(t.Context(), brisk(mesh[0], mesh[1]))
	expect(t, all, "copy, read", keydb.OK, "it copies "+mesh[0].Addr()+": what was written there arrived", "")
	mesh[0].Kill()
	all = keydb.Examine(t.Context(), keydb.Config{URL: mesh[1].URL(), Site: home, Hosted: true})
	f := finding(t, all, "link")
	if f.Level != keydb.Bad || strings.Contains(f.Mend, "masterauth") || !strings.Contains(f.Mend, "--secret") {
		t.Errorf("link of a hosted server: %+v, want word of what the program's own settings are", f)
	}
}

// A presence that has just stopped beats no more, whatever its last beat says.
func TestExamine_stopped(t *testing.T) {
	s, server := openRedis(t)
	writeAll(t, s, site.Write{Batch: engine.Batch{Binary: binary, Beat: &engine.Beat{Region: "lhr", Version: "1.2"}}})
	all := keydb.Examine(t.Context(), keydbConfig(server))
	expect(t, all, "site lhr", keydb.Warn, "region lhr 1.2: no beat came for 3s", "see whether its presence runs")
	expect(t, all, "members", keydb.OK, "nobody is in a room", "")
}

func TestExamine_full(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--maxmemory", "1kb"}})
	all := keydb.Examine(t.Context(), keydbConfig(server))
	expect(t, all, "scripts and streams", keydb.Bad, "no write is taken: its memory is full", "see the line of its memory below")
	expect(t, all, "memory", keydb.Bad, "it is full", "raise maxmemory")
	hosted := keydbConfig(server)
	hosted.Hosted = true
	expect(t, keydb.Examine(t.Context(), hosted), "memory", keydb.Bad, "it is full", "raise --keydb-memory")
}

// greeter starts a server that says something to whoever connects.
func greeter(t *testing.T, words string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.Write([]byte(words))              //nolint:errcheck // who hung up does not hear it
				bufio.NewReader(c).ReadString('\n') //nolint:errcheck // it waits for a word, whatever it is
			})
		}
	})
	return l.Addr().String()
}

func TestExamine_strangers(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	secure := keydbtest.Start(t, keydbtest.Options{TLS: pool, Args: []string{
		"--tls-auth-clients", "no", "--tls-cert-file", filepath.Join(dir, "cert.pem"),
		"--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"),
	}})
	plain := keydbtest.Start(t, keydbtest.Options{})
	web := httptest.NewServer(nil)
	defer web.Close()
	webAddr := web.Listener.Addr().String()
	tests := []struct {
		name, url      string
		sentence, mend string
	}{
		{"TLS", "redis://" + secure.Addr(), "it closed the connection", "if it speaks TLS, use rediss://"},
		{"NoTLS", "rediss://" + plain.Addr(), "it did not answer in time", "if it speaks no TLS, use redis://"},
		{"Certificate", "rediss://" + secure.Addr(), "certificate", "SSL_CERT_FILE"},
		{"HTTP", "redis://" + webAddr, "an HTTP server answers there", "correct the host and the port"},
		{"HTTPWithPassword", "redis://:pw@" + webAddr, "an HTTP server answers there", "correct the host and the port"},
		{"HTTPForTLS", "rediss://" + webAddr, "an HTTP server answers there", "correct the host and the port"},
		{"HTML", "redis://" + greeter(t, "<!DOCTYPE HTML>\n"), "an HTTP server answers there", "correct the host and the port"},
		{"SSH", "redis://" + greeter(t, "SSH-2.0-OpenSSH_9.2\r\n"), `no KeyDB, Valkey or Redis, and said "SSH-2.0-OpenSSH_9.2`, "correct the host and the port"},
		{"Name", "redis://nobody.invalid", "nobody.invalid", "correct the host in the URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			timeout := keydbtest.Patience
			if tt.name == "NoTLS" { // which both wait for the other's first word
				timeout = time.Second
			}
			all := keydb.Examine(t.Context(), keydb.Config{URL: tt.url, Timeout: timeout, DialTimeout: timeout})
			expect(t, all, "connection", keydb.Bad, tt.sentence, tt.mend)
			if f := all[0]; strings.Contains(f.Sentence, f.Mend) || len(all) != 1 {
				t.Errorf("findings = %+v, want one that tells its advice once", all)
			}
		})
	}
}

func TestExamine_unusable(t *testing.T) {
	locked := keydbtest.Start(t, keydbtest.Options{Password: "right"})
	away := keydbtest.Start(t, keydbtest.Options{})
	away.Kill()
	tests := []struct {
		name           string
		cfg            keydb.Config
		subject        string
		sentence, mend string
	}{
		{"Settings", keydb.Config{URL: "x"}, "settings", `"x": want redis://`, "correct"},
		{"Password", keydb.Config{URL: "redis://:wrong@" + locked.Addr()}, "connection", "it refuses the user or the password", "correct them in the URL"},
		{"Away", keydb.Config{URL: away.URL()}, "connection", "connection refused", "start the server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := keydb.Examine(t.Context(), tt.cfg)
			expect(t, all, tt.subject, keydb.Bad, tt.sentence, tt.mend)
			if f := all[0]; strings.Contains(f.Sentence, f.Mend) {
				t.Errorf("finding = %+v, which tells its advice twice", f)
			}
		})
	}
}
