package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// place is one region of several: a program and the way to its page and its store.
type place struct {
	code   string
	args   []string
	server *server
	net    *proxy // between browsers and the program
}

// start starts the region's program, again or for the first time.
func (p *place) start(tb testing.TB) {
	tb.Helper()
	p.server = startServing(tb, p.args...)
	// Stores and regions come and go here.
	p.server.worries = []string{
		"store", "keydb server", "presence not written", "logs cannot be read", "binary stopped beating",
		"room not loaded", "watching of keys broke off", "peer", "write_error", "event not",
		"not synced", "remembered writes", "server to read from", "context deadline exceeded",
		"event given up", // late three times on a busy machine: it is sent again, and counted in the end
	}
}

// planet is a world of regions and what can happen to it.
type planet struct {
	places []*place

	// harms are what may go wrong, each with its end. They are drawn with rnd.
	harms []func(rnd *rand.Rand) (what string, mend func())
}

// onePlanet is held for as long as there is a planet: it is some forty processes, and two
// cores take longer to start those of three than any test has patience.
var onePlanet sync.Mutex

// newPlanet waits until it may be the only one.
func newPlanet(tb testing.TB) *planet {
	onePlanet.Lock()
	tb.Cleanup(onePlanet.Unlock)
	return &planet{}
}

var codes = []string{"iad", "lhr", "syd"}

// secretArg is the same in all regions.
const secretArg = "--secret=one secret for all regions"

// startReplicas starts three regions on one Redis that takes the writes, each with a
// replica to read from.
func startReplicas(tb testing.TB) *planet {
	pl := newPlanet(tb)
	primary := keydbtest.Start(tb, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	for _, code := range codes {
		replica := keydbtest.StartReplica(tb, primary, keydbtest.Options{})
		pl.add(tb, code, "--keydb="+primary.URL(), "--keydb-read="+replica.URL())
		pl.harms = append(pl.harms, func(*rand.Rand) (string, func()) {
			replica.Kill()
			return "kill the replica of " + code, func() { replica.Restart(false) }
		})
	}
	pl.harms = append(pl.harms, func(*rand.Rand) (string, func()) {
		primary.Kill()
		return "kill the primary", func() { primary.Restart(true) }
	})
	return pl
}

// startHosted starts three regions, each with a KeyDB of its own, with links between
// them that can be cut.
func startHosted(tb testing.TB) *planet {
	keydbtest.Have(tb, "keydb-server")
	pl := newPlanet(tb)
	addresses := map[string]string{}
	for _, code := range codes {
		addresses[code] = freeAddress(tb)
	}
	for _, code := range codes {
		var links []*proxy
		var peers []string
		for _, other := range codes {
			if other != code {
				l := startProxy(tb, addresses[other])
				links = append(links, l)
				peers = append(peers, strings.TrimPrefix(l.url, "http://"))
			}
		}
		dir := tb.TempDir()
		p := pl.add(tb, code, "--keydb=hosted", "--data="+dir, "--keydb-listen="+addresses[code], "--peers="+strings.Join(peers, ","))
		pl.harms = append(pl.harms,
			func(*rand.Rand) (string, func()) {
				set := func(cut bool) {
					for _, l := range links {
						l.refuse(cut)
						if cut {
							l.cut()
						}
					}
				}
				set(true)
				return code + " hears of no other region", func() { set(false) }
			},
			func(*rand.Rand) (string, func()) {
				killHosted(tb, p.server)
				return "kill the KeyDB of " + code, func() {} // the program starts it again
			})
	}
	return pl
}

// add starts one more region.
func (pl *planet) add(tb testing.TB, code string, args ...string) *place {
	tb.Helper()
	p := &place{code: code, args: append([]string{
		"--region=" + code, secretArg, "--listen=" + freeAddress(tb),
	}, args...)}
	pl.places = append(pl.places, p)
	pl.harms = append(pl.harms, func(rnd *rand.Rand) (string, func()) {
		if rnd.IntN(2) == 0 {
			p.net.swallow(true) // some clicks are taken, but the answer is lost
		}
		p.server.kill()
		return "kill the program of " + code, func() {
			p.net.swallow(false)
			p.start(tb)
		}
	})
	return p
}

// start starts all programs at once.
func (pl *planet) start(tb testing.TB) {
	tb.Helper()
	var wg sync.WaitGroup
	for _, p := range pl.places {
		wg.Go(func() { p.start(tb) })
	}
	wg.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
	for _, p := range pl.places {
		p.net = startProxy(tb, p.server.address())
	}
	pl.waitReady(tb)
}

// waitReady waits until all regions take events.
func (pl *planet) waitReady(tb testing.TB) {
	tb.Helper()
	for _, p := range pl.places {
		p.server.waitReady()
	}
}

var startedKeyDB = regexp.MustCompile(`msg="keydb server started".* pid=(\d+)`)

// killHosted ends the KeyDB that a program hosts without a chance to say anything.
func killHosted(tb testing.TB, s *server) {
	tb.Helper()
	all := startedKeyDB.FindAllStringSubmatch(s.out.String(), -1)
	if len(all) == 0 {
		tb.Fatal("program has started no KeyDB")
	}
	pid, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		tb.Fatal(err)
	}
}

