package e2e_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bench"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

var (
	crowdSockets = flag.Int("crowdsockets", 10_000, "how many sockets BenchmarkRooms, BenchmarkStorm and BenchmarkFailover open")
	crowdPeople  = flag.Int("crowdpeople", 2_500, "how many people they belong to")
	crowdTime    = flag.Duration("crowdtime", 8*time.Second, "how long a phase of BenchmarkRooms and BenchmarkIdleRooms takes")
	idleRooms    = flag.Int("idlerooms", 100_000, "how many rooms BenchmarkIdleRooms makes; a tenth of them first")
)

// frame is the least time between two renders of a feature in a room.
const frame = 16 * time.Millisecond

// wholePage is what pages subscribe to.
const wholePage = `{"channel":"Live","room":{room}}`

const crowdToken = "token-of-the-benchmarks"

// startForCrowd starts a server that other services may send events to, as many as
// they like.
func startForCrowd(b *testing.B, args ...string) *server {
	b.Helper()
	return startServer(b, append([]string{"--api-token=" + crowdToken, "--api-rate=1000000"}, args...)...)
}

// crowdAt is a crowd for a server.
func crowdAt(s *server) bench.Config {
	return bench.Config{
		URL: "ws://" + s.address() + "/cable", Sockets: *crowdSockets, People: min(*crowdPeople, *crowdSockets), Room: "crowd",
		Time: *crowdTime, Token: crowdToken, PID: s.cmd.Process.Pid, Metrics: s.admin + "/metrics", Phases: []string{bench.Idle},
	}
}

