package e2e_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	swapSockets = flag.Int("swapsockets", 1000, "how many sockets BenchmarkSwap opens")
	swapRate    = flag.Int("swaprate", 500, "clicks a second in BenchmarkSwap")
	swaps       = flag.Int("swaps", 10, "how often BenchmarkSwap replaces the feature")
)

// BenchmarkSwap has a crowd click a feature of the plugin folder while its file is
// replaced by another version again and again: one op is the whole of it. It fails when
// a click is not acknowledged, not counted or counted twice, and when a socket is
// closed. It reports how long it takes from a click to its acknowledgement and, for one
// click in twelve, to the operation that shows it on another socket: before the first
// swap ("still-") and from the first to the last ("swap-"). The crowd is in this
// process, and takes most of its processor time.
func BenchmarkSwap(b *testing.B) {
	for _, kind := range []string{"process", "wasm"} {
		b.Run(kind, func(b *testing.B) {
			versions := []string{tally(b, kind, "Tally", "1"), tally(b, kind, "Tally again", "1")}
			for b.Loop() {
				benchmarkSwap(b, versions)
			}
		})
	}
}

func benchmarkSwap(b *testing.B, versions []string) {
	d := startWithFolder(b, "--address-header=X-Address")
	d.worries = []string{"slow", "feature not rendered", "plugin file is not whole"}
	// put puts a version into the folder at once, as somebody does who knows how.
	put := func(n int) {
		b.Helper()
		d.copy(versions[n%len(versions)], ".tally")
		if err := os.Rename(d.path(".tally"), d.path("tally")); err != nil {
			b.Fatal(err)
		}
	}
	put(0)
	d.waitLogged(1, "plugin added", "feature=tally")
	waitFor(b, "the feature to be shown", func() (string, bool) {
		a := newVisitor(b, d.url).get("/")
		return a.Status, strings.Contains(a.body, `id="tally-form"`)
	})
	c := newCrowd(b, d.server)
	stop := make(chan struct{})
	var clicking sync.WaitGroup
	clicking.Go(func() { c.click(stop) })
	<-time.After(5 * time.Second) // until all are in
	began := time.Now()
	<-time.After(10 * time.Second)
	swapping := time.Now()
	for n := range *swaps {
		put(n + 1)
		d.waitLogged(n+1, "plugin replaced", "feature=tally")
		d.waitLogged(n+1, "feature replaced", "feature=tally")
	}
	ended := time.Now()
	close(stop)
	clicking.Wait()
	c.settle(b)
	made := len(c.clicks)
	var shown string
	waitFor(b, fmt.Sprintf("the page to show %d", made), func() (string, bool) {
		shown = tallied.FindString(newVisitor(b, d.url).get("/").body)
		return shown, strings.HasSuffix(shown, fmt.Sprintf(">%d<", made))
	})
	<-time.After(time.Second) // nothing comes after
	if again := tallied.FindString(newVisitor(b, d.url).get("/").body); again != shown {
		b.Errorf("the page shows %s a second after %s", again, shown)
	}
	c.leave()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(made), "clicks")
	b.ReportMetric(float64(c.again.Load()), "sent-again")
	b.ReportMetric(ended.Sub(swapping).Seconds()/float64(*swaps), "s/swap")
	c.report(b, "still-", began, swapping)
	c.report(b, "swap-", swapping, ended)
}

var tallied = regexp.MustCompile(`<output [^>]*\bid="tally-total"[^>]*>[^<]*<`)

// press is one click.
type press struct {
	by    *clerk
	mark  int // 0 for none
	sent  time.Time
	acked time.Time
}

// crowd are people who look at one page and click on it.
type crowd struct {
	all   []*clerk
	again atomic.Int64 // clicks that were refused for the moment and sent again
	gone  sync.WaitGroup
	left  atomic.Bool

	mu     sync.Mutex
	clicks []*press
	open   map[string]*press // without an answer, by id
	marks  *sightings        // on the first socket
	faults []string
}

// clerk is one of them.
type clerk struct {
	*socket
	mu sync.Mutex // of writes
}

// newCrowd opens the sockets.
func newCrowd(b *testing.B, s *server) *crowd {
	b.Helper()
	c := &crowd{open: map[string]*press{}, marks: newSightings()}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	b.Cleanup(transport.CloseIdleConnections)
	for i := range *swapSockets {
		address := fmt.Sprintf("10.0.%d.1", i%10) // each may send 200 events a second
		v := newVisitor(b, s.url)
		v.client.Transport = transport
		v.get("/", "X-Address", address)
		k, err := dial(v, "home", "X-Address", address)
		if err != nil {
			b.Fatal(err)
		}
		one := &clerk{socket: k}
		c.all = append(c.all, one)
		c.gone.Go(func() { c.listen(one, i == 0) })
	}
	b.Cleanup(c.leave)
	return c
}

// listen reads what comes for one of them; watch says that it looks for marks.
func (c *crowd) listen(k *clerk, watch bool) {
	for {
		_ = k.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
		_, raw, err := k.ws.ReadMessage()
		now := time.Now()
		switch {
		case err != nil:
			if !c.left.Load() {
				c.fault("a socket ended: " + err.Error())
			}
			return
		case bytes.Contains(raw, []byte("live:ack")):
			acks, err := acksIn(raw)
			if err != nil {
				c.fault(err.Error())
			}
			for _, a := range acks {
				c.answered(k, a, now)
			}
		case bytes.HasPrefix(raw, []byte(`{"type":"disconnect"`)):
			c.fault("server says " + string(raw))
		}
		if watch && bytes.Contains(raw, []byte("tally-mark")) {
			for _, n := range marksIn(raw) {
				c.marks.sawAt(n, now)
			}
		}
	}
}

