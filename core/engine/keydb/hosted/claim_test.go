package hosted_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// Of two servers with one site's name the one that came later gives way.
func TestServer_Claim_twoServers(t *testing.T) {
	bin := keydbtest.Have(t, "keydb-server")
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
	stop := guard(t, rs[0].Server)

	// It needs the other's field to be there and to change, both over the link.
	err := rs[1].Guard(bounded(t), "lhr")
	wantTaken(t, err, false)
	wantError(t, err, `site "lhr" is already at work with another server`, "--site lhr-2")

	if err := rs[1].Claim(t.Context(), "lhr-2"); err != nil {
		t.Errorf("Claim of another name: %v", err)
	}
	stop()
}

// Who serves comes before a newcomer, whatever their clocks say.
func TestServer_Claim_newcomerWithSlowClock(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "SERVES 5000")})
	stop := guard(t, r.Server)
	waitOwners(t, r.client, "SERVES")
	wantTaken(t, another(t, r, ownedBy(t, "NEW 1000")).Claim(t.Context(), "lhr"), false)
	stop()
}

// Of two that come at once exactly one gets the name: the older one, unless the other
// served before that one asked.
func TestServer_Claim_bothNew(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server")})
	type end struct {
		owner string
		err   error
	}
	ends := make(chan end, 2)
	other := map[string]string{"EARLY": "LATE", "LATE": "EARLY"}
	for owner, since := range map[string]int{"EARLY": 1000, "LATE": 2000} {
		s := another(t, r, ownedBy(t, fmt.Sprint(owner, " ", since)))
		go func() {
			err := s.Claim(t.Context(), "lhr")
			if err == nil {
				err = s.Guard(t.Context(), "lhr") // until the test ends, unless it gives way
			}
			ends <- end{owner, err}
		}()
	}
	first := <-ends
	wantTaken(t, first.err, false)
	waitOwners(t, r.client, other[first.owner])
	select {
	case second := <-ends:
		t.Errorf("%s after %s gave way: %v, want it to keep the name", second.owner, first.owner, second.err)
	default:
	}
}

// Both serve since they could not hear each other. The one that had the name in an
// earlier life comes first, not the one whose clock says so.
func TestServer_Guard_hadItBefore(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "OLD 5000 held")})
	stop := guard(t, r.Server)
	waitOwners(t, r.client, "OLD")
	wantTaken(t, another(t, r, ownedBy(t, "NEW 1000")).Guard(bounded(t), "lhr"), false)
	stop()
}

// A copy of a data folder has the same owner, and is noticed all the same.
func TestServer_Guard_copiedFolder(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "SAME 1000 held")})
	copied := another(t, r, ownedBy(t, "SAME 1000 held"))
	ends := make(chan error, 2)
	ctx, cancel := context.WithCancel(bounded(t))
	for _, s := range []*hosted.Server{r.Server, copied} {
		go func() { ends <- s.Guard(ctx, "lhr") }()
	}
	err := <-ends
	wantTaken(t, err, true)
	wantError(t, err, "a copy of this data folder")
	cancel()
	if err := <-ends; err != nil {
		t.Errorf("Guard of the other = %v, want nil: one of them keeps the name", err)
	}
}

// A copy that is started beside the folder at work does not get to write.
func TestServer_Claim_copiedFolder(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "SAME 1000 held")})
	stop := guard(t, r.Server)
	waitOwners(t, r.client, "SAME")
	wantTaken(t, another(t, r, ownedBy(t, "SAME 1000 held")).Claim(t.Context(), "lhr"), true)
	stop()
}

// The log of who comes first tells of the other, once.
func TestServer_Guard_tells(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "FIRST 1000 held")})
	stop := guard(t, r.Server)
	endWriter := writes(t, r.client, "owner:SECOND.LIFE", "1 2000 ")
	r.log.wait(t, "level=ERROR", "another server has this site's name", "owner=SECOND.LIFE", "copied=false")
	before := time.Now()
	waitFor(t, "more rounds", func() error {
		if time.Since(before) < 200*time.Millisecond {
			return errors.New("not yet")
		}
		return nil
	})
	if n := strings.Count(r.log.String(), "another server has this site's name"); n != 1 {
		t.Errorf("the log tells %d times, want once", n)
	}
	endWriter()
	stop()
}

