package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/engine"
)

// readLimit is how many entries of a site are read at once. It bounds what a slow
// reader holds.
const readLimit = 512

// tail is one Tail at work.
type tail struct {
	engine   *Engine
	at       engine.Positions // of every site that is read
	deliver  func([]engine.Delivery) error
	from     engine.Positions // what Tail was given
	sleeper  *sleeper
	begun    bool // the positions of sites that from does not name are set
	failures int  // readings in a row that failed
}

// Tail delivers the logs as engine.Engine says. While the store cannot be reached it
// waits.
func (e *Engine) Tail(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := &tail{engine: e, at: maps.Clone(from), deliver: deliver, from: from, sleeper: e.wakes.sleeper()}
	if t.at == nil {
		t.at = engine.Positions{}
	}
	delete(t.at, "")
	defer t.sleeper.leave()
	return t.run(ctx)
}

func (t *tail) run(ctx context.Context) error {
	e := t.engine
	timer := time.NewTimer(0)
	defer timer.Stop()
	var poll time.Time // when all logs are read again, woken or not
	for ended := false; ; {
		err := t.begin(ctx)
		if err == nil {
			err = t.read(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && t.failures > 0:
			t.failures = 0
			e.log.LogAttrs(ctx, slog.LevelInfo, "logs can be read again")
		case err != nil && !isStore(err):
			return err
		case err != nil:
			if t.failures++; t.failures == 1 {
				e.log.LogAttrs(ctx, slog.LevelWarn, "logs cannot be read", slog.Any("err", err))
			}
			t.sleeper.again()
		}
		if ended {
			return fmt.Errorf("%w: engine has stopped", engine.ErrUnavailable)
		}
		if now := time.Now(); err != nil || !now.Before(poll) {
			poll = now.Add(t.pause())
		}
		timer.Reset(time.Until(poll))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.sleeper.ring:
		case <-timer.C:
		case <-e.ended:
			ended = true // what was taken before is delivered first
			t.sleeper.again()
		}
		if !time.Now().Before(poll) && !e.cfg.Faults.NoBeat {
			t.sleeper.again()
		}
	}
}

// pause is how long to wait for a wake-up.
func (t *tail) pause() time.Duration {
	e := t.engine
	switch {
	case t.failures > 0:
		return min(e.cfg.Poll, 50*time.Millisecond<<min(t.failures, 10))
	case e.wakes.isNotified():
		return 5 * e.cfg.Poll
	}
	return e.cfg.Poll
}

// storeError is an error of the store, not of deliver.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

func isStore(err error) bool {
	_, ok := errors.AsType[storeError](err)
	return ok
}

// read delivers all that there is to read.
func (t *tail) read(ctx context.Context) error {
	sites, all, doubt := t.sleeper.take()
	if doubt && !t.engine.cfg.Faults.NoReload {
		if err := t.doubt(); err != nil {
			return err
		}
	}
	if all {
		known, err := t.engine.store.Sites(ctx)
		if err != nil {
			return storeError{err}
		}
		for _, site := range known {
			sites[site] = struct{}{}
		}
		for site := range t.at {
			sites[site] = struct{}{}
		}
	}
	after := engine.Positions{}
	for site := range sites {
		after[site] = t.at[site]
	}
	for len(after) > 0 {
		records, err := t.engine.store.Read(ctx, after, readLimit)
		if err != nil {
			return storeError{err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		counts := map[string]int{}
		var out []engine.Delivery
		for _, r := range records {
			counts[r.Site]++
			out = t.add(out, r)
		}
		for site := range after {
			if counts[site] < readLimit {
				delete(after, site)
			} else {
				after[site] = t.at[site]
			}
		}
		if len(out) == 0 {
			continue
		}
		if err := t.deliver(out); err != nil {
			return err
		}
	}
	return nil
}

// begin sets where the sites that are not named begin: at the position for those, or
// at the end of their logs if that is before it. A site with a slow clock may have
// ids before the position that are yet to come; nothing that comes is passed over.
func (t *tail) begin(ctx context.Context) error {
	start, given := t.from[""]
	if t.begun || !given {
		return nil
	}
	_, ends, err := t.engine.store.Load(ctx, engine.Nowhere)
	if err != nil {
		return storeError{err}
	}
	for site, end := range ends {
		if _, named := t.at[site]; !named {
			t.at[site] = lower(start, end)
		}
	}
	t.begun = true
	return nil
}

// doubt tells of a gap in every log: a full resync may have changed what the store
// holds of what has been read already.
func (t *tail) doubt() error {
	var out []engine.Delivery
	for _, site := range slices.Sorted(maps.Keys(t.at)) {
		out = append(out, engine.Delivery{Entry: engine.Entry{Site: site, ID: t.at[site]}, Gap: true})
	}
	if len(out) == 0 {
		return nil
	}
	return t.deliver(out)
}

// add appends the deliveries that a record makes.
func (t *tail) add(out []engine.Delivery, r Record) []engine.Delivery {
	e := t.engine
	at, known := t.at[r.Site]
	if known && r.ID.Compare(at) <= 0 {
		return out // a store that repeats itself
	}
	// A log that was not there when this began came later, all of it: the store was
	// joined with others', or was cut off from a new one's. What it lacks was missed.
	known = known || t.begun
	if known && r.Prev.Compare(at) > 0 && !e.cfg.Faults.NoReload {
		e.metrics.gap()
		out = append(out, engine.Delivery{Entry: engine.Entry{Site: r.Site, ID: r.ID}, Gap: true})
	}
	t.at[r.Site] = r.ID
	now := time.Now()
	if r.Restores && len(r.Cells) == 0 && len(r.Events) == 0 && r.Site != e.cfg.Site {
		e.called.Store(true)
	}
	if r.Site == e.cfg.Site && !e.cfg.Faults.NoRepair {
		e.memory.note(r.Entry, now)
	}
	e.metrics.read(r.ID, now)
	return append(out, engine.Delivery{Entry: r.Entry})
}
