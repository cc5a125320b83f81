package settings

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/region"
)

// Hosted is the value of Store.KeyDB that asks for a KeyDB of the program's own.
const Hosted = "hosted"

// Store are the settings that say where the state lives.
type Store struct {
	Region      string   `env:"PRESENCE_REGION,FLY_REGION" default:"dev" placeholder:"CODE" help:"Code of the region this runs in, such as lhr (default: what Fly says, else ${default})."`
	Engine      string   `env:"PRESENCE_ENGINE" placeholder:"NAME" help:"Where the state lives: memory, one region in this process, or keydb (default: keydb where one is named, else memory)."`
	Data        string   `env:"PRESENCE_DATA" placeholder:"PATH" help:"Keep the state across restarts: with memory in this file, with a hosted KeyDB in this folder."`
	Secret      string   `env:"PRESENCE_SECRET" placeholder:"TEXT" help:"Signs cookies, at least 16 characters, the same in all regions. Better as a variable: flags can be seen in a list of processes."`
	KeyDB       string   `name:"keydb" env:"PRESENCE_KEYDB,KEYDB_URL" placeholder:"URL" help:"The region's KeyDB, Valkey or Redis, such as redis://:PASSWORD@HOST:6379/0 or rediss://… for TLS; or hosted, to start a KeyDB here."`
	KeyDBRead   string   `name:"keydb-read" env:"PRESENCE_KEYDB_READ" placeholder:"URL" help:"Read from this server, a replica of the one that --keydb writes to."`
	Site        string   `env:"PRESENCE_SITE" placeholder:"NAME" help:"Name of the store among all regions' stores, such as lhr-2 (default: the region; for a hosted KeyDB what its data folder says)."`
	SyncTimeout string   `env:"PRESENCE_SYNC_TIMEOUT" default:"30s" placeholder:"DURATION" help:"How long to wait for a store that is not synced with its peers before writing to it (default ${default})."`
	KeyDBBin    string   `name:"keydb-bin" env:"PRESENCE_KEYDB_BIN" default:"keydb-server" placeholder:"FILE" help:"Program of a hosted KeyDB (default ${default})."`
	KeyDBListen string   `name:"keydb-listen" env:"PRESENCE_KEYDB_LISTEN" default:"127.0.0.1:6379" placeholder:"ADDR" help:"Address of a hosted KeyDB, host:port; its peers connect there (default ${default})."`
	KeyDBMemory string   `name:"keydb-memory" env:"PRESENCE_KEYDB_MEMORY" default:"50%" placeholder:"SIZE" help:"Most that a hosted KeyDB's data may take, such as 256mb or a share of the machine's memory, the same in all regions (default ${default})."`
	Peers       []string `env:"PRESENCE_PEERS" placeholder:"HOST" help:"The other regions' hosted KeyDBs: host:port each, or one name that resolves to all, such as global.APP.internal."`
	PeerTimeout string   `env:"PRESENCE_PEER_TIMEOUT" default:"10m" placeholder:"DURATION" help:"How long a peer may be gone from the name's addresses before it is forgotten (default ${default})."`

	syncTimeout, peerTimeout time.Duration // set by check
}

// check notes what is wrong and fills in what follows from other settings.
func (s *Store) check(f *faults) {
	if _, err := region.Parse(s.Region); err != nil {
		f.bad("region", s.Region, "three lower-case letters, such as lhr")
	}
	if s.Engine == "" {
		s.Engine = "memory"
		if s.KeyDB != "" {
			s.Engine = "keydb"
		}
	}
	if s.Engine != "memory" && s.Engine != "keydb" {
		f.bad("engine", s.Engine, "memory or keydb")
	}
	if s.Secret != "" && len(s.Secret) < 16 {
		f.bad("secret", strings.Repeat("*", len(s.Secret)), "at least 16 characters")
	}
	s.syncTimeout = f.duration("sync-timeout", s.SyncTimeout, time.Second, time.Hour)
	s.peerTimeout = f.duration("peer-timeout", s.PeerTimeout, 10*time.Second, 24*time.Hour)
	switch {
	case s.Engine != "keydb":
		s.checkData(f)
		s.checkMemory(f)
	case s.KeyDB == Hosted:
		s.checkHosted(f)
	default:
		s.checkURLs(f)
	}
	if s.Site != "" && engine.CheckSite(s.Site) != nil {
		f.bad("site", s.Site, "lower-case letters, digits and hyphens, starting with a letter, at most 32 characters")
	}
}

