package keydb_test

import (
	"strings"
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
	expect(t, all, "keys", keydb.OK, "1 logs, 2 states, 1 sites, 1 of other programs", "")
	expect(t, all, "site lhr", keydb.OK, "region lhr 1.2: beats", "")
	expect(t, all, "members", keydb.OK, "1 of living binaries", "")
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
	expect(t, all, "site lhr", keydb.Warn, "never beaten", "start a presence there")
	expect(t, all, "servers of lhr", keydb.Warn, "2 servers took writes for it", "--site lhr-2")
	expect(t, all, "site syd", keydb.Warn, "region syd: has not beaten for 1h0m", "state still counts")
	expect(t, all, "members", keydb.Warn, "1 of binaries that died, 0 of living ones", "removes them")
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

	all = keydb.Examine(t.Context(), keydb.Config{URL: replica.URL()})
	expect(t, all, "role", keydb.Bad, "read-only replica", "give the primary's URL for writes")
	expect(t, all, "scripts and streams", keydb.Bad, "replica", "")

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
			expect(t, keydb.Examine(t.Context(), tt.cfg), tt.subject, keydb.Bad, tt.sentence, tt.mend)
		})
	}
}
