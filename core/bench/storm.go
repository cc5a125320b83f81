package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// storm publishes while sockets connect.
type storm struct {
	b     *bench
	stage *stage
	begun atomic.Int64 // the newest event whose publishing has begun
	over  chan struct{}
	ended sync.WaitGroup
	err   error // of publishing; after ended
}

// storm begins to publish, if Config says so. People say what the counter of a server
// of ours is at.
func (b *bench) storm(ctx context.Context, people []Person) *storm {
	s := &storm{b: b, over: make(chan struct{})}
	if b.cfg.Storm == 0 {
		return s
	}
	for _, p := range people {
		b.events[0].Store(max(b.events[0].Load(), p.Total))
	}
	b.warm = true
	s.stage = &stage{first: b.next, began: time.Since(b.start), warm: true, interval: time.Duration(float64(time.Second) / b.cfg.Storm)}
	s.begun.Store(b.next - 1)
	for _, shard := range b.shards {
		shard.begin(s.stage)
	}
	s.ended.Go(func() { s.err = s.publish(ctx) })
	return s
}

// publish publishes by the schedule until the storm is over, and once after that. It waits
// for each event to be taken, so that they happen in order; what is late counts from when it
// was due.
func (s *storm) publish(ctx context.Context) error {
	for i := int64(0); ; i++ {
		due := time.NewTimer(s.stage.due(i) - time.Since(s.b.start))
		last := false
		select {
		case <-ctx.Done():
			due.Stop()
			return ctx.Err()
		case <-s.over:
			last = true
			<-due.C
		case <-due.C:
		}
		n := s.stage.first + i
		s.stage.asked.Store(i + 1)
		s.begun.Store(n)
		if err := s.b.publisher.publish(ctx, []int64{n}); err != nil {
			return fmt.Errorf("storm: %w", err)
		}
		if last {
			return nil
		}
	}
}

// confirmed notes that a socket is subscribed: what is published from now on is due.
func (s *storm) confirmed(k *socket) { k.due = s.begun.Load() + 1 }

// end publishes a last event, waits until all sockets have it, Patience at most, and tells
// what became of all; nil if there is no storm.
func (s *storm) end(ctx context.Context) (*Storm, error) {
	close(s.over)
	if s.stage == nil {
		return nil, nil
	}
	s.ended.Wait()
	last := s.begun.Load()
	r := &Storm{Published: last - s.stage.first + 1}
	s.b.next = last + 1
	if s.err == nil {
		s.await(ctx, last)
	}
	var latency histogram
	for _, shard := range s.b.shards {
		due, missing := shard.owed(last)
		t, alive, _, lost := shard.end(nil)
		r.Due, r.Missing, r.Skipped = r.Due+due, r.Missing+missing, r.Skipped+t.skipped
		r.SocketsLost += len(shard.sockets) - alive[0]
		if lost != nil && r.Lost == "" {
			r.Lost = lost.Error()
		}
		latency.merge(&t.latency)
	}
	r.Latency = quantiles(&latency)
	return r, s.err
}

// await waits until all sockets have seen the last event.
func (s *storm) await(ctx context.Context, last int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < s.b.cfg.Patience && s.b.live() > 0; {
		if low, _ := s.b.extent(); s.b.events.of(0, low[0]) >= last {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
