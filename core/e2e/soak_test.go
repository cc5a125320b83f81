package e2e_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

var soak = flag.Duration("soak", time.Second, "how long TestSoak lasts; what grows is told from 5m on")

// vitals are how a server does at a moment.
type vitals struct {
	at                        time.Duration
	resident, heap            float64 // MiB
	goroutines, files         float64
	sessions, rooms, restarts float64
}

// takeVitals reads a server's metrics.
func (s *server) takeVitals(began time.Time) vitals {
	s.tb.Helper()
	sums := s.metrics()
	return vitals{
		at:       time.Since(began),
		resident: sums["process_resident_memory_bytes"] / (1 << 20), heap: sums["go_memstats_heap_inuse_bytes"] / (1 << 20),
		goroutines: sums["go_goroutines"], files: sums["process_open_fds"],
		sessions: sums["presence_sessions"], rooms: sums["presence_rooms"], restarts: sums["presence_plugin_restarts_total"],
	}
}

func (v vitals) String() string {
	return fmt.Sprintf("%7.0f s  %6.1f MiB resident  %6.1f MiB heap  %5.0f goroutines  %5.0f files  %4.0f sessions  %5.0f rooms  %5.0f restarts",
		v.at.Seconds(), v.resident, v.heap, v.goroutines, v.files, v.sessions, v.rooms, v.restarts)
}

// TestSoak: while people come and go, click, walk through rooms and read slowly, and
// features are killed, a server grows no more once what it keeps for a time is full, and
// no click that it acknowledged is lost.
//
//	go test ./core/e2e -run=TestSoak -soak=30m -timeout=40m -v
func TestSoak(t *testing.T) {
	t.Parallel()
	const clickers, walkers, sleepers, places = 20, 20, 10, 500
	rnd := newRand(t)
	s := startServer(t, "--data="+filepath.Join(t.TempDir(), "state"), "--address-header=X-Address")
	// What is done to it, and how busy the machine is.
	s.worries = []string{"feature restarts", "feature not rendered", "event", "write_error", "too_slow", "feature writes", "slow", "context deadline exceeded"}
	began := time.Now()
	stop := make(chan struct{})
	over := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	// rest waits for up to d, and less when all is over.
	rest := func(d time.Duration) {
		select {
		case <-stop:
		case <-time.After(d):
		}
	}
	var all sync.WaitGroup
	// somebody does something again and again, who has a chance of their own.
	somebody := func(name string, n int, act func(v *visitor, rnd *rand.Rand)) {
		for i := range n {
			rnd := rand.New(rand.NewPCG(rnd.Uint64(), 0))
			v := newVisitor(t, s.url)
			v.address = fmt.Sprintf("10.%d.%d.1", len(name), i) // an address has limits
			all.Go(func() {
				for !over() {
					act(v, rnd)
				}
			})
		}
	}
	crowd := make([]*clicker, 0, clickers)
	var mu sync.Mutex // guards crowd while they come
	mine := map[*visitor]*clicker{}
	somebody("clicks", clickers, func(v *visitor, rnd *rand.Rand) {
		mu.Lock()
		c := mine[v]
		if c == nil {
			c = &clicker{name: fmt.Sprintf("c%d", len(crowd)), visitor: v, acked: func() {}, rnd: rnd}
			crowd, mine[v] = append(crowd, c), c
		}
		mu.Unlock()
		if c.clicks == 0 {
			v.get("/").wantStatus(t, 200)
		}
		if err := c.click(6); err != nil {
			t.Errorf("%s: %v", c.name, err)
			rest(time.Second)
		}
		rest(500 * time.Millisecond)
	})
	somebody("walks", walkers, func(v *visitor, rnd *rand.Rand) {
		room := fmt.Sprintf("place-%d", rnd.IntN(places))
		if a := v.get("/r/" + room); a.StatusCode == 429 {
			rest(time.Second)
			return
		}
		k, err := dial(v, room)
		if err != nil {
			t.Error(err)
			return
		}
		for range rnd.IntN(5) {
			if _, err := k.read(); err != nil {
				t.Error(err)
				break
			}
		}
		if rnd.IntN(2) == 0 {
			_ = k.command("unsubscribe", nil) // the others are cut
		}
		k.ws.Close()
		rest(100 * time.Millisecond)
	})
	somebody("does not read", sleepers, func(v *visitor, rnd *rand.Rand) {
		v.get("/")
		k, err := dial(v, "home")
		if err != nil {
			t.Error(err)
			return
		}
		defer k.ws.Close()
		rest(time.Duration(5+rnd.IntN(20)) * time.Second)
	})
	all.Go(func() { // features die
		for rest(time.Second); !over(); rest(time.Duration(1+rnd.IntN(4)) * time.Second) {
			s.killAnyFeature(rnd)
		}
	})
	var seen []vitals
	every := max(*soak/180, 250*time.Millisecond)
	for time.Since(began) < *soak {
		rest(every)
		seen = append(seen, s.takeVitals(began))
	}
	close(stop)
	all.Wait()
	made := 0
	for _, c := range crowd {
		waitFor(t, "an answer to every click of "+c.name, func() (string, bool) {
			err := c.click(0)
			return fmt.Sprintf("%d waiting, %v", len(c.waiting), err), len(c.waiting) == 0
		})
		made += c.clicks
	}
	waitFor(t, fmt.Sprintf("the page to show %d", made), func() (string, bool) {
		got := newVisitor(t, s.url).get("/").count()
		return got, got == strconv.Itoa(made)
	})
	var last vitals
	waitFor(t, "everybody to be gone", func() (string, bool) {
		last = s.takeVitals(began)
		return last.String(), last.sessions == 0
	})
	t.Logf("%d different clicks, none lost", made)
	for i := 0; i < len(seen); i += max(1, len(seen)/18) {
		t.Log(seen[i])
	}
	t.Log(last)
	if *soak >= 5*time.Minute {
		checkFlat(t, seen)
	}
}

// checkFlat compares the last third of a soak with the one before.
func checkFlat(t *testing.T, seen []vitals) {
	t.Helper()
	third := len(seen) / 3
	for _, m := range []struct {
		name string
		of   func(v vitals) float64
		more float64 // that may be there by chance
	}{
		{"MiB resident", func(v vitals) float64 { return v.resident }, 8},
		{"MiB of heap", func(v vitals) float64 { return v.heap }, 8},
		{"goroutines", func(v vitals) float64 { return v.goroutines }, 20},
		{"files", func(v vitals) float64 { return v.files }, 20},
	} {
		middle := func(of []vitals) float64 {
			var all []float64
			for _, v := range of {
				all = append(all, m.of(v))
			}
			slices.Sort(all)
			return all[len(all)/2]
		}
		before, after := middle(seen[third:2*third]), middle(seen[2*third:])
		t.Logf("%s: %.1f in the second third, %.1f in the last", m.name, before, after)
		if after > 1.1*before+m.more {
			t.Errorf("%s: %.1f in the last third, %.1f before: it grows", m.name, after, before)
		}
	}
}
