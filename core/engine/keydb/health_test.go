package keydb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

func restoreOf() site.Restore { return site.Restore{Events: []string{"e"}} }

func health(tb testing.TB, s *keydb.Store) site.Health {
	tb.Helper()
	h, err := s.Health(tb.Context())
	if err != nil {
		tb.Fatalf("Health: %v", err)
	}
	return h
}

// waitHealth waits until done finds nothing to say against the health.
func waitHealth(tb testing.TB, s *keydb.Store, what string, done func(h site.Health) bool) site.Health {
	tb.Helper()
	var h site.Health
	wait(tb, what, func() string {
		var err error
		if h, err = s.Health(tb.Context()); err == nil && done(h) {
			return ""
		}
		return fmt.Sprintf("%+v, %v", h, err)
	})
	return h
}

func synced(h site.Health) bool { return h.Synced }

func TestStore_Health_alone(t *testing.T) {
	s, server := openRedis(t)
	before := health(t, s)
	if !before.Synced || before.Missing != "" || before.Notifies {
		t.Errorf("Health = %+v, want synced at once, without notifications", before)
	}
	if again := health(t, s); again != before {
		t.Errorf("Health = %+v, then %+v with nothing changed", before, again)
	}
	server.Restart(true)
	after := waitHealth(t, s, "answer", synced)
	if after.Incarnation == before.Incarnation {
		t.Errorf("Incarnation = %q before and after a restart", after.Incarnation)
	}
}

func TestStore_Health_replicas(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	s := open(t, keydbConfig(primary))
	alone := health(t, s)
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	waitHealth(t, s, "word of the replica", func(h site.Health) bool { return h.Synced && h.Links != alone.Links })

	both := open(t, keydbConfig2(primary, replica))
	before := waitHealth(t, both, "synced", synced)
	replica.Do("CLIENT", "KILL", "TYPE", "master")
	waitHealth(t, both, "word of the broken link", func(h site.Health) bool { return h.Synced && h.Links != before.Links })

	primary.Kill()
	wait(t, "word that the primary is away", func() string {
		if got := tryWrite(t, both); !strings.Contains(got, primary.Addr()) {
			return "Write: " + got
		}
		return ""
	})
	if len(load(t, both, room)) != 0 {
		t.Error("reading does not go on")
	}
}

func TestStore_Load_containsWhatWasWritten(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	s := open(t, keydbConfig2(primary, replica))
	for i := range 200 {
		write(t, s, add("n", 1))
		if got := value(t, s, "n"); got != fmt.Sprint(i+1) {
			t.Fatalf("n = %s after %d writes", got, i+1)
		}
	}
	replica.Do("REPLICAOF", "127.0.0.1", "1") // nobody
	waitHealth(t, s, "word of the link", func(h site.Health) bool { return !h.Synced })
	write(t, s, add("n", 1))
	if got := value(t, s, "n"); got != "200" {
		t.Errorf("n = %s on a replica that was cut off, want 200", got)
	}
}

func TestStore_Health_replicaWithoutItsPrimary(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	away := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, away, keydbtest.Options{})
	away.Kill()
	s := open(t, keydbConfig2(primary, replica))
	waitHealth(t, s, "word of the link", func(h site.Health) bool {
		return !h.Synced && strings.Contains(h.Missing, "its link to "+away.Addr()+" is down")
	})
}

func TestStore_Health_mesh(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{Password: "pw"})
	s := open(t, keydbConfig(mesh[0]))
	before := waitHealth(t, s, "synced", synced)
	mesh[1].Kill()
	waitHealth(t, s, "word of the cut", func(h site.Health) bool {
		return !h.Synced && h.Links != before.Links && strings.Contains(h.Missing, "its link to "+mesh[1].Addr()+" is down")
	})
	mesh[1].Restart(false)
	after := waitHealth(t, s, "synced again", synced)
	if after.Links == before.Links || after.Incarnation != before.Incarnation {
		t.Errorf("Health = %+v, then %+v: want other links of the same server", before, after)
	}
}

func TestStore_Health_linkFlaps(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
	s := open(t, keydbConfig(mesh[0]))
	before := waitHealth(t, s, "synced", synced)
	mesh[0].Do("CLIENT", "KILL", "TYPE", "master")
	mesh[0].WaitLinks()
	waitHealth(t, s, "word that the link was down meanwhile", func(h site.Health) bool { return h.Synced && h.Links != before.Links })
}

// A node that lost its disk holds its own history again by the time that it counts
// as synced, and not before it has any.
func TestStore_Health_lostDisk(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{})
	s := open(t, keydbConfig(mesh[0]))
	waitHealth(t, s, "synced", synced)
	const entries = 500
	var last site.Written
	for i := range entries {
		last = write(t, s, set("a", fmt.Sprint(i)), add("n", 1))
	}
	for _, server := range mesh[1:] {
		wait(t, "copy on a peer", func() string {
			if got := server.Do("XLEN", "gp:log:lhr"); got != fmt.Sprint(entries) {
				return got + " entries"
			}
			return ""
		})
	}
	runStore(t, s)
	mesh[0].Restart(false)
	waitHealth(t, s, "synced after the loss", synced)
	if got := mesh[0].Do("XLEN", "gp:log:lhr"); got != fmt.Sprint(entries) {
		t.Errorf("%s entries when it counts as synced, want %d", got, entries)
	}
	w := siteWrite(add("n", 1))
	w.Last = last.ID
	if got := writeAll(t, s, w); got.Totals[0] != fmt.Sprint(entries+1) || got.Prev != last.ID {
		t.Errorf("Write = %+v, want %d after %s", got, entries+1, last.ID)
	}
}
