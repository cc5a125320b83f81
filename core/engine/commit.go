package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/state"
)

// CommitConfig sets up a Committer. The zero value works.
type CommitConfig struct {
	// MaxChanges is how many changes, and how many event ids, one write holds.
	// Default MaxBatchChanges.
	MaxChanges int

	// MaxBytes is how many bytes one write holds, as Batch.Size counts them.
	// Default MaxBatchSize.
	MaxBytes int

	// Durable says whether a batch has to wait for a disk. Batches that do and
	// batches that do not never share a write: the one kind would wait, and fail,
	// for the other's sake. It is called once a batch, from several goroutines.
	// Default: all batches are of one kind.
	Durable func(b Batch) bool

	// Registerer takes the metrics of appends and writes; see the Help of each.
	// Two committers at one Registerer share their metrics, unless it was wrapped
	// with a label. Default none.
	Registerer prometheus.Registerer
}

// WriteFunc puts one batch into a site's log and state as one entry and returns
// its id. It is never called twice at once. The ctx is that of Committer.Run. Its
// error becomes that of every Append whose batch was in it, so it wraps
// ErrUnavailable unless it knows better. ErrRefused says that nothing of b was taken:
// the batches that b was made of are then written one by one.
type WriteFunc func(ctx context.Context, b Batch) (state.ID, error)

// Committer is the group commit that all engines share: one write is in flight,
// and what arrives meanwhile forms the next. Idle means that nobody waits for
// company; busy means large writes.
//
//   - Batches of one kind, as CommitConfig.Durable tells them apart, are written
//     in the order in which Append was called. Where both kinds wait they take
//     turns, so that neither waits for more than one write of the other.
//   - The batches of a group become one entry: events and changes one after the
//     other, so that the cells' indices are counted through; the highest After.
//   - A group ends where a bound is reached, where another binary begins and
//     before a second beat. A batch is never split.
//   - A batch that breaks a rule is refused before it joins a group and costs its
//     neighbours nothing. One that the store refuses costs them another write.
type Committer struct {
	write   WriteFunc
	cfg     CommitConfig
	metrics *metrics
	wake    chan struct{} // holds a token when the queue may have calls

	mu    sync.Mutex
	queue []*call // in order of arrival; guarded by mu
	last  bool    // whether the last group was durable; guarded by mu
	ended bool    // guarded by mu
}

// call is an Append that waits.
type call struct {
	batch   Batch
	size    int
	cells   int // of boards
	durable bool
	done    chan outcome // has room for the one outcome, so that nobody waits for a caller that left
}

type outcome struct {
	id  state.ID
	err error
}

// NewCommitter returns a Committer that writes with write while Run runs.
func NewCommitter(write WriteFunc, cfg CommitConfig) *Committer {
	if cfg.MaxChanges <= 0 {
		cfg.MaxChanges = MaxBatchChanges
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxBatchSize
	}
	return &Committer{
		write:   write,
		cfg:     cfg,
		metrics: newMetrics(cfg.Registerer),
		wake:    make(chan struct{}, 1),
	}
}

// Run writes until ctx ends, waits for the write in flight and returns nil. What
// still waits then gets ErrUnavailable, as does every later Append. It runs once.
func (c *Committer) Run(ctx context.Context) error {
	defer c.end()
	var group []*call
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		for ctx.Err() == nil {
			if group = c.take(group[:0]); len(group) == 0 {
				break
			}
			b := merge(group)
			c.metrics.write(len(group), len(b.Changes))
			id, err := c.write(ctx, b)
			if len(group) > 1 && errors.Is(err, ErrRefused) {
				c.writeEach(ctx, group)
			} else {
				for _, call := range group {
					call.done <- outcome{id, err}
				}
			}
			clear(group)
		}
	}
}

// writeEach writes the batches of a group that was refused one by one.
func (c *Committer) writeEach(ctx context.Context, group []*call) {
	for _, call := range group {
		if ctx.Err() != nil {
			call.done <- outcome{err: errEnded()}
			continue
		}
		c.metrics.write(1, len(call.batch.Changes))
		id, err := c.write(ctx, call.batch)
		call.done <- outcome{id, err}
	}
}

// Append has b written and returns the id of the entry that it became part of.
// Before Run it waits for Run. The slices of b belong to the committer and the
// engine from then on.
//
// When ctx ends, Append returns its cause at once. A batch that no write had
// picked up by then is taken out and leaves no trace; of one in flight the caller
// does not learn the outcome.
func (c *Committer) Append(ctx context.Context, b Batch) (state.ID, error) {
	start := time.Now()
	id, err := c.append(ctx, b)
	c.metrics.append(time.Since(start), err)
	return id, err
}

func (c *Committer) append(ctx context.Context, b Batch) (state.ID, error) {
	if err := b.Check(); err != nil {
		return state.ID{}, err
	}
	if ctx.Err() != nil {
		return state.ID{}, context.Cause(ctx)
	}
	call := &call{
		batch: b, size: b.Size(), cells: b.cells(), done: make(chan outcome, 1),
		durable: c.cfg.Durable != nil && c.cfg.Durable(b),
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return state.ID{}, errEnded()
	}
	c.queue = append(c.queue, call)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}

	select {
	case o := <-call.done:
		return o.id, o.err
	case <-ctx.Done():
	}
	c.withdraw(call)
	select {
	case o := <-call.done: // both at once: the outcome says more
		return o.id, o.err
	default:
		return state.ID{}, context.Cause(ctx)
	}
}

// take moves the calls of the next group from the queue to group.
func (c *Committer) take(group []*call) []*call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return group
	}
	if slices.ContainsFunc(c.queue, func(call *call) bool { return call.durable != c.last }) {
		c.last = !c.last // the other kind's turn
	}
	var changes, events, size, cells, beats int
	rest := c.queue[:0]
	for i, call := range c.queue {
		if call.durable != c.last {
			rest = append(rest, call)
			continue
		}
		b := &call.batch
		changes += len(b.Changes)
		events += len(b.Events)
		size += call.size
		cells += call.cells
		if b.Beat != nil {
			beats++
		}
		full := changes > c.cfg.MaxChanges || events > c.cfg.MaxChanges || size > c.cfg.MaxBytes || cells > MaxBatchCells
		if len(group) > 0 && (full || beats > 1 || b.Binary != group[0].batch.Binary) {
			rest = append(rest, c.queue[i:]...)
			break
		}
		group = append(group, call)
	}
	clear(c.queue[len(rest):])
	c.queue = rest
	return group
}

// withdraw takes a call out of the queue if it is still there.
func (c *Committer) withdraw(gone *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.queue, gone); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
	}
}

// end turns away who waits and who comes.
func (c *Committer) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, call := range c.queue {
		call.done <- outcome{err: errEnded()}
	}
	c.queue = nil
}

func errEnded() error { return fmt.Errorf("%w: engine has stopped", ErrUnavailable) }

// merge returns the batches of a group as one.
func merge(group []*call) Batch {
	all := group[0].batch
	if len(group) == 1 {
		return all
	}
	var changes, events int
	for _, call := range group {
		changes += len(call.batch.Changes)
		events += len(call.batch.Events)
	}
	all.Changes, all.Events = make([]Change, 0, changes), make([]string, 0, events)
	for _, call := range group {
		b := &call.batch
		all.Changes = append(all.Changes, b.Changes...)
		all.Events = append(all.Events, b.Events...)
		if b.Beat != nil {
			all.Beat = b.Beat
		}
		if b.After.Compare(all.After) > 0 {
			all.After = b.After
		}
	}
	return all
}
