package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
)

// settle are the times after a change of a link at which what is remembered is put
// back: at once, and again when a resync that was under way has surely ended, since
// a link reads as up before it has.
var settle = []time.Duration{0, 3 * time.Second, 10 * time.Second}

// margin is how much older than the last moment at which all links were known to be
// up something may be and yet have been lost: a link that breaks is noticed late.
const margin = 2 * time.Minute

// afterwards is how long after the last of these a link counts as healthy again: other
// sites' stores may settle later than this one.
const afterwards = 30 * time.Second

// waitTold is how long a store may take to be synced before the log tells that writes
// wait for it: a restart takes about as long.
const waitTold = 4 * time.Second

// answerEvery is how often at most the calls of other sites are answered.
const answerEvery = 2 * time.Second

// gate keeps writes from a store that may not hold its own history yet.
type gate struct {
	mu          sync.Mutex
	reason      error  // why it is closed, or nil; guarded by mu
	incarnation string // of the server that was last looked at; guarded by mu
}

func newGate() *gate {
	return &gate{reason: fmt.Errorf("%w: store not asked yet", engine.ErrUnavailable)}
}

func (g *gate) closed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// set closes the gate for a reason, or opens it with nil, and reports whether it
// was open before.
func (g *gate) set(reason error) (wasOpen bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wasOpen = g.reason == nil
	g.reason = reason
	return wasOpen
}

// saw notes which server was looked at.
func (g *gate) saw(incarnation string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.incarnation = incarnation
}

// restarted reports whether the server is another one than the one last seen.
func (g *gate) restarted(incarnation string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.incarnation != "" && g.incarnation != incarnation
}

// guardian is what the guard remembers from one look at the store to the next.
type guardian struct {
	known    Health
	asked    bool        // known is set
	admitted string      // the incarnation that the gate was opened for, if any
	waiting  time.Time   // since when the gate has been closed with the store there
	waits    bool        // the log tells of that
	healthy  time.Time   // when all links were last known to be up and unchanged
	restarts bool        // the server was restarted: everything remembered is to be put back
	due      []time.Time // when to put back again
	mended   time.Time   // when that was done last
	answered time.Time   // when it was last done since another site had asked
	failing  bool        // the last try to do that did
	syncing  bool        // the store was not synced when last looked at
	down     bool        // the store cannot be reached
}