func (s *Store) checkData(f *faults) {
	if s.Data != "" {
		if st, err := os.Stat(filepath.Dir(s.Data)); err != nil || !st.IsDir() {
			f.bad("data", s.Data, "a file in a folder that exists")
		}
	}
}

// checkMemory keeps somebody who forgot --keydb from a region that is alone.
func (s *Store) checkMemory(f *faults) {
	const want = "nothing without --keydb: the engine is memory, one region alone"
	if s.KeyDB != "" {
		f.bad("keydb", maskURL(s.KeyDB), "nothing with --engine memory, or --engine keydb")
	}
	if s.KeyDBRead != "" {
		f.bad("keydb-read", maskURL(s.KeyDBRead), want)
	}
	if len(s.Peers) > 0 {
		f.bad("peers", strings.Join(s.Peers, ","), want)
	}
}

func (s *Store) checkHosted(f *faults) {
	// The image says hosted, so that whoever names a server by the other variable
	// would host one without knowing.
	if other := os.Getenv("KEYDB_URL"); other != "" && other != Hosted {
		f.bad("keydb", Hosted, "one store, but KEYDB_URL names "+maskURL(other)+": unset it, or give that URL as PRESENCE_KEYDB, with PRESENCE_DATA empty")
	}
	if s.Data == "" {
		f.bad("data", s.Data, "the folder where the hosted KeyDB keeps its data")
	} else if st, err := os.Stat(s.Data); err == nil && !st.IsDir() {
		f.bad("data", s.Data, "a folder: the hosted KeyDB keeps its data there")
	}
	checkAddress(f, "keydb-listen", s.KeyDBListen, "127.0.0.1:6379")
	if len(s.Peers) > 0 && s.Secret == "" {
		f.bad("secret", "", "a text that all regions share, when there are peers: the KeyDBs' password is made from it")
	}
	if s.KeyDBRead != "" {
		f.bad("keydb-read", maskURL(s.KeyDBRead), "nothing with --keydb hosted: it is read where it is written")
	}
}

func (s *Store) checkURLs(f *faults) {
	if s.KeyDB == "" {
		f.bad("keydb", "", "the server's address, such as redis://127.0.0.1:6379/0, or hosted, with --engine keydb")
	} else if !validURL(s.KeyDB) {
		f.bad("keydb", maskURL(s.KeyDB), "redis://HOST:PORT/DB, rediss:// for TLS, or hosted")
	}
	if s.KeyDBRead != "" && !validURL(s.KeyDBRead) {
		f.bad("keydb-read", maskURL(s.KeyDBRead), "redis://HOST:PORT/DB, or rediss:// for TLS")
	}
	if s.Data != "" {
		f.bad("data", s.Data, "nothing with --keydb URL: the server keeps the state")
	}
	if len(s.Peers) > 0 {
		f.bad("peers", strings.Join(s.Peers, ","), "nothing with --keydb URL: only a hosted KeyDB has its peers joined by this program")
	}
}

// validURL reports whether s has the form of a server's URL; the engine reads it.
func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "redis" || u.Scheme == "rediss") && u.Hostname() != ""
}

// maskURL returns s without a password that it may hold, however broken it is: what is
// before the last '@', but for the scheme, and what is after a '?'.
func maskURL(s string) string {
	s, _, _ = strings.Cut(s, "?")
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***" + rest[at:]
	}
	return scheme + rest
}

// SyncAfter is what SyncTimeout says, after the check.
func (s *Store) SyncAfter() time.Duration { return s.syncTimeout }

// ForgetAfter is what PeerTimeout says, after the check.
func (s *Store) ForgetAfter() time.Duration { return s.peerTimeout }

// Doctor are the settings of the doctor: those of the store.
type Doctor struct {
	Store
}

// Check reports every wrong setting as a UsageError.
func (d *Doctor) Check() error {
	var f faults
	d.Store.check(&f)
	return f.err()
}

// CacheDir is where what was compiled is kept: below the data folder, beside the data
// file, else where this user's programs keep such things; "" if there is no such place.
func (s *Store) CacheDir() string {
	switch {
	case s.Data != "" && s.KeyDB == Hosted:
		return filepath.Join(s.Data, "cache")
	case s.Data != "":
		return s.Data + ".cache"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "presence")
}
