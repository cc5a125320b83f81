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

// laneSize is how many events may wait for one feature before more are answered
// Busy.
const laneSize = 1024

// laneBatch is how many events one call of Handle and one batch of the log hold.
const laneBatch = 64

// maxStrikes is how often a feature may fail while it has an event in hand before
// the event is given up: its own fault, perhaps, or only bad company.
const maxStrikes = 3

// lane is what serveLane knows of a feature.
type lane struct {
	feature *feature
	strikes map[string]int // by the key of an event that a feature failed with
	held    []job          // taken from the queue, for the next batch
}

// serveLane takes a feature's events through it, in order, until ctx ends.
func (b *Bus) serveLane(ctx context.Context, f *feature) {
	l := lane{feature: f, strikes: map[string]int{}}
	for {
		jobs, ok := l.batch(ctx)
		if !ok {
			b.emptyLane(f)
			return
		}
		b.handle(ctx, &l, jobs)
	}
}

// batch waits for the next events, as many as there are. One that a feature failed
// with before goes alone, so that it costs no others.
func (l *lane) batch(ctx context.Context) (jobs []job, ok bool) {
	jobs, l.held = l.held, nil
	if len(jobs) == 0 {
		select {
		case <-ctx.Done():
			return nil, false
		case j := <-l.feature.lane:
			jobs = append(jobs, j)
		}
	}
	for len(jobs) < laneBatch && l.strikes[jobs[0].key] == 0 {
		select {
		case j := <-l.feature.lane:
			if l.strikes[j.key] > 0 {
				l.held = append(l.held, j)
				return jobs, true
			}
			jobs = append(jobs, j)
		default:
			return jobs, true
		}
	}
	return jobs, true
}

// strike notes that the feature failed with jobs in hand and returns what they are
// told.
func (l *lane) strike(jobs []job) Outcome {
	if len(l.strikes) > laneSize { // of events that were never sent again
		clear(l.strikes)
	}
	for _, j := range jobs {
		l.strikes[j.key]++
	}
	if len(jobs) == 1 && l.strikes[jobs[0].key] >= maxStrikes {
		delete(l.strikes, jobs[0].key)
		return Outcome{Status: Failed, Sentence: sayFailed}
	}
	return Outcome{Status: Unavailable, Sentence: sayFeatureAway}
}

// emptyLane answers what waits when the bus stops.
func (b *Bus) emptyLane(f *feature) {
	// Under the lock, so that nothing is queued after this.
	b.run.Lock()
	jobs := make([]job, 0, len(f.lane))
	for range cap(jobs) {
		jobs = append(jobs, <-f.lane)
	}
	b.run.Unlock()
	b.endAll(jobs, Outcome{Status: Unavailable, Sentence: sayStoreAway})
}

// handle takes a batch of events through a feature and into the log, and answers
// them.
func (b *Bus) handle(ctx context.Context, l *lane, jobs []job) {
	f := l.feature
	states := map[string]plugins.State{}
	unloaded := map[string]bool{}
	for _, j := range jobs {
		room := j.event.Room
		if _, known := states[room]; known || unloaded[room] {
			continue
		}
		if s, err := b.stateFor(ctx, f.name, room); err != nil {
			unloaded[room] = true
		} else {
			states[room] = s
		}
	}
	jobs = slices.DeleteFunc(jobs, func(j job) bool {
		if unloaded[j.event.Room] {
			b.seen.end(j.key, Outcome{Status: Unavailable, Sentence: sayStoreAway})
		}
		return unloaded[j.event.Room]
	})
	if len(jobs) == 0 {
		return
	}
	events := make([]plugins.Event, len(jobs))
	for i, j := range jobs {
		events[i] = j.event
	}
	wasUp := f.isUp()
	outcomes, err := f.carrier.Handle(ctx, events, states)
	if err == nil && len(outcomes) != len(jobs) {
		err = fmt.Errorf("%d outcomes for %d events", len(outcomes), len(jobs))
	}
	if err != nil {
		if ctx.Err() == nil {
			b.cfg.Logger.LogAttrs(ctx, failureLevel(err), "events not handled",
				slog.String("feature", f.name), slog.Int("events", len(jobs)), slog.Any("err", err))
		}
		o := Outcome{Status: Unavailable, Sentence: sayFeatureAway}
		if wasUp && ctx.Err() == nil {
			o = l.strike(jobs)
		}
		b.endAll(jobs, o)
		return
	}

	for _, j := range jobs {
		delete(l.strikes, j.key)
	}
	manifest, _ := f.manifest()
	var batch engine.Batch
	var taken []job
	for i, j := range jobs {
		changes, o := b.changes(ctx, manifest, j, outcomes[i])
		if o.Status != OK || len(changes) == 0 {
			b.seen.end(j.key, o)
			continue
		}
		one := engine.Batch{Events: []string{j.key}, Changes: changes}
		if len(batch.Changes)+len(changes) > engine.MaxBatchChanges || batch.Size()+one.Size() > engine.MaxBatchSize {
			b.append(ctx, f, batch, taken)
			batch, taken = engine.Batch{}, nil
		}
		taken = append(taken, j)
		batch.Events = append(batch.Events, j.key)
		batch.Changes = append(batch.Changes, changes...)
	}
	if len(taken) > 0 {
		b.append(ctx, f, batch, taken)
	}
}

