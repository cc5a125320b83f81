package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

var (
	painting  = flag.Duration("painting", 5*time.Second, "how long BenchmarkPaints goes on")
	paintRate = flag.Int("paintrate", 10_000, "cells a second that BenchmarkPaints paints")
)

// BenchmarkPaints has a crowd paint cells of one board in one of three regions, one
// event a cell, through the feature's own process: one op is the whole time. It reports
// how long it takes from the event to the message for the pages of the own region and of
// the others (less the delay of the link), what was lost, the CPUs that this process
// takes for three regions and the crowd, the bytes a second that each page gets and,
// with Redis, what the store has grown by.
func BenchmarkPaints(b *testing.B) {
	b.Run("wan", func(b *testing.B) {
		planet, err := wan.New(wan.Config{
			Sites: []wan.Site{{Name: "iad", Region: "iad"}, {Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd"}},
		})
		if err != nil {
			b.Fatal(err)
		}
		runUntilEnd(b, planet.Run)
		var all []*easel
		for _, name := range codes {
			all = append(all, newEasel(b, name, planet.Store(name), wan.Delay("iad", name)))
		}
		paintAll(b, all, nil)
	})
	b.Run("replicas", func(b *testing.B) {
		primary := keydbtest.Start(b, keydbtest.Options{Program: "redis-server", Args: []string{"--appendonly", "yes"}})
		var all []*easel
		for _, name := range codes {
			replica := keydbtest.StartReplica(b, primary, keydbtest.Options{})
			store, err := keydb.Open(b.Context(), keydb.Config{Site: name, URL: primary.URL(), ReadURL: replica.URL()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = store.Close() })
			all = append(all, newEasel(b, name, store, 0))
		}
		paintAll(b, all, primary)
	})
}

// runUntilEnd runs f until the benchmark ends.
func runUntilEnd(tb testing.TB, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = f(ctx) })
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

// easel is one region: a bus with the board's feature, and a page that looks at it.
type easel struct {
	bus   *bus.Bus
	delay time.Duration

	mu    sync.Mutex
	seen  map[uint32]time.Time // cells, and when a message showed them
	bytes int
}

// Broadcast is what the page gets.
func (e *easel) Broadcast(_, _ string, _ plugins.Audience, _ string, message []byte) {
	now := time.Now()
	var envelope struct {
		Operations []struct {
			Name   string
			Detail struct{ Cells string }
		}
	}
	if json.Unmarshal(message, &envelope) != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bytes += len(message)
	for _, op := range envelope.Operations {
		if op.Name != "live:cells" {
			continue
		}
		cells, _ := base64.StdEncoding.DecodeString(op.Detail.Cells)
		for ; len(cells) >= 4; cells = cells[4:] {
			e.seen[binary.BigEndian.Uint32(cells)>>8] = now
		}
	}
}

func newEasel(tb testing.TB, name string, store site.Store, delay time.Duration) *easel {
	tb.Helper()
	en, err := site.New(site.Config{Site: name, Store: store})
	if err != nil {
		tb.Fatal(err)
	}
	e := &easel{delay: delay, seen: map[uint32]time.Time{}}
	var up atomic.Pointer[bus.Bus]
	feature := process.New(process.Config{
		Name: "board", Path: program(tb), Args: featureArgs(tb, "board"),
		OnStatus: func(s plugins.Status) { up.Load().FeatureChanged(s) },
	})
	e.bus, err = bus.New(bus.Config{
		Engine: engine.Engine(en), Broadcaster: e, Region: name, Features: []bus.Feature{{Name: "board", Carrier: feature}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	up.Store(e.bus)
	runUntilEnd(tb, en.Run)
	runUntilEnd(tb, e.bus.Run)
	runUntilEnd(tb, feature.Run)
	waitFor(tb, name+" to be ready", func() (string, bool) { return fmt.Sprint(e.bus.Ready()), e.bus.Ready() == nil })
	if err := e.bus.Join("home", plugins.Person{User: "ann", Session: "ann-" + name, Region: name}); err != nil {
		tb.Fatal(err)
	}
	if _, err := e.bus.Board(tb.Context(), "home", "board"); err != nil {
		tb.Fatal(err)
	}
	return e
}

// cpu returns the processor time that this process has taken.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// paintAll paints in the first region and reports.
func paintAll(b *testing.B, all []*easel, store *keydbtest.Server) {
	const users = 2000
	total := int(painting.Seconds() * float64(*paintRate))
	if total > 1_000_000 {
		b.Fatal("the board has a million cells: paint less or shorter")
	}
	sent := make([]time.Time, total)
	var refused atomic.Int64
	held := memoryOf(store)
	busy := cpu(b)
	for b.Loop() {
		began := time.Now()
		tick := time.NewTicker(time.Millisecond)
		var answered sync.WaitGroup
		for n := 0; n < total; <-tick.C {
			for due := min(total, int(time.Since(began).Seconds()*float64(*paintRate))); n < due; n++ {
				user := fmt.Sprintf("user%012d", n%users)
				req := bus.Request{
					ID: fmt.Sprint("p-", n), Room: "home", Target: "board#paint",
					Fields: map[string]string{"cells": strconv.Itoa(n%1000) + "," + strconv.Itoa(n/1000), "colour": strconv.Itoa(1 + n%31)},
					Person: plugins.Person{User: user, Session: user, Region: codes[0]},
				}
				sent[n] = time.Now()
				answered.Add(1)
				all[0].bus.Dispatch(req, func(o bus.Outcome) {
					if o.Status != bus.OK {
						refused.Add(1)
					}
					answered.Done()
				})
			}
		}
		tick.Stop()
		answered.Wait()
		for _, e := range all {
			waitFor(b, "all cells to be shown", func() (string, bool) {
				e.mu.Lock()
				defer e.mu.Unlock()
				return fmt.Sprint(len(e.seen)), len(e.seen) >= total-int(refused.Load())
			})
		}
		took := time.Since(began)
		b.ReportMetric(float64(total)/took.Seconds(), "cells/s")
		b.ReportMetric(float64(refused.Load()), "refused")
		b.ReportMetric((cpu(b)-busy).Seconds()/took.Seconds(), "CPUs")
		b.ReportMetric(float64(all[1].bytes)/took.Seconds()/1000, "page-kB/s")
		if store != nil {
			b.ReportMetric(float64(memoryOf(store)-held)/1e6, "store-MB")
			entries, _ := strconv.Atoi(store.Do("XLEN", "gp:log:"+codes[0]))
			bytes, _ := strconv.Atoi(store.Do("MEMORY", "USAGE", "gp:log:"+codes[0], "SAMPLES", "0"))
			b.ReportMetric(float64(entries)/took.Seconds(), "entries/s")
			b.ReportMetric(float64(bytes)/float64(entries), "B/entry")
		}
	}
	for i, e := range all {
		var lags []float64
		lost := 0
		for n := range sent {
			at, shown := e.seen[uint32(n)]
			if !shown {
				lost++
				continue
			}
			lags = append(lags, (at.Sub(sent[n])-e.delay).Seconds()*1000)
		}
		slices.Sort(lags)
		name := []string{"own", "second", "third"}[i]
		b.ReportMetric(lags[len(lags)/2], name+"-median-ms")
		b.ReportMetric(lags[len(lags)*99/100], name+"-p99-ms")
		b.ReportMetric(float64(lost)-float64(refused.Load()), name+"-lost")
	}
}

// memoryOf returns the bytes that a server has in use.
func memoryOf(s *keydbtest.Server) int {
	if s == nil {
		return 0
	}
	for line := range strings.SplitSeq(fmt.Sprint(s.Do("INFO", "memory")), "\r\n") {
		if n, ok := strings.CutPrefix(line, "used_memory:"); ok {
			bytes, _ := strconv.Atoi(n)
			return bytes
		}
	}
	return 0
}
