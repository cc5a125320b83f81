package keydb_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
)

var sustained = flag.Duration("sustained", 5*time.Second, "how long BenchmarkSustained goes on")

// BenchmarkSustained has three sites write 10,000 events a second each to one server,
// one Append an event, while each reads all three logs: one op is the whole time. It
// reports how late events are read in the first and in the last third, what is lost,
// and how many CPUs the server and the three engines take.
func BenchmarkSustained(b *testing.B) {
	for _, program := range []string{"keydb-server", "redis-server"} {
		b.Run(program, func(b *testing.B) {
			server := keydbtest.Start(b, keydbtest.Options{Program: program})
			for b.Loop() {
				sustain(b, server)
			}
		})
	}
}

const sustainedRate = 10_000 // events a second and site

func sustain(b *testing.B, server *keydbtest.Server) {
	names := []string{"iad", "lhr", "syd"}
	server.Do("FLUSHALL")
	ctx, stop := context.WithCancel(context.Background())
	var running, tails sync.WaitGroup
	var sent, failed atomic.Int64
	readers := make([]*sustainedReader, len(names))
	var engines []*site.Engine
	for i, name := range names {
		store := open(b, keydb.Config{URL: server.URL(), Site: name})
		e, err := site.New(site.Config{Site: name, Store: store})
		if err != nil {
			b.Fatal(err)
		}
		running.Go(func() { _ = e.Run(ctx) }) // nil
		readers[i] = &sustainedReader{began: time.Now()}
		tails.Go(func() { _ = e.Tail(ctx, nil, readers[i].read) }) // ends with ctx
		waitReady(b, e)
		engines = append(engines, e)
	}
	began := time.Now()
	self, other := cpuOf(b, os.Getpid()), cpuOf(b, pidOf(b, server))
	var writers sync.WaitGroup
	for i, e := range engines {
		tokens := make(chan time.Time, 1<<20)
		writers.Go(func() {
			defer close(tokens)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for due := 0; time.Since(began) < *sustained; <-tick.C {
				for want := int(time.Since(began).Seconds() * sustainedRate); due < want; due++ {
					tokens <- time.Now()
				}
			}
		})
		for w := range 256 {
			writers.Go(func() {
				n := 0
				for at := range tokens {
					n++
					id := fmt.Sprintf("%d/%s-%d-%d", at.UnixNano(), names[i], w, n)
					_, err := e.Append(ctx, engine.Batch{
						Binary: names[i], Events: []string{id},
						Changes: []engine.Change{engine.Add(fmt.Sprintf("room-%d", n%100), "counter", "count", 1)},
					})
					if err != nil {
						failed.Add(1)
						continue
					}
					sent.Add(1)
				}
			})
		}
	}
	writers.Wait()
	took := time.Since(began)
	self, other = cpuOf(b, os.Getpid())-self, cpuOf(b, pidOf(b, server))-other
	for _, r := range readers {
		server.Until("all events", func(context.Context) (string, bool) {
			got := r.count()
			return fmt.Sprintf("%d of %d", got, sent.Load()), got >= int(sent.Load())
		})
	}
	stop()
	running.Wait()
	tails.Wait()

	var first, last []time.Duration
	lost, gaps := 0, 0
	for _, r := range readers {
		lost += int(sent.Load()) - len(r.lags)
		gaps += r.gaps
		third := len(r.lags) / 3
		first, last = append(first, r.lags[:third]...), append(last, r.lags[2*third:]...)
	}
	slices.Sort(first)
	slices.Sort(last)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(float64(sent.Load())/took.Seconds(), "events/s")
	b.ReportMetric(ms(first[len(first)/2]), "first-median-ms")
	b.ReportMetric(ms(first[len(first)*99/100]), "first-p99-ms")
	b.ReportMetric(ms(last[len(last)/2]), "last-median-ms")
	b.ReportMetric(ms(last[len(last)*99/100]), "last-p99-ms")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(gaps), "gaps")
	b.ReportMetric(float64(failed.Load()), "failed")
	b.ReportMetric(self.Seconds()/took.Seconds(), "engines-CPUs")
	b.ReportMetric(other.Seconds()/took.Seconds(), "server-CPUs")
}

// sustainedReader notes how late events are read.
type sustainedReader struct {
	began time.Time

	mu   sync.Mutex
	lags []time.Duration
	gaps int
}

func (r *sustainedReader) read(ds []engine.Delivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixNano()
	for _, d := range ds {
		if d.Gap {
			r.gaps++
		}
		for _, id := range d.Events {
			at, _, _ := strings.Cut(id, "/")
			n, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				return err
			}
			r.lags = append(r.lags, time.Duration(now-n))
		}
	}
	return nil
}

func (r *sustainedReader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lags)
}

func waitReady(tb testing.TB, e engine.Engine) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(keydbtest.Patience); e.Ready() != nil; <-tick.C {
		if time.Now().After(deadline) {
			tb.Fatalf("engine is not ready: %v", e.Ready())
		}
	}
}

func pidOf(tb testing.TB, s *keydbtest.Server) int {
	tb.Helper()
	for line := range strings.Lines(s.Do("INFO", "server")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "process_id:"); ok {
			pid, err := strconv.Atoi(value)
			if err != nil {
				tb.Fatal(err)
			}
			return pid
		}
	}
	tb.Fatal("INFO names no process_id")
	return 0
}

// cpuOf returns the CPU time that a process has used, as /proc tells it.
func cpuOf(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	if pid == os.Getpid() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			tb.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Skip("this needs /proc")
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}
