package memory_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
)

// stores are the two ways to keep a state.
func stores(b *testing.B, bench func(b *testing.B, e *memory.Engine)) {
	for _, where := range []string{"memory", "file"} {
		b.Run(where, func(b *testing.B) {
			var cfg memory.Config
			if where == "file" {
				cfg.File = filepath.Join(b.TempDir(), "state.db")
			}
			e := open(b, cfg)
			defer start(b, e)()
			b.ReportAllocs()
			bench(b, e)
		})
	}
}

// sized returns a batch of n additions, each of one event.
func sized(n int) engine.Batch {
	batch := engine.Batch{Binary: "b1"}
	for i := range n {
		batch.Events = append(batch.Events, fmt.Sprint("event-", i))
		batch.Changes = append(batch.Changes, engine.Add("home", "demo", fmt.Sprint("c", i), 1))
	}
	return batch
}

// One op is one batch from the call to its id.
func BenchmarkEngine_Append(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("changes=%d", n), func(b *testing.B) {
			stores(b, func(b *testing.B, e *memory.Engine) {
				batch := sized(n)
				for b.Loop() {
					if _, err := e.Append(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/change")
			})
		})
	}
}

// One op is one batch of one change, while 512 goroutines append.
func BenchmarkEngine_Append_parallel(b *testing.B) {
	stores(b, func(b *testing.B, e *memory.Engine) {
		b.SetParallelism(256) // times GOMAXPROCS, 2 where it was measured
		batch := sized(1)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := e.Append(context.Background(), batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// One op is one entry of a log of 32,768, read from the start.
func BenchmarkEngine_Tail(b *testing.B) {
	e := open(b, memory.Config{})
	defer start(b, e)()
	const entries = 1 << 15
	for range entries {
		if _, err := e.Append(b.Context(), sized(1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		n := 0
		_ = e.Tail(ctx, nil, func(ds []engine.Delivery) error {
			if n += len(ds); n == entries {
				cancel()
			}
			return nil
		})
		cancel()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
}

// One op is one batch from the call until a Tail has delivered it.
func BenchmarkEngine_roundTrip(b *testing.B) {
	e := open(b, memory.Config{})
	defer start(b, e)()
	delivered := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.Tail(ctx, nil, func([]engine.Delivery) error {
			delivered <- struct{}{}
			return nil
		})
	}()
	b.ReportAllocs()
	batch := sized(1)
	for b.Loop() {
		if _, err := e.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		<-delivered
	}
	cancel()
	<-ended
}
