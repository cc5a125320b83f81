package keydb_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// BenchmarkBoot boots an engine on a store that holds 10,000 rooms: one op is the time
// until it takes writes, has one room loaded and has read what its logs held. They were
// written just now, all of which a tail of the last ten minutes reads, or long ago. It
// also reports what that takes of the binary's memory.
func BenchmarkBoot(b *testing.B) {
	const rooms = 10_000
	onEach(b, func(b *testing.B, server *keydbtest.Server) {
		server.Do("CONFIG", "SET", "notify-keyspace-events", "Kt")
		last := fill(b, server, rooms)
		for _, tt := range []struct {
			name string
			from time.Duration // before now
		}{{"written=now", 10 * time.Minute}, {"written=before", -time.Minute}} {
			b.Run(tt.name, func(b *testing.B) {
				var grown uint64
				for b.Loop() {
					b.StopTimer()
					before := heap()
					b.StartTimer()
					grown += boot(b, server, tt.from, last) - before
				}
				b.ReportMetric(float64(grown)/float64(b.N)/(1<<20), "MiB")
			})
		}
	})
}

// fill writes rooms, each of which has a register, a counter and a list, and returns
// the last id.
func fill(b *testing.B, server *keydbtest.Server, rooms int) state.ID {
	s := open(b, keydbConfig(server))
	var last state.ID
	for i := range rooms {
		in := fmt.Sprintf("room-%d", i)
		if i == 0 {
			in = room
		}
		changes := []engine.Change{set("light", "on"), add("clicks", 3), push("words", "hello", 10)}
		for n := range changes {
			changes[n].Cell.Room = in
		}
		w := siteWrite(changes...)
		w.Events = []string{fmt.Sprintf("0192f3c4-5d6e-7f80-9a1b-%012d", i)}
		last = writeAll(b, s, w).ID
	}
	return last
}

// heap returns how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// boot boots an engine and ends it again. It returns how much memory was in use when it
// had booted.
func boot(b *testing.B, server *keydbtest.Server, from time.Duration, last state.ID) uint64 {
	defer b.StartTimer()
	cfg := keydbConfig(server)
	cfg.Site = home
	store, err := keydb.Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	e, err := site.New(site.Config{Site: home, Store: store})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	read := make(chan struct{})
	done := sync.OnceFunc(func() { close(read) })
	if from < 0 {
		done() // there is nothing to read
	}
	wg.Go(func() { _ = e.Run(ctx) }) // nil
	wg.Go(func() {
		start := engine.Positions{"": {MS: time.Now().Add(-from).UnixMilli()}}
		_ = e.Tail(ctx, start, func(ds []engine.Delivery) error { // ends with ctx
			if ds[len(ds)-1].ID.Compare(last) >= 0 {
				done()
			}
			return nil
		})
	})
	waitReady(b, e)
	if cells, _, err := e.Load(ctx, room); err != nil || len(cells) != 3 {
		b.Fatalf("Load = %d cells, %v", len(cells), err)
	}
	if _, err := e.Append(ctx, engine.Batch{Binary: binary, Beat: &engine.Beat{Region: home}}); err != nil {
		b.Fatal(err)
	}
	<-read
	b.StopTimer() // until all has ended
	return heap()
}
