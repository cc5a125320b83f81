package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clicker clicks a counter, from one page, and never gives up a click.
type clicker struct {
	name    string
	visitor *visitor
	rnd     *rand.Rand
	waiting []string // ids without an answer, in order
	clicks  int
	acked   func() // called at each answer
}

// TestCrash: a server that is killed while people click has lost no click that it
// acknowledged, and none that is sent again counts twice.
func TestCrash(t *testing.T) {
	t.Parallel()
	const clickers, rounds = 8, 8
	rnd := newRand(t)
	file := "--data=" + filepath.Join(t.TempDir(), "state")
	listen := "--listen=" + freeAddress(t)
	s := startServer(t, file, listen)
	net := startProxy(t, s.address())
	var enough countdown
	var all []*clicker
	for i := range clickers {
		c := &clicker{
			name: fmt.Sprintf("c%d", i), visitor: newVisitor(t, net.url), acked: enough.count,
			rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0)),
		}
		c.visitor.get("/").wantStatus(t, 200)
		all = append(all, c)
	}
	shown := func() int {
		n, err := strconv.Atoi(newVisitor(t, s.url).get("/").count())
		if err != nil {
			t.Error(err)
		}
		return n
	}
	together := func(quota int, crash bool) {
		t.Helper()
		// In the middle of what the rate limits let through without a pause.
		enough.after(rnd.IntN(clickers * 15))
		kill := s.aim()
		var wg sync.WaitGroup
		var killed atomic.Bool
		for _, c := range all {
			wg.Go(func() {
				if err := c.click(quota); err != nil && !killed.Load() {
					t.Errorf("%s: %v", c.name, err)
				}
			})
		}
		ended := make(chan struct{})
		go func() { defer close(ended); wg.Wait() }()
		if crash {
			select {
			case <-enough.reached:
				killed.Store(true)
				if rnd.IntN(2) == 0 { // some clicks are taken, but the answer is lost
					net.swallow(true)
					shown()
				}
				kill()
			case <-ended:
				t.Fatal("clickers have ended before the crash")
			case <-time.After(patience):
				t.Fatalf("too few answers after %v", patience)
			}
		}
		<-ended
	}
	clicks := func() (made, waiting int) {
		for _, c := range all {
			made += c.clicks
			waiting += len(c.waiting)
		}
		return made, waiting
	}
	for range rounds {
		together(1000, true)
		s = startServer(t, file, listen)
		net.swallow(false)
		made, waiting := clicks()
		got := shown()
		if got < made-waiting || got > made {
			t.Errorf("counter shows %d after a crash, want %d that were acknowledged to %d that were made", got, made-waiting, made)
		}
		t.Logf("%d clicks, %d without an answer of which %d were taken", made, waiting, got-(made-waiting))
	}
	s.worries = []string{"reason=write_error"} // clickers leave in the middle of a broadcast
	together(0, false)                         // only what waits
	made, waiting := clicks()
	if waiting > 0 {
		t.Errorf("%d clicks still wait for an answer", waiting)
	}
	if got := shown(); got != made {
		t.Errorf("counter shows %d after %d different clicks", got, made)
	}
}

// click opens a page, sends again what waits, and clicks quota times more, until
// everything has an answer or the connection breaks.
func (c *clicker) click(quota int) error {
	s, err := dial(c.visitor, "home")
	if err != nil {
		return err
	}
	defer s.ws.Close()
	var mu sync.Mutex // guards writes to the socket, which timers make too
	send := func(id string) error {
		mu.Lock()
		defer mu.Unlock()
		return s.add(id)
	}
	for _, id := range c.waiting {
		if err := send(id); err != nil {
			return err
		}
	}
	for {
		for quota > 0 && len(c.waiting) < 1+c.rnd.IntN(6) {
			id := fmt.Sprintf("%s-click-%d", c.name, c.clicks)
			c.clicks++
			quota--
			c.waiting = append(c.waiting, id)
			if err := send(id); err != nil {
				return err
			}
		}
		if quota == 0 && len(c.waiting) == 0 {
			return nil
		}
		acks, err := s.read()
		if err != nil {
			return err
		}
		for _, a := range acks {
			switch a.Status {
			case "ok":
				c.settle(a.ID)
			case "busy", "unavailable":
				wait := max(time.Duration(a.RetryAfter)*time.Millisecond, 50*time.Millisecond)
				time.AfterFunc(wait, func() { _ = send(a.ID) }) // a broken socket is seen by read
			default:
				return fmt.Errorf("event %s: %s", a.ID, a.Status)
			}
		}
	}
}

// settle takes an answered id out of those that wait. An answer may come twice.
func (c *clicker) settle(id string) {
	for i, w := range c.waiting {
		if w == id {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			c.acked()
			return
		}
	}
}

// countdown tells when something has happened a number of times.
type countdown struct {
	mu      sync.Mutex
	left    int           // guarded by mu
	reached chan struct{} // closed when left falls below 0
}

func (c *countdown) after(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.reached = n, make(chan struct{})
}

func (c *countdown) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == -1 {
		close(c.reached)
	}
}