// append writes what jobs change and answers them. It returns when that is merged
// here, so that the next events see it.
func (b *Bus) append(ctx context.Context, f *feature, batch engine.Batch, jobs []job) {
	batch.Binary, batch.After = b.binary, b.applied.max()
	id, err := b.cfg.Engine.Append(ctx, batch)
	switch {
	case errors.Is(err, engine.ErrRefused):
		b.cfg.Logger.LogAttrs(ctx, slog.LevelError, "batch refused", slog.String("feature", f.name), slog.Any("err", err))
		b.endAll(jobs, Outcome{Status: Failed, Sentence: sayFailed})
	case err != nil:
		if ctx.Err() == nil {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "batch not taken", slog.String("feature", f.name), slog.Any("err", err))
		}
		b.endAll(jobs, Outcome{Status: Unavailable, Sentence: sayStoreAway})
	default:
		b.applied.wrote(b.cfg.Engine.Site(), id)
		b.endAll(jobs, Outcome{Status: OK})
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		b.applied.wait(ctx, b.cfg.Engine.Site(), id)
		cancel()
	}
}

// clip cuts a sentence to the size that is shown, between characters.
func clip(sentence string) string {
	return strings.ToValidUTF8(sentence[:min(len(sentence), plugins.MaxSentenceSize)], "")
}

func (b *Bus) endAll(jobs []job, o Outcome) {
	for _, j := range jobs {
		b.seen.end(j.key, o)
	}
}

// changes turns what a feature answered to one event into changes of its state.
func (b *Bus) changes(ctx context.Context, m plugins.Manifest, j job, o plugins.Outcome) ([]engine.Change, Outcome) {
	fail := func(err error) ([]engine.Change, Outcome) {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "event failed",
			slog.String("feature", m.Name), slog.String("event", j.event.Name), slog.String("room", j.event.Room), slog.Any("err", err))
		return nil, Outcome{Status: Failed, Sentence: sayFailed}
	}
	if refusal, ok := errors.AsType[*plugins.Refusal](o.Err); ok {
		return nil, Outcome{Status: Invalid, Sentence: clip(refusal.Sentence)}
	}
	if errors.Is(o.Err, plugins.ErrUnavailable) { // the batch ran out of time before it
		return nil, Outcome{Status: Unavailable, Sentence: sayFeatureAway}
	}
	if o.Err != nil {
		return fail(o.Err)
	}
	if len(o.Mutations) > plugins.MaxMutations {
		return fail(fmt.Errorf("%d mutations: at most %d are allowed", len(o.Mutations), plugins.MaxMutations))
	}
	changes := make([]engine.Change, 0, len(o.Mutations))
	for _, mu := range o.Mutations {
		if err := mu.Check(m); err != nil {
			return fail(err)
		}
		field, _ := m.Field(mu.Field)
		changes = append(changes, engine.Change{
			Cell: state.Cell{
				Room: j.event.Room, Feature: m.Name, Field: field.Name, Kind: field.Kind,
				Value: mu.Value, Removed: mu.Op == plugins.OpUnset,
			},
			Delta: mu.Delta,
			Cap:   field.Cap,
		})
	}
	return changes, Outcome{Status: OK}
}

// stateFor returns what a feature knows of a room.
func (b *Bus) stateFor(ctx context.Context, feature, name string) (plugins.State, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r := b.enter(name)
	defer r.mu.Unlock()
	if err := b.awaitLoad(ctx, r); err != nil {
		return plugins.State{}, err
	}
	return r.state.State(feature, nil), nil
}