// guard looks at the store until ctx ends: it opens and closes the gate and puts
// back what may have been lost.
func (e *Engine) guard(ctx context.Context) {
	g := guardian{healthy: time.Now()}
	for {
		h, err := e.store.Health(ctx)
		if ctx.Err() != nil {
			return
		}
		e.look(ctx, &g, h, err)
		wait := e.cfg.Check
		if e.gate.closed() != nil {
			wait /= 10
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// look draws the conclusions from one look at the store.
func (e *Engine) look(ctx context.Context, g *guardian, h Health, err error) {
	now := time.Now()
	if err != nil {
		if !errors.Is(err, engine.ErrUnavailable) {
			err = fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
		}
		e.gate.set(err)
		if !g.down {
			e.log.LogAttrs(ctx, slog.LevelWarn, "store cannot be reached", slog.Any("err", err))
		}
		g.down, g.waiting = true, time.Time{}
		return
	}
	if g.down {
		g.down = false
		e.log.LogAttrs(ctx, slog.LevelInfo, "store is back")
	}
	e.wakes.setNotified(h.Notifies)
	fresh := !g.asked || h.Incarnation != g.known.Incarnation
	if g.asked && fresh {
		e.log.LogAttrs(ctx, slog.LevelInfo, "store was restarted")
		e.gate.set(fmt.Errorf("%w: store was restarted", engine.ErrUnavailable))
		g.restarts, g.waiting = true, time.Time{}
	}
	if fresh || h.Links != g.known.Links {
		g.due = g.due[:0]
		for _, d := range settle {
			g.due = append(g.due, now.Add(d))
		}
	}
	if g.syncing && h.Synced {
		e.wakes.resynced()
	}
	g.syncing = !h.Synced
	g.known, g.asked = h, true
	e.gate.saw(h.Incarnation)

	if closed := e.gate.closed(); closed != nil && !e.admit(ctx, g, h, now) {
		return
	}
	e.tend(ctx, g, now)
	if len(g.due) == 0 {
		g.restarts = false
		if h.Synced && now.Sub(g.mended) > afterwards {
			g.healthy = now
		}
	}
}

// tend puts back what may have been lost, when it is time to or another site has
// asked for it.
func (e *Engine) tend(ctx context.Context, g *guardian, now time.Time) {
	due := len(g.due) > 0 && !now.Before(g.due[0])
	asked := e.called.Load() && now.Sub(g.answered) >= answerEvery
	if !due && !asked {
		return
	}
	if asked {
		e.called.Store(false) // before the answer: a call after it is a new one
	}
	moment := g.healthy.Add(-margin)
	if g.restarts {
		moment = time.Time{}
	}
	err := e.restore(ctx, moment, false)
	if err == nil && due {
		err = e.call(ctx)
	}
	if err != nil {
		e.called.Store(asked || e.called.Load())
		if !g.failing {
			e.log.LogAttrs(ctx, slog.LevelWarn, "remembered writes not put back, trying again", slog.Any("err", err))
		}
		g.failing = true
		return
	}
	g.failing = false
	if due {
		g.due, g.mended = g.due[1:], now
	}
	if asked {
		g.answered = now
	}
}

// admit opens the gate if the store is fit to be written to, and reports whether it
// is open.
func (e *Engine) admit(ctx context.Context, g *guardian, h Health, now time.Time) bool {
	if g.waiting.IsZero() {
		g.waiting, g.waits = now, false
	}
	waited := now.Sub(g.waiting)
	// A server that was let in once holds its history for as long as it lives.
	if !h.Synced && h.Incarnation != g.admitted && waited < e.cfg.SyncTimeout {
		e.gate.set(fmt.Errorf("%w: store is not synced: %s", engine.ErrUnavailable, h.Missing))
		if !g.waits && waited >= waitTold {
			g.waits = true
			e.log.LogAttrs(ctx, slog.LevelInfo, "waiting for the store to be synced before taking writes; the first region of all waits in vain",
				slog.String("missing", h.Missing), slog.Duration("at_most", e.cfg.SyncTimeout))
		}
		return false
	}
	// What a restarted server lost comes back before anything is written after it.
	if g.restarts {
		if err := e.restore(ctx, time.Time{}, true); err != nil {
			e.gate.set(fmt.Errorf("%w: putting back remembered writes: %w", engine.ErrUnavailable, err))
			return false
		}
	}
	if !h.Synced {
		e.log.LogAttrs(ctx, slog.LevelWarn, "taking writes although the store is not synced",
			slog.String("missing", h.Missing), slog.Duration("waited", waited))
	} else {
		e.log.LogAttrs(ctx, slog.LevelInfo, "taking writes", slog.Duration("waited", waited))
	}
	e.gate.set(nil)
	g.waiting, g.admitted = time.Time{}, h.Incarnation
	return true
}

// mend puts back what the log has lost under this binary's hands. The caller holds the
// token of writing.
func (e *Engine) mend(ctx context.Context) error {
	h, err := e.store.Health(ctx)
	if err != nil {
		return err
	}
	if !h.Synced && e.gate.restarted(h.Incarnation) {
		err := fmt.Errorf("%w: store was restarted: %s", engine.ErrUnavailable, h.Missing)
		e.gate.set(err) // the guard opens it
		return err
	}
	return e.restoreWith(ctx, time.Time{}, true, func(piece func() error) error { return piece() })
}

// call asks the other sites to put back what a resync may have taken from this
// store's copy of their keys, of which they know nothing: an entry that restores
// nothing.
func (e *Engine) call(ctx context.Context) error {
	if e.cfg.Faults.NoRepair {
		return nil
	}
	done, err := e.store.Restore(ctx, Restore{Binary: e.writer(), After: e.memory.highest()})
	if err == nil {
		e.memory.note(engine.Entry{ID: done.ID, Restores: true}, time.Now())
	}
	return err
}

// writer is the binary that writes here, "" before it has.
func (e *Engine) writer() string {
	if b := e.binary.Load(); b != nil {
		return *b
	}
	return ""
}

// restore puts back what was noted since a moment; the events go with it where the
// log itself has lost them. Others may write in between, but not during a piece.
func (e *Engine) restore(ctx context.Context, moment time.Time, withEvents bool) error {
	return e.restoreWith(ctx, moment, withEvents, func(piece func() error) error {
		e.writing <- struct{}{}
		defer func() { <-e.writing }()
		return piece()
	})
}

// restoreWith is restore, each piece of it done by alone. A piece leaves out what was
// overtaken since: a member who has left meanwhile would come back for good.
func (e *Engine) restoreWith(ctx context.Context, moment time.Time, withEvents bool, alone func(piece func() error) error) error {
	if e.cfg.Faults.NoRepair {
		return nil
	}
	cells, events := e.memory.since(moment, e.writer())
	if !withEvents {
		events = nil
	}
	start := time.Now()
	for _, r := range restores(e.writer(), e.memory.highest(), cells, events) {
		err := alone(func() error {
			r.Cells = slices.DeleteFunc(r.Cells, e.memory.overtaken)
			if len(r.Cells) == 0 && len(r.Events) == 0 {
				return nil
			}
			r.After = e.memory.highest()
			done, err := e.store.Restore(ctx, r)
			if err == nil {
				e.memory.note(engine.Entry{ID: done.ID, Restores: true}, time.Now())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(cells) > 0 || len(events) > 0 {
		e.metrics.restored(len(cells))
		level := slog.LevelDebug // after a change of a link, in case it was lost
		if withEvents {
			level = slog.LevelInfo // it was
		}
		e.log.LogAttrs(ctx, level, "remembered writes put back",
			slog.Int("cells", len(cells)), slog.Int("events", len(events)), slog.Duration("took", time.Since(start)))
	}
	return nil
}
