package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// changes are what an event changes.
type changes struct {
	logged  []engine.Change
	signals []state.Cell
	cells   int  // of boards, in logged
	traced  bool // regions are asked to answer it
}

// writer collects what jobs of one feature change into batches.
type writer struct {
	bus     *Bus
	feature *feature
	batch   engine.Batch
	cells   int // of boards, in batch
	jobs    []*job
	traced  []string // their keys
}

// add takes what a job changes.
func (w *writer) add(ctx context.Context, j *job, c changes) {
	if dropped := w.bus.outgoing.put(c.signals); dropped > 0 {
		w.bus.metrics.unsent.Add(float64(dropped))
	}
	if len(c.logged) == 0 {
		j.done(Outcome{Status: OK})
		return
	}
	one := engine.Batch{Changes: c.logged}
	if j.key != "" {
		one.Events = []string{j.key}
	}
	if len(w.batch.Changes)+len(c.logged) > engine.MaxBatchChanges || w.cells+c.cells > engine.MaxBatchCells ||
		w.batch.Size()+one.Size() > engine.MaxBatchSize {
		w.flush(ctx)
	}
	w.jobs = append(w.jobs, j)
	w.cells += c.cells
	if c.traced {
		w.traced = append(w.traced, j.key)
	}
	w.batch.Events = append(w.batch.Events, one.Events...)
	w.batch.Changes = append(w.batch.Changes, one.Changes...)
}

// flush writes what there is and answers the jobs. It returns when that is merged here,
// so that the next events see it.
func (w *writer) flush(ctx context.Context) {
	if len(w.jobs) == 0 {
		return
	}
	w.bus.append(ctx, w.feature, w.batch, func(o Outcome) {
		for _, id := range w.traced {
			w.bus.tracedAppended(id, o.Status == OK, time.Now())
		}
		endAll(w.jobs, o)
	})
	*w = writer{bus: w.bus, feature: w.feature}
}

// append writes a batch of a feature and calls taken with what became of it. It returns
// when the batch is merged here.
func (b *Bus) append(ctx context.Context, f *feature, batch engine.Batch, taken func(Outcome)) Outcome {
	batch.Binary, batch.After = b.binary, b.applied.max()
	id, err := b.cfg.Engine.Append(ctx, batch)
	o := Outcome{Status: OK}
	switch {
	case errors.Is(err, engine.ErrRefused):
		b.cfg.Logger.LogAttrs(ctx, slog.LevelError, "batch refused", slog.String("feature", f.name), slog.Any("err", err))
		o = Outcome{Status: Failed, Sentence: sayFailed}
	case err != nil:
		if ctx.Err() == nil {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "batch not taken", slog.String("feature", f.name), slog.Any("err", err))
		}
		o = Outcome{Status: Unavailable, Sentence: sayStoreAway}
	default:
		b.applied.wrote(b.cfg.Engine.Site(), id)
	}
	taken(o)
	if o.Status == OK {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		b.applied.wait(ctx, b.cfg.Engine.Site(), id)
	}
	return o
}

// clip cuts a sentence to the size that is shown, between characters.
func clip(sentence string) string { return clipTo(sentence, plugins.MaxSentenceSize) }

// clipTo cuts a text to a size in bytes, between characters.
func clipTo(text string, size int) string {
	return strings.ToValidUTF8(text[:min(len(text), size)], "")
}

// changes turns what a feature answered to one event into changes of its state.
func (b *Bus) changes(ctx context.Context, f *feature, m plugins.Manifest, j *job, o plugins.Outcome) (changes, Outcome) {
	var c changes
	fail := func(err error) (changes, Outcome) {
		if refusal, ok := errors.AsType[*plugins.Refusal](err); ok {
			return changes{}, Outcome{Status: Invalid, Sentence: clip(refusal.Sentence)}
		}
		if unsaid, ok := f.complaints.take(slog.LevelWarn); ok {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "event failed",
				slog.String("feature", m.Name), slog.String("event", j.event.Name), slog.String("room", j.event.Room),
				slog.Any("err", brief(err)), unsaid)
		}
		return changes{}, Outcome{Status: Failed, Sentence: sayFailed}
	}
	if errors.Is(o.Err, plugins.ErrUnavailable) { // the batch ran out of time before it
		return c, Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	if o.Err != nil {
		return fail(o.Err)
	}
	if len(o.Mutations) > plugins.MaxMutations {
		return fail(fmt.Errorf("%d mutations: at most %d are allowed", len(o.Mutations), plugins.MaxMutations))
	}
	for _, mu := range o.Mutations {
		if err := mu.Check(m); err != nil {
			return fail(err)
		}
		field, _ := m.Field(mu.Field)
		cell := state.Cell{
			Room: j.event.Room, Feature: m.Name, Field: field.Name, Kind: field.Kind,
			Value: mu.Value, Removed: mu.Op == plugins.OpUnset,
		}
		switch field.Kind {
		case plugins.Volatile:
			cell.Key = mu.Key
			c.signals = append(c.signals, cell)
		case plugins.Grid:
			painted, err := b.painting(ctx, j, m, mu)
			if errors.Is(err, errUnavailable) || errors.Is(err, engine.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
				return changes{}, Outcome{Status: Unavailable, Sentence: sayStoreAway}
			}
			if err != nil {
				return fail(err)
			}
			for _, p := range painted {
				c.cells += p.cells
				c.logged = append(c.logged, p.change(j.event.Room, m.Name, field.Name))
			}
		default:
			c.logged = append(c.logged, engine.Change{Cell: cell, Delta: mu.Delta, Cap: field.Cap})
		}
	}
	if typ, _ := m.Event(j.event.Name); typ.Trace != "" && j.key != "" {
		if change, ok := b.beginTrace(j, m.Name, typ.Trace); ok {
			c.logged, c.traced = append(c.logged, change), true
		}
	}
	return c, Outcome{Status: OK}
}

// repaints reports whether a feature wants a part of a board painted anew.
func repaints(o plugins.Outcome) bool {
	return o.Err == nil && slices.ContainsFunc(o.Mutations, func(mu plugins.Mutation) bool {
		return mu.Op == plugins.OpClear || mu.Op == plugins.OpRevert
	})
}

// repaintAll takes an event that paints a part of a board anew: in as many batches as
// that takes, of which the last one carries the event's id.
func (b *Bus) repaintAll(ctx context.Context, f *feature, m plugins.Manifest, j *job, o plugins.Outcome) {
	c, outcome := b.changes(ctx, f, m, j, o)
	if dropped := b.outgoing.put(c.signals); dropped > 0 {
		b.metrics.unsent.Add(float64(dropped))
	}
	all := len(c.logged)
	for outcome.Status == OK && len(c.logged) > 0 {
		n, cells, size := 0, 0, 0
		for n < min(len(c.logged), engine.MaxBatchChanges) {
			cells += paintedCells(c.logged[n])
			size += engine.Batch{Changes: c.logged[n : n+1]}.Size()
			if n > 0 && (cells > engine.MaxBatchCells || size > engine.MaxBatchSize/2) {
				break
			}
			n++
		}
		batch := engine.Batch{Changes: c.logged[:n]}
		if len(c.logged) == n && j.key != "" {
			batch.Events = []string{j.key}
		}
		outcome = b.append(ctx, f, batch, func(Outcome) {})
		if outcome.Status == OK {
			c.logged = c.logged[n:]
		} else if len(c.logged) < all {
			outcome.Sentence = "Only a part of it could be done. Try again."
		}
	}
	if c.traced {
		b.tracedAppended(j.key, outcome.Status == OK, time.Now())
	}
	j.done(outcome)
}
