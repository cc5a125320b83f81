package keydb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

// brisk is a store on two servers that does not wait for long.
func brisk(write, read *keydbtest.Server) keydb.Config {
	cfg := keydbConfig2(write, read)
	cfg.Site, cfg.Timeout = home, 500*time.Millisecond
	return cfg
}

// chain starts KeyDBs each of which is an active replica of the one before it, over the
// links.
func chain(tb testing.TB, n int) (servers []*keydbtest.Server, links []*keydbtest.Link) {
	tb.Helper()
	for i := range n {
		servers = append(servers, keydbtest.Start(tb, keydbtest.Options{Program: "keydb-server", Args: []string{
			"--active-replica", "yes", "--multi-master", "yes", "--server-threads", "1", "--repl-timeout", "5", "--repl-ping-replica-period", "1",
		}}))
		if i > 0 {
			links = append(links, keydbtest.StartLink(tb, servers[i-1]))
			servers[i].FollowOver(links[i-1])
			servers[i].WaitLinks()
		}
	}
	return servers, links
}

// A server to read from that does not copy the one that is written to shows nothing of
// what people do.
func TestOpen_readsWhatIsNoCopy(t *testing.T) {
	alone := keydbtest.Start(t, keydbtest.Options{})
	other := keydbtest.Start(t, keydbtest.Options{Password: "hunter2"})
	ofOther := keydbtest.StartReplica(t, other, keydbtest.Options{})
	check := func(t *testing.T, write, read *keydbtest.Server, seen string) {
		t.Helper()
		s, err := keydb.Open(t.Context(), brisk(write, read))
		if err == nil {
			s.Close()
		}
		for _, want := range []string{read.Addr() + ": it does not copy " + write.Addr(), seen, ": give --keydb-read a server that copies " + write.Addr()} {
			if !strings.Contains(errText(err), want) {
				t.Errorf("Open = %v, want %q in it", err, want)
			}
		}
		if strings.Contains(errText(err), "hunter2") || strings.Contains(errText(err), "\n") {
			t.Errorf("Open = %v, want one line without the password", err)
		}
		for _, server := range []*keydbtest.Server{write, read} {
			if keys := server.Do("KEYS", "gp:probe*"); keys != "[]" {
				t.Errorf("keys that were left: %s", keys)
			}
		}
	}
	t.Run("Primary", func(t *testing.T) { check(t, alone, other, "(it is a primary that copies nobody)") })
	t.Run("ReplicaOfAnother", func(t *testing.T) { check(t, alone, ofOther, "(it copies "+other.Addr()+")") })
	t.Run("ActiveReplicaOfAnother", func(t *testing.T) {
		mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
		check(t, alone, mesh[0], "(it copies "+mesh[1].Addr()+")")
		check(t, mesh[0], alone, "(it is a primary that copies nobody)")
	})
	t.Run("Database", func(t *testing.T) {
		cfg := brisk(other, ofOther)
		cfg.ReadURL += "/2"
		_, err := keydb.Open(t.Context(), cfg)
		if got := errText(err); !strings.Contains(got, "names database 2: want 0") || strings.Contains(got, "hunter2") {
			t.Errorf("Open = %v, want word of the database", err)
		}
	})
}