func runCrowd(b *testing.B, cfg bench.Config) *bench.Report {
	b.Helper()
	r, err := bench.Run(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	var told strings.Builder
	_ = r.Tell(&told) // a Builder takes everything
	b.Log("\n" + told.String())
	for _, p := range r.Phases {
		if p.Missing > 0 || p.SocketsLost > 0 {
			b.Errorf("%s: %d of %d deliveries are missing and %d sockets are lost: %s", p.Name, p.Missing, p.Missing+p.Deliveries, p.SocketsLost, p.Lost)
		}
	}
	if s := r.Connect.Storm; s != nil {
		// What a busy server left out since a newer frame of the same fragment took its
		// place is not lost.
		if s.Missing > 0 || s.SocketsLost > 0 || s.Skipped > r.Connect.Server.Superseded {
			b.Errorf("storm: of %d deliveries that were due %d are missing, %d came only with a later one and %d frames were left out; %d sockets are lost: %s",
				s.Due, s.Missing, s.Skipped, r.Connect.Server.Superseded, s.SocketsLost, s.Lost)
		}
	}
	return r
}

// BenchmarkRooms is what an event costs the server and its features where ten thousand
// sockets follow a room each, where they all follow one, and what a view of a page costs.
// It fails when an event is rendered more than once or does not reach every socket, and
// when a page is rendered that was before.
//
//	go test ./core/e2e -run='^$' -bench=Rooms/ -benchtime=1x -v
func BenchmarkRooms(b *testing.B) {
	for _, l := range []struct {
		name  string
		rooms int
		rate  float64
	}{
		{fmt.Sprintf("%dx1", *crowdSockets), *crowdSockets, 500},
		{fmt.Sprintf("1x%d", *crowdSockets), 1, 10},
	} {
		b.Run(l.name, func(b *testing.B) {
			for b.Loop() {
				cfg := crowdAt(startForCrowd(b))
				cfg.Rooms, cfg.Rate, cfg.InFlight, cfg.Phases = l.rooms, l.rate, 8, []string{bench.Idle, bench.Rate, bench.Saturation}
				benchmarkRooms(b, cfg)
			}
		})
	}
	b.Run("views", func(b *testing.B) {
		for b.Loop() {
			benchmarkViews(b, startForCrowd(b))
		}
	})
}

func benchmarkRooms(b *testing.B, cfg bench.Config) {
	r := runCrowd(b, cfg)
	for _, p := range r.Phases {
		if p.Name == bench.Idle {
			b.ReportMetric(float64(p.Server.BytesASocket)/1024, "KiB-RSS/socket")
			b.ReportMetric(p.Server.Cores, "idle-cores")
			continue
		}
		renders := p.Server.Renders["counter"]
		most := p.Published
		if cfg.Rooms == 1 {
			most = min(most, int64(p.Seconds/frame.Seconds())+1)
		}
		if renders > most {
			b.Errorf("%s: the counter was rendered %d times for %d events in %.2f s, want at most %d", p.Name, renders, p.Published, p.Seconds, most)
		}
		b.ReportMetric(float64(renders)/float64(p.Published), p.Name+"-renders/event")
		b.ReportMetric(p.Server.CPUSecondsAMillion, p.Name+"-cpu-µs/delivery")
		b.ReportMetric(p.Server.ChildrenCPUSeconds/float64(p.Published)*1e6, p.Name+"-features-cpu-µs/event")
		b.ReportMetric(p.Latency.P50, p.Name+"-p50-ms")
		b.ReportMetric(p.Latency.P99, p.Name+"-p99-ms")
		b.ReportMetric(p.DeliveriesASecond, p.Name+"-deliveries/s")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Connect.Seconds, "connect-s")
}

// benchmarkViews has people who were there before open the page of a room in which
// something happens ten times a second.
func benchmarkViews(b *testing.B, s *server) {
	cfg := crowdAt(s)
	cfg.People = 200
	people, err := bench.Meet(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	clicking := backend{b, s}
	clicking.add(cfg.Room)
	before, began := readCost(b, s), time.Now()
	var views, events atomic.Int64
	ctx, cancel := context.WithTimeout(b.Context(), *crowdTime)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ; ctx.Err() == nil; <-tick.C {
			clicking.add(cfg.Room)
			events.Add(1)
		}
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequest(http.MethodGet, s.url+"/r/"+cfg.Room, nil)
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Cookie", people[int(views.Add(1))%len(people)].Cookie)
				res, err := transport.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Error(res.Status)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	used := readCost(b, s).since(before)
	b.Logf("%d views and %d events: renders %v", views.Load(), events.Load(), used.renders)
	rendered := int64(0)
	for feature, n := range used.renders {
		most := int64(0)
		if feature == "counter" {
			most = events.Load()
		}
		if n > most {
			b.Errorf("%s was rendered %d times for %d views while the counter changed %d times, want at most %d", feature, n, views.Load(), events.Load(), most)
		}
		rendered += n
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(views.Load())/took.Seconds(), "views/s")
	b.ReportMetric(float64(rendered)/float64(views.Load()), "renders/view")
	b.ReportMetric(used.cpu*1e6/float64(views.Load()), "cpu-µs/view")
}

// BenchmarkStorm has ten thousand sockets connect and ask for what their pages lack, as
// fast as it goes, while an event a second reaches those that are there: pages, which
// follow the whole room and so are told of everybody who comes, and elements that
// follow the counter. It fails when an event does not reach a socket that was
// subscribed before.
//
//	go test ./core/e2e -run='^$' -bench=Storm -benchtime=1x -v
func BenchmarkStorm(b *testing.B) {
	for _, l := range []struct{ name, identifier string }{{"pages", wholePage}, {"elements", ""}} {
		b.Run(l.name, func(b *testing.B) {
			for b.Loop() {
				s := startForCrowd(b)
				cfg := crowdAt(s)
				cfg.Identifier, cfg.Sync, cfg.Storm, cfg.Time = l.identifier, true, 1, time.Second
				met, err := bench.Meet(b.Context(), cfg)
				if err != nil {
					b.Fatal(err)
				}
				cfg.Met = met
				reportStorm(b, runCrowd(b, cfg))
			}
		})
	}
}

// reportStorm reports how sockets came, and returns the renders by feature.
func reportStorm(b *testing.B, r *bench.Report) map[string]int64 {
	b.Helper()
	c := r.Connect
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(c.Seconds, "s-until-all")
	b.ReportMetric(float64(c.Storm.Missing), "lost")
	b.ReportMetric(c.Server.CPUSeconds*1e6/float64(c.Sockets), "cpu-µs/socket")
	b.ReportMetric(c.Server.ChildrenCPUSeconds*1e6/float64(c.Sockets), "features-cpu-µs/socket")
	if q := c.Storm.Latency; q != nil {
		b.ReportMetric(q.P50, "p50-ms")
		b.ReportMetric(q.P99, "p99-ms")
	}
	all := int64(0)
	for _, n := range c.Server.Renders {
		all += n
	}
	b.ReportMetric(float64(all)/float64(c.Sockets), "renders/socket")
	return c.Server.Renders
}

// BenchmarkFailover has ten thousand sockets of pages follow a room on one of two servers
// that share a store, and kills that server. The pages connect to the other one, which
// has not shown that room before, subscribe and ask for what they lack, as fast as it
// goes, while an event a second goes on. It fails when one does not reach a socket that
// was subscribed, and when anything is rendered more than once: what all see, for each
// change or frame; what one person sees, for each person.
//
//	go test ./core/e2e -run='^$' -bench=Failover -benchtime=1x -v
func BenchmarkFailover(b *testing.B) {
	for b.Loop() {
		benchmarkFailover(b)
	}
}

func benchmarkFailover(b *testing.B) {
	store := keydbtest.Start(b, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	args := []string{secretArg, "--keydb=" + store.URL()}
	first, second := startForCrowd(b, args...), startForCrowd(b, args...)
	second.worries = []string{"binary stopped beating"}

	cfg := crowdAt(first)
	cfg.Identifier, cfg.Sync, cfg.Time = wholePage, true, time.Minute
	met, err := bench.Meet(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	cfg.Met = met
	before := cfg
	there := make(chan struct{})
	before.Progress = progressFunc(sync.OnceFunc(func() { close(there) }))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var staying sync.WaitGroup
	staying.Go(func() {
		if _, err := bench.Run(ctx, before); err != nil {
			b.Error(err)
		}
	})
	select {
	case <-there:
	case <-time.After(2 * patience):
		b.Fatal("the crowd does not get in")
	}
	<-time.After(5 * time.Second) // until all is told that comes of it

	first.kill()
	cancel()
	staying.Wait()
	cfg.URL, cfg.PID, cfg.Metrics = "ws://"+second.address()+"/cable", second.cmd.Process.Pid, second.admin+"/metrics"
	cfg.Storm, cfg.Time = 1, time.Second
	r := runCrowd(b, cfg)
	renders := reportStorm(b, r)
	most := map[string]int64{"counter": r.Connect.Storm.Published + 1}
	frames := int64(r.Connect.Seconds/frame.Seconds()) + 1
	for _, feature := range []string{"globe", "regions", "viewers"} { // which tell how many there are
		most[feature] = frames
	}
	people := int64(len(met))
	most["identity"], most["tabs"] = 1+people, 1+people+frames+int64(cfg.Sockets)/100 // each for everybody, too
	for feature, n := range renders {
		if n > max(1, most[feature]) {
			b.Errorf("%s was rendered %d times, want at most %d", feature, n, max(1, most[feature]))
		}
	}
}

// progressFunc is called when a run has begun its first phase.
type progressFunc func()

func (f progressFunc) Write(line []byte) (int, error) {
	if strings.HasPrefix(string(line), bench.Idle) {
		f()
	}
	return len(line), nil
}

// BenchmarkIdleRooms is what an event costs in a room with one socket while there are
// many other rooms that somebody was in: just after that, when a thousand of them are
// still in memory, and when all have been taken out.
//
//	go test ./core/e2e -run='^$' -bench=IdleRooms -benchtime=1x -v
func BenchmarkIdleRooms(b *testing.B) {
	for _, kind := range []string{"memory", "redis"} {
		b.Run(kind, func(b *testing.B) {
			var args []string
			if kind == "redis" {
				store := keydbtest.Start(b, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
				args = []string{secretArg, "--keydb=" + store.URL()}
			}
			s := startForCrowd(b, args...)
			there, first := 0, 0.0
			for _, rooms := range []int{0, *idleRooms / 10, *idleRooms} {
				before := readCost(b, s)
				backend{b, s}.fill(there, rooms)
				grown := readCost(b, s).since(before)
				b.Run(fmt.Sprint(rooms), func(b *testing.B) {
					for b.Loop() {
						cost := benchmarkIdle(b, s)
						if first == 0 {
							first = cost
						}
						b.ReportMetric(cost/first, "times-the-first")
						if n := rooms - there; n > 0 {
							b.ReportMetric(float64(grown.rss)/float64(n), "B-RSS/room")
						}
					}
				})
				there = rooms
			}
			waitWithin(b, 2*time.Minute, "the rooms to be taken out of memory", func() (string, bool) {
				n := readCost(b, s).rooms
				return fmt.Sprint(n, " rooms"), n <= 1
			})
			b.Run(fmt.Sprint(there, "-unloaded"), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(benchmarkIdle(b, s)/first, "times-the-first")
				}
			})
		})
	}
}

// benchmarkIdle reports what an event costs where 200 a second happen, and returns it.
func benchmarkIdle(b *testing.B, s *server) (cost float64) {
	cfg := crowdAt(s)
	cfg.Sockets, cfg.People, cfg.Rate = 1, 1, 200
	cfg.Phases = []string{bench.Idle, bench.Rate, bench.Click}
	rooms := readCost(b, s).rooms
	r := runCrowd(b, cfg)
	idle, rate, click := r.Phases[0], r.Phases[1], r.Phases[2]
	cost = rate.Server.CPUSeconds / float64(rate.Published) * 1e6
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(rooms), "rooms-in-memory")
	b.ReportMetric(cost, "cpu-µs/event")
	b.ReportMetric(rate.Server.ChildrenCPUSeconds/float64(rate.Published)*1e6, "features-cpu-µs/event")
	b.ReportMetric(idle.Server.Cores, "idle-cores")
	b.ReportMetric(click.Latency.P50, "p50-ms")
	b.ReportMetric(click.Latency.P99, "p99-ms")
	return cost
}

// backend is another service, which sends events.
type backend struct {
	b *testing.B
	s *server
}

var backendClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: patience}

// add has the counter of a room go up by one. It may be called from any goroutine, and
// reports whether that was taken.
func (c backend) add(room string) bool {
	req, err := http.NewRequest(http.MethodPost, c.s.url+"/api/rooms/"+room+"/events", strings.NewReader(`{"target":"counter#add","fields":{"by":"1"}}`))
	if err != nil {
		c.b.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+crowdToken)
	res, err := backendClient.Do(req)
	if err != nil {
		c.b.Error(err)
		return false
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		c.b.Errorf("event in %s: %s %s", room, res.Status, answer)
	}
	return res.StatusCode == http.StatusOK
}

// fill makes rooms, from a number to another, by an event in each.
func (c backend) fill(from, to int) {
	var all sync.WaitGroup
	var next atomic.Int64
	next.Store(int64(from))
	for range 32 {
		all.Go(func() {
			for n := next.Add(1); n <= int64(to) && c.add("idle-"+strconv.FormatInt(n, 10)); n = next.Add(1) {
			}
		})
	}
	all.Wait()
	if c.b.Failed() {
		c.b.FailNow()
	}
}

// spending is what a server has used.
type spending struct {
	cpu     float64
	rss     int64
	rooms   int64            // in memory
	renders map[string]int64 // by feature
}

// readCost reads a server's metrics.
func readCost(b *testing.B, s *server) spending {
	b.Helper()
	a := newVisitor(b, s.admin).get("/metrics")
	c := spending{renders: map[string]int64{}}
	for lines := bufio.NewScanner(strings.NewReader(a.body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "process_cpu_seconds_total":
			c.cpu = n
		case "process_resident_memory_bytes":
			c.rss = int64(n)
		case "presence_rooms":
			c.rooms = int64(n)
		}
		if rest, ok := strings.CutPrefix(name, `presence_render_seconds_count{feature="`); ok {
			c.renders[strings.TrimSuffix(rest, `"}`)] = int64(n)
		}
	}
	return c
}

// since returns what was used since before.
func (c spending) since(before spending) spending {
	c.cpu, c.rss = c.cpu-before.cpu, c.rss-before.rss
	for feature, n := range before.renders {
		if c.renders[feature] -= n; c.renders[feature] == 0 {
			delete(c.renders, feature)
		}
	}
	return c
}
