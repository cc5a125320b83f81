package hosted_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
)

// One look tells of all that is wrong.
func TestNew_allFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := hosted.New(hosted.Config{
		Bin: "no-such-server", Dir: filepath.Join(file, "below"), Listen: "6379", Peers: []string{"lhr:6379", "a b", "iad:0"},
		MaxMemory: "1kb", LogLevel: "loud", PeerTimeout: -1,
	})
	wantError(t, err,
		"no-such-server is not on PATH: install KeyDB", "--keydb-bin",
		"data folder: ", "not a directory",
		`listen address "6379": want an address of this machine and a port`,
		`peer "a b": want a name`, `peer "iad:0": want a name`,
		"peers need a password",
		`memory limit "1kb"`, "at least 16mb",
		`log level "loud": want debug, verbose, notice or warning`,
		"peer timeout of -1ns",
	)
	if n := strings.Count(err.Error(), "\n") + 1; n != 9 {
		t.Errorf("New tells of %d faults, want 9:\n%v", n, err)
	}
}

func TestNew_faults(t *testing.T) {
	redis := script(t, "")
	keydb := filepath.Join(t.TempDir(), "keydb-server")
	if err := os.WriteFile(keydb, []byte("#!/bin/sh\necho 'KeyDB server v=6.3.4 sha=0'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ofRedis := t.TempDir()
	if err := os.Mkdir(filepath.Join(ofRedis, "appendonlydir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  hosted.Config
		want string // "" for none
	}{
		{"OK", hosted.Config{Bin: keydb}, ""},
		{"OKPeers", hosted.Config{Bin: keydb, Listen: "fly-local-6pn:6379", Peers: []string{"global.app.internal", "::1", "[::1]:7000"}, Password: "5ecret"}, ""},
		{"OKRedis", hosted.Config{Bin: redis, MaxMemory: "16mb"}, ""},
		{"ErrRedisWithPeers", hosted.Config{Bin: redis, Peers: []string{"lhr"}, Password: "5ecret"}, "is Redis 7.0.0, which takes writes in one place only: peers need keydb-server"},
		{"ErrNoPassword", hosted.Config{Bin: keydb, Listen: "0.0.0.0:6379"}, "can be reached from elsewhere: set the secret"},
		{"ErrNoPasswordName", hosted.Config{Bin: keydb, Listen: "fly-local-6pn:6379"}, "can be reached from elsewhere"},
		{"ErrPassword", hosted.Config{Bin: keydb, Password: "naïve"}, "password of 6 bytes: want at most 512 printable characters of ASCII"},
		{"ErrNotAServer", hosted.Config{Bin: "sh"}, "want keydb-server, redis-server or valkey-server"},
		{"ErrNoSuchFile", hosted.Config{Bin: "/no/such/file"}, "server's program (--keydb-bin)"},
		{"ErrNoFolder", hosted.Config{Bin: keydb, Dir: "-"}, "data folder: missing"},
		{"ErrFilesOfRedis", hosted.Config{Bin: keydb, Dir: ofRedis}, "holds the files of a Redis or Valkey, which KeyDB cannot read"},
		{"ErrListen", hosted.Config{Bin: keydb, Listen: ":6379"}, `listen address ":6379"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			switch tt.cfg.Dir {
			case "":
				tt.cfg.Dir = t.TempDir()
			case "-":
				tt.cfg.Dir = ""
			}
			_, err := hosted.New(tt.cfg)
			if tt.want == "" {
				if err != nil {
					t.Errorf("New = %v", err)
				}
				return
			}
			wantError(t, err, tt.want)
		})
	}
}

func TestServer_URL(t *testing.T) {
	bin := script(t, "")
	for _, tt := range []struct{ listen, password, want string }{
		{"", "", "redis://127.0.0.1:6379/0"},
		{"0.0.0.0:7000", "5ecret", "redis://:5ecret@127.0.0.1:7000/0"},
		{"fly-local-6pn:6379", "a/b@c", "redis://:a%2Fb%40c@127.0.0.1:6379/0"},
		{"[::1]:6379", "", "redis://[::1]:6379/0"},
		{"127.0.0.2:6379", "", "redis://127.0.0.2:6379/0"},
	} {
		s, err := hosted.New(hosted.Config{Bin: bin, Dir: t.TempDir(), Listen: tt.listen, Password: tt.password})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.URL(); got != tt.want {
			t.Errorf("URL with listen %q = %q, want %q", tt.listen, got, tt.want)
		}
	}
}

func TestParseMemory(t *testing.T) {
	const gb = 1 << 30
	for _, tt := range []struct {
		in    string
		total int64
		want  int64 // 0 for an error
	}{
		{"16777216", 0, 16 << 20},
		{"256mb", 0, 256 << 20},
		{"256MB", 0, 256 << 20},
		{"2gb", 0, 2 * gb},
		{"20000kb", 0, 20000 << 10},
		{"33554432b", 0, 32 << 20},
		{"50%", 2 * gb, 2 * gb / 100 * 50},
		{"95%", 100, hosted.MinMemory}, // rather than a server that cannot start
		{"50%", 0, 0},
		{"0%", gb, 0},
		{"96%", gb, 0},
		{"-1%", gb, 0},
		{"", gb, 0},
		{"0", gb, 0},
		{"1mb", gb, 0},
		{"-256mb", gb, 0},
		{"256m", gb, 0},
		{"1.5gb", gb, 0},
		{"9223372036854775807gb", gb, 0},
	} {
		got, err := hosted.ParseMemory(tt.in, tt.total)
		if got != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("ParseMemory(%q) of %d bytes = %d, %v; want %d", tt.in, tt.total, got, err, tt.want)
		}
	}
}

// The password must be the same whatever version a region runs: it is written down
// here.
func TestPassword(t *testing.T) {
	const want = "b4af62d2a879c99365088ba88460c3d4d035d6f70dd9a919f0a25545968df487"
	if got := hosted.Password("a secret of all regions"); got != want {
		t.Errorf("Password = %q, want %q", got, want)
	}
	if got := hosted.Password("another secret of all regions"); got == want || len(got) != 64 {
		t.Errorf("Password of another secret = %q; want another of 64 digits", got)
	}
	if got := hosted.Password(""); got != "" {
		t.Errorf(`Password("") = %q, want ""`, got)
	}
}

func TestBackoff(t *testing.T) {
	short := slices.Repeat([]time.Duration{time.Second}, 12)
	waits := hosted.BackoffWaits(short...)
	if waits[0] != 0 {
		t.Errorf("first wait = %v, want none", waits[0])
	}
	for i, w := range waits[1:] {
		most := min(200*time.Millisecond<<i, hosted.MaxBackoff)
		if w < most/2 || w > most {
			t.Errorf("wait %d = %v, want %v less up to half", i+1, w, most)
		}
	}
	waits = hosted.BackoffWaits(time.Second, time.Second, time.Second, time.Hour, time.Second)
	if waits[3] != 0 || waits[4] == 0 {
		t.Errorf("waits = %v, want none after the healthy life, and some after the next", waits)
	}
}

func TestIdentity(t *testing.T) {
	const fly = "3d8d9014b32d68"
	for _, tt := range []struct {
		name  string
		kept  string // in the folder before
		names hosted.Names
		want  string
		err   string
	}{
		{"Region", "", hosted.Names{Region: "lhr"}, "lhr", ""},
		{"Machine", "", hosted.Names{Region: "lhr", Machine: fly}, "lhr-2d68", ""},
		{"OddMachine", "", hosted.Names{Region: "lhr", Machine: "A.b_!"}, "lhr-ab", ""},
		{"Chosen", "", hosted.Names{Site: "lhr-2", Region: "lhr", Machine: fly}, "lhr-2", ""},
		{"Kept", "lhr-2d68\n", hosted.Names{Region: "lhr", Machine: "another"}, "lhr-2d68", ""},
		{"KeptAndChosen", "lhr-2\n", hosted.Names{Site: "lhr-2", Region: "lhr"}, "lhr-2", ""},
		{"ErrOther", "lhr\n", hosted.Names{Site: "lhr-2", Region: "lhr"}, "", `belongs to site "lhr"; leave --site out or use another folder`},
		{"ErrName", "", hosted.Names{Site: "LHR", Region: "lhr"}, "", `site "LHR": want a lower-case letter`},
		{"ErrLong", "", hosted.Names{Site: strings.Repeat("a", 33), Region: "lhr"}, "", "want a lower-case letter"},
		{"ErrRegion", "", hosted.Names{}, "", "choose a name with --site"},
		{"ErrKept", "what is this", hosted.Names{Region: "lhr"}, "", "holds no name of a site"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if tt.kept != "" {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "site"), []byte(tt.kept), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := hosted.Identity(dir, tt.names)
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			again, err2 := hosted.Identity(dir, hosted.Names{Region: "syd", Machine: "0000"})
			if got != tt.want || again != tt.want || err != nil || err2 != nil {
				t.Errorf("Identity = %q, %v, then %q, %v; want %q", got, err, again, err2, tt.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "owner")); err != nil {
				t.Errorf("the folder's owner is as old as its name: %v", err)
			}
		})
	}
}

// A folder that cannot be written is a fault, not a site that changes its name.
func TestIdentity_cannotKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := hosted.Identity(filepath.Join(file, "below"), hosted.Names{Region: "lhr"})
	wantError(t, err, "data folder: ", fmt.Sprintf("mkdir %s", file))
}
