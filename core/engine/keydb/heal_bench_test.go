package keydb_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/converge"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

var cutFor = flag.Duration("cut", 5*time.Second, "how long the cut of BenchmarkHeal is")

// BenchmarkHeal cuts one of three regions off while a hundred batches a second are
// written in each. One op is the whole; it reports how long it takes from the moment
// that the network is there again, and from the moment that the servers' links are up,
// until all regions show the same. A backlog of 64 MiB, as hosted servers have, holds
// what was written meanwhile; one of 16 KiB does not, so that all is copied again.
func BenchmarkHeal(b *testing.B) {
	for _, backlog := range []string{"64mb", "16kb"} {
		args := []string{"--repl-backlog-size", backlog}
		b.Run("redis/backlog="+backlog, func(b *testing.B) {
			w := startReplicas(b, 0, args...)
			healing(b, w, func() { w.servers["syd"].WaitLinks() })
		})
		b.Run("mesh/backlog="+backlog, func(b *testing.B) {
			w := startMesh(b, 0, make([]keydbtest.Options, 3)...)
			for _, s := range w.servers {
				s.Do("CONFIG", "SET", "repl-backlog-size", backlog)
			}
			healing(b, w, func() {
				for _, s := range w.servers {
					s.WaitLinks()
				}
			})
		})
	}
}

func healing(b *testing.B, w interface {
	converge.World
	cutAway(name string)
}, waitLinks func(),
) {
	r := startRun(b, converge.Config{World: w, Still: true})
	mustSettle(b, r)
	var events, failed int64
	var network, links time.Duration
	for n := 0; b.Loop(); n++ {
		w.cutAway("syd")
		e, f := press(b, w, r, n)
		events, failed = events+e, failed+f
		healed := time.Now()
		w.Heal()
		waitLinks()
		up := time.Now()
		wait(b, "agreement", func() string {
			if complaints := r.Complaints(); len(complaints) > 0 {
				return complaints[0]
			}
			return ""
		})
		network += time.Since(healed)
		links += time.Since(up)
	}
	per := func(d time.Duration) float64 { return d.Seconds() / float64(b.N) }
	b.ReportMetric(per(network), "s-after-heal")
	b.ReportMetric(per(links), "s-after-link-up")
	b.ReportMetric(float64(events)/float64(b.N), "batches")
	b.ReportMetric(float64(failed)/float64(b.N), "refused")
}

// press has people in all regions act for as long as the cut lasts.
func press(b *testing.B, w converge.World, r *converge.Run, round int) (events, refused int64) {
	ctx, stop := context.WithTimeout(b.Context(), *cutFor)
	defer stop()
	var did, failed atomic.Int64
	var wg sync.WaitGroup
	for _, name := range w.Names() {
		wg.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				region := r.Region(name)
				taken := false
				if i%100 == 0 {
					taken = region.Event(b.Context(), room, fmt.Sprintf("%s-%d-%d", name, round, i), 1)
				} else {
					taken = region.Switch(b.Context(), room, fmt.Sprint(i)) == nil
				}
				did.Add(1)
				if !taken {
					failed.Add(1)
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	wg.Wait()
	return did.Load(), failed.Load()
}
