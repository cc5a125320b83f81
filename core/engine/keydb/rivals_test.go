package keydb_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// Two servers that copy each other and are given to the same site take each other's
// writes away. Neither is let go on, until one is no longer used.
func TestStore_Health_sameSite(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
	var log journal
	s := open(t, keydb.Config{URL: mesh[0].URL(), Logger: log.logger()})
	other := open(t, keydbConfig(mesh[1]))
	const want = "site lhr is also written by another server: give one of them --site lhr-2"
	told := [2]bool{}
	wait(t, "word of the other server on both", func() string {
		for i, s := range []*keydb.Store{s, other} {
			_, err := s.Health(t.Context())
			told[i] = told[i] || errors.Is(err, engine.ErrUnavailable) && strings.Contains(err.Error(), want)
		}
		if !told[0] || !told[1] {
			return "log: " + log.String()
		}
		return ""
	})
	waitHealth(t, s, "word that the other is gone", synced)
	if log.count("level=ERROR") != 1 || log.count(want) != 1 || log.count("no other server") != 1 {
		t.Errorf("log = %s, want one error and its end", &log)
	}
}

// Binaries that share a server are no rivals, nor is the server's former life.
func TestStore_Health_sameServer(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	stores := []*keydb.Store{open(t, keydbConfig(server)), open(t, keydbConfig(server))}
	fields := func() (n int) {
		for field := range server.Client().HGetAll(t.Context(), "gp:site:lhr").Val() {
			if strings.HasPrefix(field, "server:") {
				n++
			}
		}
		return n
	}
	health(t, stores[0])
	if got := fields(); got != 1 {
		t.Fatalf("%d fields of servers, want 1", got)
	}
	server.Restart(true)
	server.Do("HSET", "gp:site:lhr", "server:long-gone", time.Now().Add(-time.Hour).UnixMilli())
	for _, s := range stores {
		waitHealth(t, s, "answer", synced)
	}
	if got := fields(); got < 1 || got > 2 { // the former one's goes too when the restart took long
		t.Errorf("%d fields of servers, want the present one, perhaps the former one, and not that of long ago", got)
	}
	for end := time.After(5 * time.Second); ; { // longer than a rival needs to be found
		for _, s := range stores {
			health(t, s)
		}
		select {
		case <-end:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A server that has not been synced yet is not written to.
func TestStore_Health_noClaimBeforeSync(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Program: "keydb-server", Args: []string{
		"--active-replica", "yes", "--multi-master", "yes", "--replicaof", "127.0.0.1", "1",
	}}) // nobody
	s := open(t, keydbConfig(server))
	if h := health(t, s); h.Synced {
		t.Fatalf("Health = %+v without the peer", h)
	}
	if got := server.Do("EXISTS", "gp:site:lhr"); got != "0" {
		t.Error("the site's hash was written to before the first sync")
	}
	server.Do("REPLICAOF", "REMOVE", "127.0.0.1", "1")
	waitHealth(t, s, "synced", synced)
	if got := server.Do("EXISTS", "gp:site:lhr"); got != "1" {
		t.Error("the site's hash was not written to after it")
	}
}
