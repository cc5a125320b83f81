package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// oneWay is the delay of the links in BenchmarkRegions.
const oneWay = 40 * time.Millisecond

// BenchmarkRegions is the time from an event on a socket in one region to the
// operation on a socket in another, less the delay of the link between their stores:
// one op is one click. The same is reported for the first region's own socket. Of the
// way it reports what can be told apart from outside: until the own store has it, from
// there to the other store (less the delay), and from there to the socket; and of the
// server's own figures the means of a write, a read and a render.
func BenchmarkRegions(b *testing.B) {
	for _, kind := range []struct {
		name  string
		start func(testing.TB, time.Duration) []*crossing
	}{{"mesh", startSlowMesh}, {"replicas", startSlowReplicas}} {
		for _, delay := range []time.Duration{0, oneWay} {
			b.Run(fmt.Sprintf("%s/%v", kind.name, delay), func(b *testing.B) { benchmarkRegions(b, kind.start(b, delay), delay) })
		}
	}
}

// crossing is a region of the benchmark: the store it reads from and its program.
type crossing struct {
	store  *keydbtest.Server
	args   []string
	server *server
}

func startSlowMesh(tb testing.TB, delay time.Duration) []*crossing {
	var all []*crossing
	for _, code := range codes {
		store := keydbtest.Start(tb, keydbtest.Options{
			Program: "keydb-server",
			Args:    []string{"--active-replica", "yes", "--multi-master", "yes", "--server-threads", "1", "--appendonly", "yes"},
		})
		all = append(all, &crossing{store: store, args: []string{"--region=" + code, "--keydb=" + store.URL()}})
	}
	for _, c := range all {
		for _, peer := range all {
			switch {
			case peer == c:
			case delay == 0:
				c.store.Follow(peer.store)
			default:
				l := keydbtest.StartLink(tb, peer.store)
				l.Delay(delay)
				c.store.FollowOver(l)
			}
		}
	}
	for _, c := range all {
		c.store.WaitLinks()
	}
	return all
}

func startSlowReplicas(tb testing.TB, delay time.Duration) []*crossing {
	primary := keydbtest.Start(tb, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	var all []*crossing
	for i, code := range codes {
		replica := keydbtest.Start(tb, keydbtest.Options{})
		if i == 0 || delay == 0 { // the first region is where the primary is
			replica.Follow(primary)
		} else {
			l := keydbtest.StartLink(tb, primary)
			l.Delay(delay)
			replica.FollowOver(l)
		}
		replica.WaitLinks()
		all = append(all, &crossing{store: replica, args: []string{"--region=" + code, "--keydb=" + primary.URL(), "--keydb-read=" + replica.URL()}})
	}
	return all
}

// sightings are the moments at which something was first seen, by the number that the
// counter then had.
type sightings struct {
	mu   sync.Mutex
	at   map[int]time.Time
	come chan struct{} // closed and renewed at each
}

func newSightings() *sightings { return &sightings{at: map[int]time.Time{}, come: make(chan struct{})} }

func (s *sightings) saw(n int) { s.sawAt(n, time.Now()) }

func (s *sightings) sawAt(n int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.at[n]; !there {
		s.at[n] = now
		close(s.come)
		s.come = make(chan struct{})
	}
}

// of waits until n was seen.
func (s *sightings) of(tb testing.TB, n int) time.Time {
	tb.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		at, there := s.at[n]
		come := s.come
		s.mu.Unlock()
		if there {
			return at
		}
		select {
		case <-come:
		case <-deadline:
			tb.Fatalf("click %d was never seen", n)
		}
	}
}

// watchSocket notes what numbers come over a socket.
func watchSocket(tb testing.TB, address string) *sightings {
	tb.Helper()
	v := newVisitor(tb, address)
	v.get("/")
	s, err := dial(v, "home")
	if err != nil {
		tb.Fatal(err)
	}
	seen := newSightings()
	tb.Cleanup(func() { s.ws.Close() })
	go func() {
		for {
			_, raw, err := s.ws.ReadMessage()
			if err != nil {
				return
			}
			if n, ok := counted(raw); ok {
				seen.saw(n)
			}
		}
	}()
	return seen
}

// counted returns the number that a frame gives the counter.
func counted(raw []byte) (int, bool) {
	var f struct {
		Message struct {
			Operations []struct {
				Selector string
				Value    json.RawMessage
			}
		}
	}
	if json.Unmarshal(raw, &f) != nil {
		return 0, false // another kind of frame
	}
	for _, op := range f.Message.Operations {
		if op.Selector == "#counter-total" {
			n, err := strconv.Atoi(strings.Trim(string(op.Value), `"`))
			return n, err == nil
		}
	}
	return 0, false
}