// TestRegions_crash: people click in three regions while programs and stores are
// killed and links cut. Afterwards every region shows the same number: that of the
// different clicks, each of which was sent until it was acknowledged.
func TestRegions_crash(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *planet{"replicas": startReplicas, "hosted": startHosted} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rnd := newRand(t)
			pl := start(t)
			pl.start(t)
			clickInRegions(t, pl, rnd)
		})
	}
}

func clickInRegions(t *testing.T, pl *planet, rnd *rand.Rand) {
	t.Helper()
	const rounds = 6
	var all []*clicker
	for i, p := range slices.Concat(pl.places, pl.places) {
		c := &clicker{
			name: fmt.Sprintf("%s%d", p.code, i), visitor: newVisitor(t, p.net.url), acked: func() {},
			rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0)),
		}
		c.visitor.get("/").wantStatus(t, 200)
		all = append(all, c)
	}
	// click has everybody click until stop is closed, through broken connections.
	click := func(stop <-chan struct{}) *sync.WaitGroup {
		var wg sync.WaitGroup
		for _, c := range all {
			wg.Go(func() {
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for {
					_ = c.click(3) // a broken connection is what this test is about
					select {
					case <-stop:
						return
					case <-tick.C:
					}
				}
			})
		}
		return &wg
	}
	for range rounds {
		stop := make(chan struct{})
		clicking := click(stop)
		pause := func() { <-time.After(time.Duration(300+rnd.IntN(1500)) * time.Millisecond) }
		pause()
		what, mend := pl.harms[rnd.IntN(len(pl.harms))](rnd)
		t.Log(what)
		pause()
		mend()
		pause()
		close(stop)
		for _, p := range pl.places { // who waits for an answer that was lost finds out
			p.net.cut()
		}
		clicking.Wait()
		pl.waitReady(t)
	}
	made := 0
	for _, c := range all {
		waitFor(t, "an answer to every click of "+c.name, func() (string, bool) {
			err := c.click(0)
			return fmt.Sprintf("%d waiting, %v", len(c.waiting), err), len(c.waiting) == 0
		})
		made += c.clicks
	}
	if made == 0 {
		t.Fatal("nobody clicked")
	}
	for _, p := range pl.places {
		v := newVisitor(t, p.server.url)
		waitFor(t, fmt.Sprintf("%s to show %d", p.code, made), func() (string, bool) {
			got := v.get("/").count()
			return got, got == strconv.Itoa(made)
		})
	}
	t.Logf("%d different clicks", made)
}

// TestRegions_lostDisk: a region whose disk is lost comes back with its history, and
// counts on from there.
func TestRegions_lostDisk(t *testing.T) {
	t.Parallel()
	pl := startHosted(t)
	pl.start(t)
	clicks := 0
	for i, p := range pl.places {
		v := newVisitor(t, p.server.url)
		v.get("/")
		for range 3 + i {
			v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)
			clicks++
		}
	}
	shows := func(want int) {
		t.Helper()
		for _, p := range pl.places {
			v := newVisitor(t, p.server.url)
			waitFor(t, fmt.Sprintf("%s to show %d", p.code, want), func() (string, bool) {
				got := v.get("/").count()
				return got, got == strconv.Itoa(want)
			})
		}
	}
	shows(clicks)
	lost := pl.places[1]
	lost.server.stop()
	dir := ""
	for _, a := range lost.args {
		if d, ok := strings.CutPrefix(a, "--data="); ok {
			dir = d
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the data folder: %v", err)
	}
	for _, f := range files {
		if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
	lost.start(t)
	pl.waitReady(t)
	shows(clicks)
	v := newVisitor(t, lost.server.url)
	v.get("/")
	v.post("/rooms/home/counter/add", "by=1").wantStatus(t, 303)
	shows(clicks + 1)
}