// Who had the name but does not live any more stops nobody: a folder was lost. What
// an earlier life of this folder left is removed.
func TestServer_Claim_lostLives(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "OWN 3000")})
	err := r.client.HSet(t.Context(), "gp:site:lhr", "owner:LOST.LIFE", "2 1000 99", "owner:OWN.EARLIER", "2 3000 7", "beat", "3000").Err()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Claim(t.Context(), "lhr"); err != nil {
		t.Errorf("Claim = %v", err)
	}
	fields := r.client.HGetAll(t.Context(), "gp:site:lhr").Val()
	if fields["owner:LOST.LIFE"] == "" || fields["owner:OWN.EARLIER"] != "" || fields["beat"] == "" || len(fields) != 3 {
		t.Errorf("fields = %q, want the lost one, the beat and this life's", fields)
	}
}

// What a link brings after it was down is no life: it changes the field a few times,
// and that is all.
func TestServer_Claim_backlog(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server")})
	write := func(n int) {
		t.Helper()
		if err := r.client.HSet(t.Context(), "gp:site:lhr", "owner:LOST.LIFE", fmt.Sprint("2 1000 ", n)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	claimed := make(chan error, 1)
	go func() { claimed <- r.Claim(t.Context(), "lhr") }()
	var own string
	for n := 1; n <= 2; n++ {
		waitFor(t, "a round", func() error {
			for field, value := range r.client.HGetAll(t.Context(), "gp:site:lhr").Val() {
				if strings.HasPrefix(field, "owner:") && field != "owner:LOST.LIFE" && value != own {
					own = value
					return nil
				}
			}
			return errors.New("not yet")
		})
		write(n)
	}
	if err := <-claimed; err != nil {
		t.Errorf("Claim = %v", err)
	}
}

// Who leaves makes room at once.
func TestServer_Guard_leaves(t *testing.T) {
	r := start(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, "OWN 3000")})
	stop := guard(t, r.Server)
	waitOwners(t, r.client, "OWN")
	stop()
	waitOwners(t, r.client)
}

func TestServer_Claim_brokenOwner(t *testing.T) {
	for _, text := range []string{"garbage", "ID since", "ID 1000 lost", "ID 1000 held again", ""} {
		s := newServer(t, hosted.Config{Bin: keydbtest.Have(t, "redis-server"), Dir: ownedBy(t, text)})
		wantError(t, s.Claim(t.Context(), "lhr"), `its file "owner" is broken`)
	}
}

// bounded ends what would go on for ever if nobody gave way.
func bounded(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), keydbtest.Patience)
	tb.Cleanup(cancel)
	return ctx
}

// another returns one more server of the program and store of r, that does not run,
// with a folder of its own.
func another(tb testing.TB, r *running, dir string) *hosted.Server {
	tb.Helper()
	s := newServer(tb, hosted.Config{Bin: keydbtest.Have(tb, "redis-server"), Dir: dir, Listen: r.client.Options().Addr})
	s.SetClaimInterval(20 * time.Millisecond)
	return s
}

// guard runs Guard until it is stopped, and expects it to keep the name.
func guard(tb testing.TB, s *hosted.Server) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Guard(ctx, "lhr") }()
	return func() {
		tb.Helper()
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Guard = %v, want nil when ctx ends", err)
		}
	}
}

// writes changes a field again and again, as its owner does, until it is ended.
func writes(tb testing.TB, client *redis.Client, field, value string) (end func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ctx.Err() == nil; n++ {
			if err := client.HSet(tb.Context(), "gp:site:lhr", field, fmt.Sprint(value, n)).Err(); err != nil {
				tb.Error(err)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// waitOwners waits until these and no others say that they own lhr.
func waitOwners(tb testing.TB, client *redis.Client, want ...string) {
	tb.Helper()
	waitFor(tb, "owners", func() error {
		var got []string
		for field := range client.HGetAll(tb.Context(), "gp:site:lhr").Val() {
			if owner, ok := strings.CutPrefix(field, "owner:"); ok {
				id, _, _ := strings.Cut(owner, ".")
				got = append(got, id)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("owners are %q, want %q", got, want)
		}
		return nil
	})
}

func wantTaken(tb testing.TB, err error, copied bool) {
	tb.Helper()
	if taken, ok := errors.AsType[*hosted.TakenError](err); !ok || taken.Site != "lhr" || taken.Copied != copied {
		tb.Errorf("error = %v, want *TakenError of lhr, copied %t", err, copied)
	}
}

// ownedBy returns a data folder of an owner.
func ownedBy(tb testing.TB, text string) string {
	tb.Helper()
	dir := tb.TempDir()
	writeOwner(tb, dir, text+"\n")
	return dir
}

func writeOwner(tb testing.TB, dir, text string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, "owner"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}
