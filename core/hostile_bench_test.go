package core_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/plugins/process"
)

// BenchmarkHostile is the time from an event of the bell, sent on a socket, to its
// acknowledgement: alone, and next to a hostile feature that does its worst again and
// again, with the limits that the program has. One op is one event; they come one after
// the other.
func BenchmarkHostile(b *testing.B) {
	b.Run("alone", func(b *testing.B) { benchmarkBell(b, newArena(b, inProcess), nil) })
	for _, c := range []carrier{inProcess, inWebAssembly} {
		for _, how := range []string{"loop", "bomb", "flood", "slow", "panic"} {
			b.Run(how+"/"+string(c), func(b *testing.B) {
				a := newArena(b, c)
				cfg := c.configFor(b, "hostile")
				limits := process.Config{Name: cfg.Name, Path: cfg.Path, Args: cfg.Args, StartTimeout: cfg.StartTimeout, Nice: carriers.Nice}
				if how == "panic" { // a loop of restarts, without the pauses
					limits.BackoffMin, limits.BackoffMax = time.Millisecond, time.Millisecond
				}
				at := a.begin(b, limits, true)
				benchmarkBell(b, a, func() { at.send("do", how) })
				b.ReportMetric(float64(at.state().Restarts), "restarts")
			})
		}
	}
}

// fewestRings is how many samples there are at least, for the 99th percentile.
const fewestRings = 400

// benchmarkBell rings the bell while attack is called again and again.
func benchmarkBell(b *testing.B, a *arena, attack func()) {
	quit := make(chan struct{})
	var attacking sync.WaitGroup
	if attack != nil {
		attacking.Go(func() {
			for {
				attack()
				select {
				case <-quit:
					return
				case <-time.After(10 * time.Millisecond): // it may be down and answer at once
				}
			}
		})
	}
	p := a.startRinging(b, "bench-"+fmt.Sprint(time.Now().UnixNano()))
	for n := int64(0); b.Loop(); n++ {
		for p.rung.Load() <= n {
			time.Sleep(time.Millisecond)
		}
	}
	for p.rung.Load() < fewestRings {
		time.Sleep(time.Millisecond)
	}
	close(quit)
	attacking.Wait()
	p.stop()
	slices.Sort(p.took)
	ms := func(i int) float64 { return float64(p.took[i]) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op") // it is the pace
	b.ReportMetric(ms(len(p.took)/2), "p50-ms")
	b.ReportMetric(ms(len(p.took)*99/100), "p99-ms")
	b.ReportMetric(ms(len(p.took)-1), "max-ms")
}
