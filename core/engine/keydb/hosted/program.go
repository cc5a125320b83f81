package hosted

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// keyDB is the kind of server that takes writes in several places.
const keyDB = "KeyDB"

// program is a server's executable.
type program struct {
	path    string // absolute
	kind    string // "KeyDB", "Redis" or "Valkey"
	version string // such as "6.3.4"
}

func (p program) String() string    { return p.kind + " " + p.version }
func (p program) multiMaster() bool { return p.kind == keyDB }

// versionLine is what the servers print for --version, such as
//
//	KeyDB server v=6.3.4 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=…
var versionLine = regexp.MustCompile(`(?m)^(KeyDB|Redis|Valkey) server v=(\S+)`)

// findProgram finds a server's program and asks it what it is.
func findProgram(bin string) (program, error) {
	path, err := exec.LookPath(bin)
	switch {
	case errors.Is(err, exec.ErrNotFound) && !strings.ContainsRune(bin, filepath.Separator):
		return program{}, fmt.Errorf("%s is not on PATH: install KeyDB (https://docs.keydb.dev/docs/download) or name its server with --keydb-bin", bin)
	case err != nil && !errors.Is(err, exec.ErrDot):
		return program{}, fmt.Errorf("server's program (--keydb-bin): %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return program{}, fmt.Errorf("server's program (--keydb-bin): %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env, cmd.WaitDelay = childEnv(), time.Second
	out, err := cmd.CombinedOutput()
	if m := versionLine.FindSubmatch(out); err == nil && m != nil {
		return program{path, string(m[1]), string(m[2])}, nil
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if said == "" && err != nil {
		said = err.Error()
	}
	return program{}, fmt.Errorf("server's program (--keydb-bin) %s: want keydb-server, redis-server or valkey-server; asked for its version it says %.200q", path, said)
}