func TestOpen_readsACopy(t *testing.T) {
	check := func(t *testing.T, cfg keydb.Config) {
		t.Helper()
		s := open(t, cfg)
		waitHealth(t, s, "synced", synced)
		v := fmt.Sprint(time.Now().UnixNano())
		write(t, s, set("a", v))
		wait(t, "what was written", func() string { return cmp.Diff(v, value(t, s, "a")) })
	}
	t.Run("Replica", func(t *testing.T) {
		primary := keydbtest.Start(t, keydbtest.Options{})
		check(t, brisk(primary, keydbtest.StartReplica(t, primary, keydbtest.Options{})))
	})
	t.Run("ReplicaOfReplica", func(t *testing.T) {
		primary := keydbtest.Start(t, keydbtest.Options{})
		middle := keydbtest.StartReplica(t, primary, keydbtest.Options{})
		check(t, brisk(primary, keydbtest.StartReplica(t, middle, keydbtest.Options{})))
	})
	t.Run("SameServer", func(t *testing.T) {
		server := keydbtest.Start(t, keydbtest.Options{})
		cfg := brisk(server, server)
		cfg.ReadURL += "/0"
		check(t, cfg)
	})
	t.Run("Promoted", func(t *testing.T) { // what was the primary's replica takes the writes
		old := keydbtest.Start(t, keydbtest.Options{})
		primary := keydbtest.StartReplica(t, old, keydbtest.Options{})
		read := keydbtest.StartReplica(t, primary, keydbtest.Options{})
		primary.Do("REPLICAOF", "NO", "ONE")
		check(t, brisk(primary, read))
	})
	t.Run("Mesh", func(t *testing.T) {
		mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{})
		check(t, brisk(mesh[0], mesh[1]))
	})
	t.Run("MeshWithUsers", func(t *testing.T) { // who may do no more than is needed
		mesh := keydbtest.StartMesh(t, 2, keydbtest.Options{})
		mesh[0].Do("ACL", "SETUSER", "gp", "on", ">pw", "~gp:*", "&*", "+@all", "-expire", "-client")
		mesh[1].Do("ACL", "SETUSER", "gp", "on", ">pw", "~gp:log:*", "~gp:site:*", "~gp:state:*", "~gp:grid:*", "&*", "+@all")
		cfg := brisk(mesh[0], mesh[1])
		cfg.URL = "redis://gp:pw@" + mesh[0].Addr()
		check(t, cfg)
		cfg.ReadURL = "redis://gp:pw@" + mesh[1].Addr() // who does not see the mark
		check(t, cfg)
	})
	t.Run("Chain", func(t *testing.T) {
		servers, _ := chain(t, 3)
		check(t, brisk(servers[0], servers[2]))
	})
}

// A copy that is far behind is not refused, also where no link of its own is down.
func TestOpen_readsWhatIsBehind(t *testing.T) {
	servers, links := chain(t, 3)
	cfg := brisk(servers[0], servers[2])
	first := open(t, cfg)
	writeAll(t, first, site.Write{Batch: engine.Batch{Binary: binary, Beat: &engine.Beat{Region: "lhr"}, Changes: []engine.Change{add("n", 1)}}})
	wait(t, "copy of the site", func() string {
		if got := servers[2].Do("HEXISTS", "gp:site:lhr", "binary:"+binary); got != "1" {
			return got
		}
		return ""
	})
	links[0].Cut() // the last server's own link stays up
	wait(t, "word of the cut in the middle", func() string {
		if text := servers[1].Do("INFO", "replication"); !strings.Contains(text, "master_link_status:down") {
			return text
		}
		return ""
	})
	var log journal
	cfg.Logger = log.logger()
	s := open(t, cfg)
	waitHealth(t, s, "word of what does not arrive", func(h site.Health) bool {
		return !h.Synced && strings.HasPrefix(h.Missing, servers[2].Addr()+": what is written to "+servers[0].Addr()) && strings.Contains(h.Missing, "does not arrive")
	})
	for range 3 {
		health(t, s)
	}
	if log.count("what is written does not arrive") != 1 {
		t.Errorf("log = %s, want one line", &log)
	}
	examined := keydb.Examine(t.Context(), cfg)
	expect(t, examined, "copy, read", keydb.Warn, "does not arrive there", "see whether all links")
	links[0].Heal()
	waitHealth(t, s, "synced again", synced)
}

// A copy may be made into something else at any time, and back.
func TestStore_Health_readsNoCopyAnyMore(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{})
	s := open(t, brisk(primary, replica))
	runStore(t, s)
	waitHealth(t, s, "synced", synced)
	replica.Do("REPLICAOF", "NO", "ONE")
	waitHealth(t, s, "word that it copies nobody", func(h site.Health) bool {
		return !h.Synced && strings.Contains(h.Missing, replica.Addr()+": it does not copy "+primary.Addr())
	})
	if _, _, err := s.Load(t.Context(), room); err == nil {
		t.Error("Load = nil, want no word of a server that is no copy")
	}
	write(t, s, add("n", 1)) // writes go on
	replica.Do("REPLICAOF", "127.0.0.1", primary.Port)
	waitHealth(t, s, "synced again", synced)
	if got := value(t, s, "n"); got != "1" {
		t.Errorf("n = %q after it is a copy again", got)
	}
}
