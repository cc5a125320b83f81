package keydb_test

import (
	"fmt"
	"testing"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
)

// onEach runs a benchmark on each kind of server.
func onEach(b *testing.B, run func(b *testing.B, server *keydbtest.Server)) {
	for _, program := range []string{"redis-server", "keydb-server"} {
		b.Run(program, func(b *testing.B) {
			run(b, keydbtest.Start(b, keydbtest.Options{Program: program, Args: []string{"--appendonly", "yes"}}))
		})
	}
}

// BenchmarkStore_Write writes batches of as many events, each of which sets one
// register of fifty and adds to one counter of fifty.
func BenchmarkStore_Write(b *testing.B) {
	onEach(b, func(b *testing.B, server *keydbtest.Server) {
		for _, n := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("changes=%d", n), func(b *testing.B) {
				s := open(b, keydbConfig(server))
				var batch engine.Batch
				batch.Binary = binary
				for i := range n {
					batch.Events = append(batch.Events, fmt.Sprintf("0192f3c4-5d6e-7f80-9a1b-%012d", i))
					field := fmt.Sprint("field-", i%50)
					if i%2 == 0 {
						batch.Changes = append(batch.Changes, set(field, "some value"))
					} else {
						batch.Changes = append(batch.Changes, add(field, 1))
					}
				}
				for b.Loop() {
					done, err := s.Write(b.Context(), site.Write{Batch: batch})
					if err != nil {
						b.Fatal(err)
					}
					batch.After = done.ID
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/change")
			})
		}
	})
}

// BenchmarkStore_Read reads what is new of three logs.
func BenchmarkStore_Read(b *testing.B) {
	onEach(b, func(b *testing.B, server *keydbtest.Server) {
		for _, n := range []int{1, 512} {
			b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
				server.Do("FLUSHALL")
				after := engine.Positions{}
				s := open(b, keydbConfig(server))
				for _, name := range []string{"iad", "lhr", "syd"} {
					cfg := keydbConfig(server)
					cfg.Site = name
					other := open(b, cfg)
					for range n {
						write(b, other, set("a", "some value"), add("n", 1))
					}
					after[name] = state.ID{}
				}
				for b.Loop() {
					records, err := s.Read(b.Context(), after, 512)
					if err != nil || len(records) != 3*n {
						b.Fatalf("Read = %d records, %v", len(records), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*3*n), "µs/entry")
			})
		}
	})
}

// BenchmarkStore_Load loads a room of three sites and eight features, among 1,000
// others.
func BenchmarkStore_Load(b *testing.B) {
	onEach(b, func(b *testing.B, server *keydbtest.Server) {
		for _, name := range []string{"iad", "lhr", "syd"} {
			cfg := keydbConfig(server)
			cfg.Site = name
			s := open(b, cfg)
			for r := range 1000 {
				var changes []engine.Change
				for f := range 8 {
					for i := range 5 {
						c := set(fmt.Sprint("field-", i), "some value")
						c.Cell.Room, c.Cell.Feature = fmt.Sprint("room-", r), fmt.Sprint("feature-", f)
						changes = append(changes, c)
					}
				}
				write(b, s, changes...)
			}
		}
		s := open(b, keydbConfig(server))
		i := 0
		for b.Loop() {
			cells, _, err := s.Load(b.Context(), fmt.Sprint("room-", i%1000))
			if err != nil || len(cells) != 3*8*5 {
				b.Fatalf("Load = %d cells, %v", len(cells), err)
			}
			i++
		}
	})
}
