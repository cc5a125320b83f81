package bus_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/global-presence/presence/core/bus"
)

// TestIDSet: it holds what was put in and nothing else, whatever the hashes are.
func TestIDSet(t *testing.T) {
	hashes := rapid.OneOf(
		rapid.Uint64(),
		rapid.Uint64Range(0, 3),
		rapid.Map(rapid.Uint64Range(0, 1<<12), func(h uint64) uint64 { return h << 8 }), // one table, all at its start
		rapid.Map(rapid.Uint64Range(0, 1<<12), func(h uint64) uint64 { return math.MaxUint64 - h<<8 }),
	)
	rapid.Check(t, func(t *rapid.T) {
		var s bus.IDSet
		want := map[uint64]bool{}
		for _, h := range rapid.SliceOfN(hashes, 0, 500).Draw(t, "hashes") {
			h = max(h, 1) // 0 counts as 1
			s.Add(h)
			want[h] = true
		}
		for h := range want {
			if !s.Has(h) {
				t.Fatalf("%x was put in and is not there", h)
			}
		}
		for _, h := range rapid.SliceOfN(hashes, 0, 50).Draw(t, "others") {
			if h = max(h, 1); s.Has(h) != want[h] {
				t.Fatalf("Has(%x) = %v", h, s.Has(h))
			}
		}
	})
}

// TestSeen_keep: an id is known for as long as promised, and forgotten in the end.
func TestSeen_keep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bus.NewSeen(10 * time.Minute)
		for i := range 1000 {
			s.Done(fmt.Sprint("old/", i))
		}
		for minute := range 60 {
			if known := s.Knows("old/7"); minute <= 10 && !known || minute > 30 && known {
				t.Errorf("known after %d minutes: %v", minute, known)
			}
			if s.Knows("new") {
				t.Fatal("an id that never came is known")
			}
			<-time.After(time.Minute)
			s.Done(fmt.Sprint("minute/", minute))
		}
	})
}

// TestSeen_size: the ids of ten minutes at ten thousand events a second fit.
func TestSeen_size(t *testing.T) {
	for _, n := range []int{100_000, 400_000, 700_000, 1_000_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := bus.NewSeen(10 * time.Minute)
		for i := range n {
			s.Done(eventID(i))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(n)
		t.Logf("%d ids: %.1f bytes each", n, each)
		if each > 20 {
			t.Errorf("%d ids take %.1f bytes each, want at most 20", n, each)
		}
		runtime.KeepAlive(s)
	}
}

// eventID returns an id as the log holds it.
func eventID(i int) string { return fmt.Sprintf("k7qf2mzr4x6yw3ab/%016x-%04d", i*7919, i%10000) }

func BenchmarkSeen_done(b *testing.B) {
	s := bus.NewSeen(10 * time.Minute)
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = eventID(i)
	}
	i := 0
	for b.Loop() {
		s.Done(ids[i%len(ids)])
		i++
	}
}