func (c *crowd) fault(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, what)
}

// answered notes an answer. What was refused for the moment is sent again as a page
// does, with the same id.
func (c *crowd) answered(k *clerk, a ack, now time.Time) {
	c.mu.Lock()
	p := c.open[a.ID]
	if p != nil && a.Status == "ok" {
		p.acked = now
		delete(c.open, a.ID)
	}
	c.mu.Unlock()
	switch a.Status {
	case "ok":
		if p == nil {
			c.fault("an answer came twice: " + a.ID)
		}
	case "busy", "unavailable":
		c.again.Add(1)
		wait := max(time.Duration(a.RetryAfter)*time.Millisecond, 50*time.Millisecond)
		time.AfterFunc(wait, func() {
			if err := k.press(a.ID, p.mark); err != nil && !c.left.Load() {
				c.fault(err.Error())
			}
		})
	default:
		c.fault("event " + a.ID + ": " + a.Status)
	}
}

func (k *clerk) press(id string, mark int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	form := ""
	if mark > 0 {
		form = "mark=" + strconv.Itoa(mark)
	}
	return k.command("message", map[string]any{
		"action": "event", "v": 1, "id": id, "tabId": "t", "target": "tally#add", "event": "submit", "formData": form,
	})
}

// click has everybody click in turn until stop is closed, and the last of them one time
// in twelve, with a mark.
func (c *crowd) click(stop <-chan struct{}) {
	const every = 12
	began, n, marks := time.Now(), 0, 0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(*swapRate)); n < due; n++ {
			p := &press{by: c.all[n%(len(c.all)-1)]}
			if n%every == 0 {
				marks++
				p.by, p.mark = c.all[len(c.all)-1], marks
			}
			id := fmt.Sprintf("swap-click-%d", n)
			p.sent = time.Now()
			c.mu.Lock()
			c.clicks = append(c.clicks, p)
			c.open[id] = p
			c.mu.Unlock()
			if err := p.by.press(id, p.mark); err != nil {
				c.fault(err.Error())
			}
		}
	}
}

// settle waits until every click has its answer.
func (c *crowd) settle(b *testing.B) {
	b.Helper()
	waitFor(b, "an answer to every click", func() (string, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return fmt.Sprintf("%d without; %q", len(c.open), c.faults), len(c.open) == 0 || len(c.faults) > 0
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults[:min(len(c.faults), 10)] {
		b.Error(f)
	}
}

// leave closes all sockets.
func (c *crowd) leave() {
	c.left.Store(true)
	for _, k := range c.all {
		k.ws.Close()
	}
	c.gone.Wait()
}

// report reports on the clicks that were made in a time.
func (c *crowd) report(b *testing.B, prefix string, from, to time.Time) {
	b.Helper()
	var acked, shown []float64
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, p := range c.clicks {
		if p.sent.Before(from) || !p.sent.Before(to) {
			continue
		}
		acked = append(acked, ms(p.acked.Sub(p.sent)))
		if p.mark > 0 {
			shown = append(shown, ms(c.marks.since(b, p.mark).Sub(p.sent)))
		}
	}
	for name, samples := range map[string][]float64{"ack": acked, "shown": shown} {
		if len(samples) == 0 {
			b.Fatalf("no click was %s%s", prefix, name)
		}
		slices.Sort(samples)
		b.ReportMetric(samples[len(samples)/2], prefix+name+"-p50-ms")
		b.ReportMetric(samples[len(samples)*99/100], prefix+name+"-p99-ms")
		b.ReportMetric(samples[len(samples)-1], prefix+name+"-max-ms")
	}
}

var marked = regexp.MustCompile(`\bid="tally-mark"[^>]*>(\d+)<`)

// marksIn returns the marks that a frame shows: a version that has just taken over
// shows all of itself, others what has changed.
func marksIn(raw []byte) (marks []int) {
	var f struct {
		Message struct {
			Operations []struct {
				Selector, HTML string
				Value          json.RawMessage
			}
		}
	}
	if json.Unmarshal(raw, &f) != nil {
		return nil // another kind of frame
	}
	for _, op := range f.Message.Operations {
		text := ""
		if m := marked.FindStringSubmatch(op.HTML); m != nil {
			text = m[1]
		} else if op.Selector == "#tally-mark" {
			text = strings.Trim(string(op.Value), `"`)
		}
		if n, err := strconv.Atoi(text); err == nil {
			marks = append(marks, n)
		}
	}
	return marks
}

// since is when n was first seen or, where one frame brought n and more, what came after
// it.
func (s *sightings) since(tb testing.TB, n int) (first time.Time) {
	tb.Helper()
	waitFor(tb, fmt.Sprintf("mark %d to be shown", n), func() (string, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if first = s.at[n]; first.IsZero() {
			for m, at := range s.at {
				if m > n && (first.IsZero() || at.Before(first)) {
					first = at
				}
			}
		}
		return fmt.Sprintf("%d marks", len(s.at)), !first.IsZero()
	})
	return first
}
