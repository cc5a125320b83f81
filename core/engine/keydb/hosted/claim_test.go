package hosted_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
)

// Of two servers with one site's name the one that came later gives way.
func TestServer_Claim_twoServers(t *testing.T) {
	bin := program(t, "keydb-server")
	addrs := []string{freeAddr(t, "127.0.0.1"), freeAddr(t, "127.0.0.1")}
	var rs []*running
	for i, addr := range addrs {
		dir := t.TempDir()
		writeOwner(t, dir, fmt.Sprintf("OWNER%d %d\n", i, 1000+i))
		rs = append(rs, launch(t, hosted.Config{Bin: bin, Dir: dir, Listen: addr, Peers: addrs, Password: "5ecret"}))
	}
	for _, r := range rs {
		waitFor(t, "the link", func() error {
			if got := r.info(t, "replication", "master_link_status"); got != "up" {
				return fmt.Errorf("link is %q", got)
			}
			return nil
		})
	}
	if err := rs[0].Claim(t.Context(), "lhr"); err != nil {
		t.Fatalf("Claim of the first: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	guarded := make(chan error, 1)
	go func() { guarded <- rs[0].Guard(ctx, "lhr") }()

	// It needs the other's field to be there and to change, both over the link.
	taken := make(chan error, 1)
	go func() { taken <- rs[1].Guard(t.Context(), "lhr") }()
	err := <-taken
	if _, ok := errors.AsType[*hosted.TakenError](err); !ok {
		t.Errorf("Guard of the second = %v, want *TakenError", err)
	}
	wantError(t, err, `site "lhr" is already at work`, "--site lhr-2")
	rs[0].log.wait(t, "level=ERROR", "another server has this site's name", "owner=OWNER1")

	if err := rs[1].Claim(t.Context(), "lhr-2"); err != nil {
		t.Errorf("Claim of another name: %v", err)
	}
	cancel()
	if err := <-guarded; err != nil {
		t.Errorf("Guard of the first = %v, want nil when ctx ends", err)
	}
}

// Who had the name but does not live any more stops nobody: a folder was lost.
func TestServer_Claim_lostFolder(t *testing.T) {
	r := start(t, hosted.Config{Bin: program(t, "redis-server")})
	if err := r.client.HSet(t.Context(), "gp:site:lhr", "owner:LOST", "1000 2000", "beat", "3000").Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Claim(t.Context(), "lhr"); err != nil {
		t.Errorf("Claim = %v", err)
	}
}

// The field of one who lives changes. A first one that turns up while Claim watches
// has the name.
func TestServer_Claim_watches(t *testing.T) {
	r := start(t, hosted.Config{Bin: program(t, "redis-server")})
	ctx, cancel := context.WithCancel(t.Context())
	write := func(n int) {
		if err := r.client.HSet(t.Context(), "gp:site:lhr", "owner:FIRST", fmt.Sprint("1000 ", n)).Err(); err != nil {
			t.Error(err)
		}
	}
	write(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ctx.Err() == nil; n++ {
			write(n)
		}
	}()
	err := r.Claim(t.Context(), "lhr")
	cancel()
	<-done
	if taken, ok := errors.AsType[*hosted.TakenError](err); !ok || taken.Site != "lhr" {
		t.Errorf("Claim = %v, want *TakenError of lhr", err)
	}
}

func TestServer_Claim_brokenOwner(t *testing.T) {
	dir := t.TempDir()
	writeOwner(t, dir, "garbage\n")
	s := newServer(t, hosted.Config{Bin: program(t, "redis-server"), Dir: dir})
	wantError(t, s.Claim(t.Context(), "lhr"), `its file "owner" is broken`)
}

func writeOwner(tb testing.TB, dir, text string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, "owner"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}
