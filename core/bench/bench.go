package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxShards is how many goroutines read. More of them would take the processors that the
// server needs, where it is on the same machine.
const maxShards = 4

// bench is one run.
type bench struct {
	cfg       Config
	name      string // of the run, which nothing else has
	start     time.Time
	events    events
	told      chan struct{} // has a token when all sockets of a shard have another event
	shards    []*shard
	readers   []*reader
	publisher publisher
	numbers   numbers
	meter     meter
	progress  *progress

	warm bool  // it is known which event a number is
	next int64 // the number of the next event
}

// Run opens the sockets, runs the phases and closes the sockets. When ctx ends it returns what
// was measured by then, with Interrupted set, and no error.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := raiseFiles(cfg.Sockets); err != nil {
		return nil, err
	}
	b := &bench{
		cfg: cfg, name: strings.ToLower(rand.Text()[:8]), start: time.Now(), told: make(chan struct{}, 1),
		events: make(events, cfg.Rooms), meter: newMeter(cfg), progress: newProgress(cfg.Progress), next: 1,
	}
	if cfg.Publish == "" {
		p := newPresence(cfg, b.name)
		defer p.client.CloseIdleConnections()
		b.numbers, b.publisher = numbers{marker: []byte(counterTotal), total: true}, p
	} else {
		p := newBroadcast(cfg, b.name)
		defer p.client.CloseIdleConnections()
		b.numbers, b.publisher = numbers{marker: []byte(b.name)}, p
	}
	defer b.close()
	for range min(maxShards, runtime.GOMAXPROCS(0), cfg.Sockets) {
		s := &shard{numbers: b.numbers, events: b.events, told: b.told, start: b.start, alive: make([]int, cfg.Rooms)}
		r, err := openReader(s)
		if err != nil {
			return nil, err
		}
		b.shards, b.readers = append(b.shards, s), append(b.readers, r)
	}

	telling, stop := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { b.progress.run(telling) })
	defer teller.Wait()
	defer stop()
	report, err := b.run(ctx)
	if ctx.Err() != nil {
		report.Interrupted, err = true, nil
	}
	if err != nil {
		report.Error = err.Error()
	}
	return report, err
}

// close ends all sockets.
func (b *bench) close() {
	for _, r := range b.readers {
		r.close()
	}
}

