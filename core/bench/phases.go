package bench

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// publishing is what publishes the events of a stage, in the background.
type publishing struct {
	g       *errgroup.Group
	ctx     context.Context // ends with the first error
	numbers chan int64
	taken   atomic.Int64 // by the server
}

// publish starts to publish the numbers that are queued, with room for so many, of which so many may be
// on their way at once.
func (b *bench) publish(ctx context.Context, room int64, inFlight int) *publishing {
	p := &publishing{numbers: make(chan int64, room)}
	p.g, p.ctx = errgroup.WithContext(ctx)
	calls, each := b.publisher.width(inFlight)
	for range calls {
		p.g.Go(func() error {
			for n := range p.numbers {
				batch := []int64{n}
			more:
				for len(batch) < each {
					select {
					case n, ok := <-p.numbers:
						if !ok {
							break more
						}
						batch = append(batch, n)
					default:
						break more
					}
				}
				if err := b.publisher.publish(p.ctx, batch); err != nil {
					return err
				}
				p.taken.Add(int64(len(batch)))
			}
			return nil
		})
	}
	return p
}

// wait waits until all that is queued has been published.
func (p *publishing) wait() (taken int64, err error) {
	close(p.numbers)
	err = p.g.Wait()
	return p.taken.Load(), err
}

// rate publishes by a schedule, which waits for nothing: what is late is published late,
// and its latency counts from when it was due.
func (b *bench) rate(ctx context.Context, st *stage) (published int64, err error) {
	st.interval = time.Duration(float64(time.Second) / b.cfg.Rate)
	count := max(1, int64(b.cfg.Time/st.interval))
	b.begin(st, Rate)
	p := b.publish(ctx, count, 64)
	for i := range count {
		sleep(p.ctx, st.due(i)-time.Since(b.start))
		if p.ctx.Err() != nil || b.live() == 0 {
			break
		}
		st.asked.Store(i + 1)
		p.numbers <- st.first + i
	}
	if published, err = p.wait(); err == nil {
		b.await(ctx, published)
	}
	return published, err
}

// saturate keeps so many events on their way, from being published until all sockets
// have them.
func (b *bench) saturate(ctx context.Context, st *stage) (published int64, err error) {
	st.sent = make([]atomic.Int64, max(1024, 4*b.cfg.InFlight))
	b.begin(st, Saturation)
	p := b.publish(ctx, int64(b.cfg.InFlight), b.cfg.InFlight)
	over, cancel := context.WithTimeout(p.ctx, b.cfg.Time)
	defer cancel()
	stalled := time.NewTicker(time.Second) // looks again, should nobody tell
	defer stalled.Stop()
	for i := int64(0); over.Err() == nil && b.live() > 0; {
		if i-b.done() < int64(b.cfg.InFlight) {
			st.sent[i%int64(len(st.sent))].Store(int64(time.Since(b.start)))
			st.asked.Store(i + 1)
			select {
			case p.numbers <- st.first + i: // has room for all that are on their way
				i++
			case <-over.Done(): // and sockets that are gone have all
			}
			continue
		}
		select {
		case <-over.Done():
		case <-b.told:
		case <-stalled.C:
		}
	}
	if published, err = p.wait(); err == nil {
		b.await(ctx, published)
	}
	return published, err
}

// Between two clicks nothing happens for a moment, as long as a frame of a screen at least, so that each
// is a message of its own.
const (
	minPause = 20 * time.Millisecond
	maxPause = 50 * time.Millisecond
)

// click has one event happen after the other.
func (b *bench) click(ctx context.Context, st *stage) (published int64, err error) {
	st.sent = make([]atomic.Int64, b.cfg.Time/minPause+1)
	b.begin(st, Click)
	over, cancel := context.WithTimeout(ctx, b.cfg.Time)
	defer cancel()
	for published < int64(len(st.sent)) && over.Err() == nil && b.live() > 0 {
		st.sent[published].Store(int64(time.Since(b.start)))
		st.asked.Store(published + 1)
		if err := b.publisher.publish(ctx, []int64{st.first + published}); err != nil {
			return published, err
		}
		published++
		if !b.await(ctx, published) {
			break
		}
		sleep(over, minPause+rand.N(maxPause-minPause))
	}
	return published, nil
}
