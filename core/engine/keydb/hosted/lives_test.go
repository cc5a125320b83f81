package hosted_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// claimRounds runs a server, claims the name and returns how often it has said so by
// then: twice when it need not look whether somebody else lives.
func claimRounds(t *testing.T, dir, addr string) (rounds int, r *running) {
	t.Helper()
	r = start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: dir, Listen: addr})
	before := r.client.HGetAll(t.Context(), "gp:site:lhr").Val()
	if err := r.Claim(bounded(t), "lhr"); err != nil {
		t.Fatalf("Claim = %v", err)
	}
	fields := r.client.HGetAll(t.Context(), "gp:site:lhr").Val()
	for field, value := range fields {
		if strings.HasPrefix(field, "owner:") && before[field] == "" {
			words := strings.Fields(value)
			rounds = mustAtoi(t, words[len(words)-1])
		}
	}
	if len(fields) != 1 {
		t.Errorf("fields = %q, want this life's alone", fields)
	}
	return rounds, r
}

// A server that was killed and comes back where it was has its name at once: its lock
// says that its earlier lives have ended. On a copy of the folder nobody knows that.
func TestServer_Claim_killed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux a folder is told from its copies")
	}
	dir := ownedBy(t, "OWN 3000 held")
	var last *running
	for range 3 { // without Guard, which would take leave
		var rounds int
		rounds, last = claimRounds(t, dir, "")
		if rounds != 2 {
			t.Errorf("the name was claimed in %d rounds, want 2", rounds)
		}
		last.stop(t)
	}

	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if rounds, _ := claimRounds(t, copied, ""); rounds < 5 {
		t.Errorf("on a copy the name was claimed in %d rounds, want at least 5", rounds)
	}

	// Nor after the machine has started anew: its disk may be a copy, too.
	path := filepath.Join(dir, "lives")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), " ")
	if err := os.WriteFile(path, []byte("another-boot "+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if rounds, _ := claimRounds(t, dir, ""); rounds < 5 {
		t.Errorf("after a start of the machine the name was claimed in %d rounds, want at least 5", rounds)
	}
}

// One who does not have the folder's lock knows nothing of who lives there.
func TestServer_Claim_folderInUse(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "SAME 1000 held")})
	stop := guard(t, r.Server)
	waitOwners(t, r.client, "SAME")
	dir := filepath.Dir(r.info(t, "server", "config_file"))
	wantTaken(t, another(t, r, dir).Claim(t.Context(), "lhr"), true)
	if _, err := os.Stat(filepath.Join(dir, "lives")); err != nil && runtime.GOOS == "linux" {
		t.Error(fmt.Errorf("lives are not kept: %w", err))
	}
	stop()
}
