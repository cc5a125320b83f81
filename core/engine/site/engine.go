package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Engine is an engine.Engine over a Store, and an engine.Watcher if the store is
// one.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	store     Store
	committer *engine.Committer
	metrics   *metrics
	memory    *memory
	gate      *gate
	wakes     *wakes
	binary    atomic.Pointer[string] // who writes here, for entries that restore

	called    atomic.Bool // another site's store was resynced: what it lost of ours is to be put back
	followers engine.Followers

	started, running atomic.Bool
	ended            chan struct{} // closed when Run ends

	// writing holds a token during a write, and while a piece of what is remembered is
	// looked at and put back: a member who left meanwhile would come back for good,
	// since a store keeps nothing of who left.
	writing chan struct{}

	mu      sync.Mutex
	failure error // why the last write was not taken, or nil; guarded by mu
}

var _ engine.Engine = (*Engine)(nil)

// New returns an engine that works while Run does.
func New(cfg Config) (*Engine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:    cfg,
		log:    cfg.Logger.With(slog.String("part", "engine"), slog.String("site", cfg.Site)),
		store:  cfg.Store,
		memory: newMemory(cfg.Memory, cfg.MemoryBytes),
		wakes:  newWakes(),
		ended:  make(chan struct{}),

		writing: make(chan struct{}, 1),
	}
	e.gate = newGate()
	e.metrics = newMetrics(cfg.Registerer, e)
	e.committer = engine.NewCommitter(e.write, engine.CommitConfig{Registerer: cfg.Registerer})
	return e, nil
}

// Site returns Config.Site.
func (e *Engine) Site() string { return e.cfg.Site }

// Run works until ctx ends and returns nil. It runs once.
func (e *Engine) Run(ctx context.Context) error {
	if e.started.Swap(true) {
		return fmt.Errorf("run engine of site %q: it ran before", e.cfg.Site)
	}
	defer close(e.ended)
	e.running.Store(true)
	defer e.running.Store(false)

	behind, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends after the write in flight
	var (
		wg  sync.WaitGroup
		err error
	)
	wg.Go(func() {
		if err = e.store.Run(behind, e.wakes.woken, e.signalled); err != nil {
			err = fmt.Errorf("run store of site %q: %w", e.cfg.Site, err)
		}
	})
	wg.Go(func() { e.guard(behind) })
	_ = e.committer.Run(ctx) // returns nil
	stop()
	wg.Wait()
	return err
}

// Ready returns nil while the engine takes writes.
func (e *Engine) Ready() error {
	if !e.running.Load() {
		return fmt.Errorf("%w: engine is not running", engine.ErrUnavailable)
	}
	if err := e.closed(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

// closed returns why the gate is closed, or nil.
func (e *Engine) closed() error {
	if e.cfg.Faults.NoGate {
		return nil
	}
	return e.gate.closed()
}

// Append adds b to the log and the state as engine.Committer.Append says.
func (e *Engine) Append(ctx context.Context, b engine.Batch) (state.ID, error) {
	return e.committer.Append(ctx, b)
}

// write is the committer's.
func (e *Engine) write(ctx context.Context, b engine.Batch) (state.ID, error) {
	ctx = context.WithoutCancel(ctx) // the store bounds it; an answer that nobody waits for is a doubt
	if b.Binary != "" {
		e.binary.Store(&b.Binary)
	}
	if err := e.closed(); err != nil {
		return state.ID{}, err
	}
	e.writing <- struct{}{}
	defer func() { <-e.writing }()
	id, err := e.writeOnce(ctx, b)
	if errors.Is(err, ErrLost) {
		e.log.LogAttrs(ctx, slog.LevelWarn, "store has lost entries of this site")
		e.metrics.lost()
		if err = e.mend(ctx); err == nil {
			id, err = e.writeOnce(ctx, b)
		} else if errors.Is(err, engine.ErrRefused) {
			err = fmt.Errorf("%w: putting back what it has lost: %v", engine.ErrUnavailable, err) //nolint:errorlint // it is not this batch that was refused
		}
	}
	if err != nil && !errors.Is(err, engine.ErrRefused) && !errors.Is(err, engine.ErrUnavailable) {
		err = fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
	}
	e.told(ctx, err)
	return id, err
}

// told notes what became of a write.
func (e *Engine) told(ctx context.Context, err error) {
	if errors.Is(err, engine.ErrRefused) {
		err = nil // its own fault, not the store's
	}
	e.mu.Lock()
	before := e.failure
	e.failure = err
	e.mu.Unlock()
	switch {
	case err != nil && before == nil:
		e.log.LogAttrs(ctx, slog.LevelError, "store takes no writes", slog.Any("err", err))
	case err == nil && before != nil:
		e.log.LogAttrs(ctx, slog.LevelInfo, "store takes writes again")
	}
}

func (e *Engine) writeOnce(ctx context.Context, b engine.Batch) (state.ID, error) {
	w := Write{Batch: b}
	if !e.cfg.Faults.NoRepair {
		w.Last = e.memory.highest()
		w.Totals = e.memory.totals(b.Changes)
	}
	if e.cfg.Faults.NoStamp {
		w.After = state.ID{}
	}
	done, err := e.store.Write(ctx, w)
	if err != nil {
		return state.ID{}, err
	}
	if !e.cfg.Faults.NoRepair {
		e.memory.note(taken(e.cfg.Site, b, done), time.Now())
	}
	return done.ID, nil
}

// taken returns the entry that a batch became.
func taken(site string, b engine.Batch, w Written) engine.Entry {
	entry := engine.Entry{Site: site, ID: w.ID, Binary: b.Binary, Events: b.Events, Beat: b.Beat, Cells: make([]state.Cell, len(b.Changes))}
	totals := w.Totals
	for i := range b.Changes {
		c := b.Changes[i].Cell
		c.Stamp = state.Stamp{ID: w.ID, Site: site, Index: i}
		switch c.Kind {
		case plugins.Counter:
			c.Value, totals = totals[0], totals[1:]
		case plugins.List:
			c.Key = c.Stamp.Key()
		}
		entry.Cells[i] = c
	}
	return entry
}

// Load returns what the store holds of a room.
func (e *Engine) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return e.store.Load(ctx, room)
}
