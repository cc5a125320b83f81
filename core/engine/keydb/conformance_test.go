package keydb_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/enginetest"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

// logEntries is small, so that trimming is quickly reached. The server drops whole
// nodes of a stream, which are ten entries long here.
const logEntries = enginetest.MinLogEntries

var shortNodes = []string{"--stream-node-max-entries", "10"}

// suite runs the promises of an engine on the servers that cfg names. Each test
// writes to a site of its own.
type suite struct {
	cfg   keydb.Config
	wipe  func() // empties the servers
	sites map[engine.Engine]string
}

var siteCount atomic.Int64

func (s *suite) run(t *testing.T) {
	s.sites = map[engine.Engine]string{}
	enginetest.Suite{
		Open: func(tb testing.TB) engine.Engine {
			s.wipe()
			return s.open(tb, "site-"+strconv.FormatInt(siteCount.Add(1), 10))
		},
		Reopen: func(tb testing.TB, old engine.Engine) engine.Engine {
			return s.open(tb, old.Site())
		},
		LogEntries: logEntries,
	}.Run(t)
}

func (s *suite) open(tb testing.TB, name string) engine.Engine {
	tb.Helper()
	cfg := s.cfg
	cfg.Site, cfg.LogEntries = name, logEntries
	store := open(tb, cfg)
	e, err := site.New(site.Config{Site: name, Store: store, SyncTimeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestEngine_redis(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Args: shortNodes})
	s := suite{cfg: keydb.Config{URL: server.URL()}, wipe: func() { server.Do("FLUSHALL") }}
	s.run(t)
}

func TestEngine_redisReplica(t *testing.T) {
	primary := keydbtest.Start(t, keydbtest.Options{Args: shortNodes})
	replica := keydbtest.StartReplica(t, primary, keydbtest.Options{Args: shortNodes})
	s := suite{cfg: keydb.Config{URL: primary.URL(), ReadURL: replica.URL()}, wipe: func() { primary.Do("FLUSHALL") }}
	s.run(t)
}

func TestEngine_keydb(t *testing.T) {
	server := keydbtest.Start(t, keydbtest.Options{Program: "keydb-server", Args: shortNodes})
	s := suite{cfg: keydb.Config{URL: server.URL()}, wipe: func() { server.Do("FLUSHALL") }}
	s.run(t)
}

func TestEngine_keydbMesh(t *testing.T) {
	mesh := keydbtest.StartMesh(t, 3, keydbtest.Options{Args: shortNodes})
	s := suite{cfg: keydb.Config{URL: mesh[0].URL(), Settle: time.Millisecond}, wipe: func() {
		for _, server := range mesh {
			server.Do("FLUSHALL")
		}
	}}
	s.run(t)
}