// watchStore notes when a store tells of entries in a log, by the total they carry.
func watchStore(tb testing.TB, store *keydbtest.Server, site string) *sightings {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	tb.Cleanup(stop)
	seen := newSightings()
	key := "gp:state:" + site + ":home:counter"
	sub := store.Client().Subscribe(ctx, "__keyspace@0__:"+key)
	tb.Cleanup(func() { sub.Close() })
	if _, err := sub.Receive(ctx); err != nil {
		tb.Fatal(err)
	}
	store.Do("CONFIG", "SET", "notify-keyspace-events", "Kthg$xe")
	go func() {
		for range sub.Channel() {
			now := time.Now()
			value, _ := store.Client().HGet(ctx, key, "count").Result()
			total := value[strings.LastIndexByte(value, ' ')+1:] // after kind and stamp
			if n, err := strconv.Atoi(total); err == nil {
				seen.sawAt(n, now)
			}
		}
	}()
	return seen
}

func benchmarkRegions(b *testing.B, all []*crossing, delay time.Duration) {
	for _, c := range all {
		c.server = startServing(b, append(c.args, secretArg)...)
		c.server.worries = []string{"not synced", "presence not written", "feature not rendered"}
	}
	pl := &planet{}
	for _, c := range all {
		pl.places = append(pl.places, &place{code: c.args[0], server: c.server})
	}
	pl.waitReady(b)
	here, there := all[0], all[len(all)-1]
	ownStore, otherStore := watchStore(b, here.store, codes[0]), watchStore(b, there.store, codes[0])
	own, other := watchSocket(b, here.server.url), watchSocket(b, there.server.url)

	var clicking []*socket
	for range 4 {
		v := newVisitor(b, here.server.url)
		v.get("/")
		s, err := dial(v, "home")
		if err != nil {
			b.Fatal(err)
		}
		defer s.ws.Close()
		go func() { // or it is a slow reader
			for {
				if _, _, err := s.ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
		clicking = append(clicking, s)
	}
	before := means(b, there.server)
	var across, home, appended, copied, shown []float64
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	pace := time.NewTicker(30 * time.Millisecond) // each of four may ten times a second
	defer pace.Stop()
	count := 0
	click := func() {
		<-pace.C
		count++
		at := time.Now()
		if err := clicking[count%len(clicking)].add(fmt.Sprintf("click-%d-%d", at.UnixNano(), count)); err != nil {
			b.Fatal(err)
		}
		seen := other.of(b, count)
		across = append(across, ms(seen.Sub(at)-delay))
		home = append(home, ms(own.of(b, count).Sub(at)))
		stored, arrived := ownStore.of(b, count), otherStore.of(b, count)
		appended = append(appended, ms(stored.Sub(at)))
		copied = append(copied, ms(arrived.Sub(stored)-delay))
		shown = append(shown, ms(seen.Sub(arrived)))
	}
	for b.Loop() {
		click()
	}
	for len(across) < 5*fewest {
		click()
	}
	after := means(b, there.server)
	report(b, across)
	b.ReportMetric(median(home), "own-region-ms")
	b.ReportMetric(median(appended), "append-ms")
	b.ReportMetric(median(copied), "copy-ms")
	b.ReportMetric(median(shown), "show-ms")
	for _, m := range []struct{ name, unit string }{
		{`presence_keydb_call_seconds{call="read"}`, "read-ms"},
		{`presence_render_seconds`, "render-ms"},
	} {
		sum, n := after[m.name].sum-before[m.name].sum, after[m.name].count-before[m.name].count
		if n > 0 {
			b.ReportMetric(1000*sum/n, m.unit)
		}
	}
}

func median(samples []float64) float64 {
	return slices.Sorted(slices.Values(samples))[len(samples)/2]
}

// mean is the sum and the number of what a histogram has seen.
type mean struct{ sum, count float64 }

// means returns the histograms of a server by name and labels; labels other than
// "call" are added up.
func means(tb testing.TB, s *server) map[string]mean {
	tb.Helper()
	resp, err := http.Get(s.admin + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]mean{}
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 1<<20))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		number, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue
		}
		labels := ""
		if i := strings.IndexByte(name, '{'); i >= 0 {
			name, labels = name[:i], name[i:]
		}
		if !strings.HasPrefix(labels, "{call=") {
			labels = ""
		}
		if base, ok := strings.CutSuffix(name, "_sum"); ok {
			m := all[base+labels]
			m.sum += number
			all[base+labels] = m
		}
		if base, ok := strings.CutSuffix(name, "_count"); ok {
			m := all[base+labels]
			m.count += number
			all[base+labels] = m
		}
	}
	return all
}