// run connects and measures. The report is never nil.
func (b *bench) run(ctx context.Context) (*Report, error) {
	r := &Report{URL: b.cfg.URL, Identifier: b.cfg.identifier(0), Sockets: b.cfg.Sockets, Sources: max(1, len(b.cfg.Sources)), Started: b.start.UTC().Truncate(time.Second)}
	before, err := b.look(ctx)
	if err != nil {
		return r, err
	}
	if b.cfg.publishes() {
		if err := b.publisher.check(ctx); err != nil {
			return r, err
		}
	}
	if r.Connect, err = b.connect(ctx, before); err != nil {
		return r, err
	}
	for _, name := range b.cfg.Phases {
		p, err := b.phase(ctx, name, before)
		if p.Name != "" {
			r.Phases = append(r.Phases, p)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// connect opens all sockets.
func (b *bench) connect(ctx context.Context, before view) (Connect, error) {
	people := b.cfg.Met
	if b.cfg.Publish == "" && len(people) == 0 {
		b.progress.now(func() string { return fmt.Sprintf("connect: %d people open the page", b.cfg.People) })
		var err error
		if people, err = meet(ctx, b.cfg); err != nil {
			return Connect{}, err
		}
	}
	began, usedBefore := time.Now(), before
	if v, err := b.look(ctx); err == nil {
		usedBefore = v
	}
	s := b.storm(ctx, people)
	opened, slowest, err := b.dial(ctx, people, s.confirmed)
	took := time.Since(began)
	c := Connect{
		Sockets: opened, Seconds: took.Seconds(), PerSecond: float64(opened) / took.Seconds(), SlowestMs: ms(slowest),
	}
	storm, errStorm := s.end(ctx)
	c.Storm = storm
	if after, errLook := b.look(ctx); errLook == nil {
		c.Use = b.use(usedBefore, after)
	}
	return c, errors.Join(err, errStorm)
}

// dial opens all sockets, and calls confirmed when one is subscribed. It returns how many it has
// opened, and the time that the slowest took.
func (b *bench) dial(ctx context.Context, people []Person, confirmed func(*socket)) (sockets int, longest time.Duration, err error) {
	d := newDialer(b.cfg, people, b.numbers)
	var opened, slowest atomic.Int64
	b.progress.now(func() string { return fmt.Sprintf("connect: %d of %d sockets", opened.Load(), b.cfg.Sockets) })
	g, dialing := errgroup.WithContext(ctx)
	g.SetLimit(dialers)
	for i := range b.cfg.Sockets {
		if dialing.Err() != nil {
			break
		}
		g.Go(func() error {
			asked := time.Now()
			k, c, err := d.open(dialing, i, confirmed)
			if err == nil {
				err = b.readers[i%len(b.readers)].watch(k, c)
			}
			if err != nil {
				return fmt.Errorf("socket %d: %w", i+1, err)
			}
			k.shard.mu.Lock()
			if err := k.shard.take(k, nil); err != nil { // what came with the confirmation
				k.shard.drop(k, err)
			}
			k.shard.mu.Unlock()
			opened.Add(1)
			for took := int64(time.Since(asked)); ; {
				if old := slowest.Load(); took <= old || slowest.CompareAndSwap(old, took) {
					return nil
				}
			}
		})
	}
	err = g.Wait()
	return int(opened.Load()), time.Duration(slowest.Load()), err
}

// phase measures one phase. What it returns has no name if there was nothing to measure.
func (b *bench) phase(ctx context.Context, name string, atStart view) (Phase, error) {
	if name != Idle && !b.warm {
		if err := b.warmUp(ctx); err != nil {
			return Phase{}, err
		}
	}
	if ctx.Err() != nil {
		return Phase{}, ctx.Err()
	}
	before, err := b.look(ctx)
	if err != nil {
		return Phase{}, err
	}
	st := &stage{first: b.next, began: time.Since(b.start), warm: b.warm, sent: make([]atomic.Int64, 1)}
	refused, _ := b.publisher.refused()
	var published int64
	switch name {
	case Idle:
		b.begin(st, name)
		sleep(ctx, b.cfg.Time)
	case Rate:
		published, err = b.rate(ctx, st)
	case Saturation:
		published, err = b.saturate(ctx, st)
	case Click:
		published, err = b.click(ctx, st)
	}
	b.next += published
	after, errLook := b.look(context.WithoutCancel(ctx))
	p := b.collect(name, st, published, after)
	if p.Refused, p.RefusedLast = b.publisher.refused(); p.Refused == refused {
		p.RefusedLast = ""
	}
	p.Refused -= refused
	if p.Use = b.use(before, after); errLook != nil {
		p.Use.Server = nil
	}
	if name == Idle && p.Use.Server != nil && p.Sockets > 0 {
		p.Use.Server.BytesASocket = (after.server.rss - atStart.server.rss) / int64(p.Sockets)
	}
	if p.Use.Server != nil && p.Deliveries > 0 {
		p.Use.Server.CPUSecondsAMillion = p.Use.Server.CPUSeconds / float64(p.Deliveries) * 1e6
	}
	if ctx.Err() == nil { // else sockets may be in the middle of it
		err = errors.Join(err, errLook, b.alone())
		switch {
		case b.live() == 0:
			err = errors.Join(err, b.noneLeft())
		case p.Missing > 0 && err == nil:
			err = fmt.Errorf("%d deliveries are missing %v after the last event, of %d", p.Missing, b.cfg.Patience, p.Missing+p.Deliveries)
		}
	}
	return p, err
}

// noneLeft is the error of a run whose sockets are all gone.
func (b *bench) noneLeft() error {
	var first error
	for _, s := range b.shards {
		s.mu.Lock()
		first = cmp.Or(first, s.lost)
		s.mu.Unlock()
	}
	return fmt.Errorf("no socket is left; the first to go: %w", first)
}

// live is how many sockets are left.
func (b *bench) live() (sockets int64) {
	for _, s := range b.shards {
		sockets += s.live.Load()
	}
	return sockets
}

// begin starts to measure a stage.
func (b *bench) begin(st *stage, name string) {
	for _, s := range b.shards {
		s.begin(st)
	}
	b.progress.now(func() string {
		passed, whole := (time.Since(b.start) - st.began).Seconds(), b.cfg.Time.Seconds()
		switch asked := st.asked.Load(); {
		case name == Idle:
			return fmt.Sprintf("%s: %.0f of %.0f s", name, passed, whole)
		case passed > whole+1:
			return fmt.Sprintf("%s: waits for the rest, %d of %d events at all sockets, for %v at most", name, min(asked, b.done()), asked, b.cfg.Patience)
		default:
			return fmt.Sprintf("%s: %.0f of %.0f s, %d events at all sockets", name, passed, whole, min(asked, b.done()))
		}
	})
}

// done is how many events of the stage all sockets have; more than any if none is left.
func (b *bench) done() int64 {
	done := int64(math.MaxInt64)
	for _, s := range b.shards {
		done = min(done, s.finished())
	}
	return done
}

// await returns when all sockets have so many events of the stage, or Patience after. It
// reports whether they have.
func (b *bench) await(ctx context.Context, events int64) bool {
	late := time.NewTimer(b.cfg.Patience)
	defer late.Stop()
	for b.done() < events {
		select {
		case <-ctx.Done():
			return false
		case <-late.C:
			return false
		case <-b.told:
		}
	}
	return true
}

// warmUp has the first event of each room happen, and learns what number a server of ours
// gives it.
func (b *bench) warmUp(ctx context.Context) error {
	b.progress.now(func() string { return "the first message" })
	rooms := int64(len(b.events))
	_, before := b.extent()
	p := b.publish(ctx, rooms, 64)
	for n := range rooms {
		p.numbers <- b.next + n
	}
	if _, err := p.wait(); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		low, high := b.extent()
		differs := -1
		for i := range low {
			if low[i] != high[i] || low[i] <= before[i] {
				differs = i
			}
		}
		if differs < 0 {
			for i := range low {
				b.events[i].Store(low[i] - 1)
			}
			b.warm = true
			b.next += rooms
			return nil
		}
		if b.live() == 0 {
			return b.noneLeft()
		}
		if time.Since(began) > b.cfg.Patience {
			if high[differs] == before[differs] {
				return fmt.Errorf("nothing that shows the first event came to any socket of a room within %v: does what is published reach %s?", b.cfg.Patience, b.cfg.identifier(differs))
			}
			return fmt.Errorf("the first message is not at all sockets after %v: the lowest number there is %d, the highest %d; "+
				"want the same above %d at all, of messages that nobody else publishes", b.cfg.Patience, low[differs], high[differs], before[differs])
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// extent returns the lowest and the highest number that the sockets of a room have seen,
// by room. Where none is left the lowest is the highest.
func (b *bench) extent() (low, high []int64) {
	low, high = make([]int64, len(b.events)), make([]int64, len(b.events))
	for i := range low {
		low[i] = math.MaxInt64
	}
	for _, s := range b.shards {
		s.extent(low, high)
	}
	for i := range low {
		low[i] = min(low[i], high[i])
	}
	return low, high
}

// alone reports whether somebody else has had events happen.
func (b *bench) alone() error {
	if !b.warm {
		return nil
	}
	_, high := b.extent()
	for room, number := range high {
		if n := b.events.of(room, number); n >= b.next {
			return fmt.Errorf("a socket has event %d, and only %d were published: somebody else does so, too; take another --room", n, b.next-1)
		}
	}
	return nil
}

// sleep waits, at most until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
