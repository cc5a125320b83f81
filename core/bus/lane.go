package bus

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

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
	held    []*job         // taken from the queue, for the next batch
}

// serveLane takes a feature's events through it, in order, until ctx ends or the feature
// is removed.
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
func (l *lane) batch(ctx context.Context) (jobs []*job, ok bool) {
	defer func() {
		for _, j := range jobs {
			l.feature.latest.leave(j)
		}
	}()
	jobs, l.held = l.held, nil
	if l.feature.isGone() {
		endAll(jobs, removed)
		return nil, false
	}
	if len(jobs) == 0 {
		select {
		case <-ctx.Done():
			return nil, false
		case <-l.feature.gone:
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
func (l *lane) strike(jobs []*job) Outcome {
	if len(l.strikes) > laneSize { // of events that were never sent again
		clear(l.strikes)
	}
	for _, j := range jobs {
		if j.key != "" { // the others are never sent again
			l.strikes[j.key]++
		}
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
	jobs := f.drain()
	b.run.Unlock()
	endAll(jobs, Outcome{Status: Unavailable, Sentence: sayStoreAway})
}

// drain takes what waits out of the lane; Bus.run is held.
func (f *feature) drain() []*job {
	var jobs []*job
	for {
		select {
		case j := <-f.lane:
			f.latest.leave(j)
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
}

// recheck reports whether a feature that has changed since an event came takes it still.
func recheck(m plugins.Manifest, e *plugins.Event) Outcome {
	if e.Name == m.Leaves || e.Name == m.Joins || slices.ContainsFunc(m.Watches, func(w plugins.Watch) bool { return w.Event == e.Name }) {
		return Outcome{Status: OK}
	}
	typ, ok := m.Event(e.Name)
	if !ok || typ.Admin != (e.Person == plugins.Person{}) {
		return Outcome{Status: Forbidden, Sentence: sayUnknown}
	}
	fields, err := m.CheckEvent(typ, e.Fields)
	if err != nil {
		return Outcome{Status: Invalid, Sentence: err.Error()}
	}
	e.Fields = fields
	return Outcome{Status: OK}
}

// declares reports whether a feature's answer fits a manifest.
func declares(m plugins.Manifest, o plugins.Outcome) bool {
	return !slices.ContainsFunc(o.Mutations, func(mu plugins.Mutation) bool { return mu.Check(m) != nil })
}

// replaceWait is how long an answer that does not fit the manifest waits for another
// manifest: a new version may have answered of which the bus is only about to be told.
// Only a feature that answers nonsense waits for nothing.
const replaceWait = time.Second

// later returns the manifest by which answers may be judged that this one does not
// declare.
func (f *feature) later(ctx context.Context, m plugins.Manifest, version int, outcomes []plugins.Outcome) plugins.Manifest {
	if !slices.ContainsFunc(outcomes, func(o plugins.Outcome) bool { return !declares(m, o) }) {
		return m
	}
	f.mu.Lock()
	changed := f.changed
	f.mu.Unlock()
	now, is := f.declared()
	if is != version {
		return now
	}
	timer := time.NewTimer(replaceWait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-f.gone:
	case <-timer.C:
	case <-ctx.Done():
	}
	now, _ = f.declared()
	return now
}

// handle takes a batch of events through a feature and into the log, and answers
// them.
func (b *Bus) handle(ctx context.Context, l *lane, jobs []*job) {
	f := l.feature
	manifest, version := f.declared()
	jobs = slices.DeleteFunc(jobs, func(j *job) bool {
		if j.version == version {
			return false
		}
		o := recheck(manifest, &j.event)
		if o.Status != OK {
			j.done(o)
		}
		return o.Status != OK
	})
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
	jobs = slices.DeleteFunc(jobs, func(j *job) bool {
		if unloaded[j.event.Room] {
			j.done(Outcome{Status: Unavailable, Sentence: sayStoreAway})
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
			if unsaid, ok := f.complaints.take(failureLevel(err)); ok {
				b.cfg.Logger.LogAttrs(ctx, failureLevel(err), "events not handled",
					slog.String("feature", f.name), slog.Int("events", len(jobs)), slog.Any("err", brief(err)), unsaid)
			}
		}
		o := Outcome{Status: Unavailable, Sentence: sayFeatureAway}
		switch {
		case f.isGone():
			o = removed
		case wasUp && ctx.Err() == nil:
			if o = l.strike(jobs); o.Status == Failed {
				e := jobs[0].event
				b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "event given up", slog.String("feature", f.name),
					slog.String("room", e.Room), slog.String("event", e.Name), slog.Int("tries", maxStrikes))
			}
		}
		endAll(jobs, o)
		return
	}

	for _, j := range jobs {
		delete(l.strikes, j.key)
	}
	// Where the feature is replaced meanwhile, either version may have answered.
	later := f.later(ctx, manifest, version, outcomes)
	w := writer{bus: b, feature: f}
	for i, j := range jobs {
		manifest := manifest
		if !declares(manifest, outcomes[i]) {
			manifest = later
		}
		if repaints(outcomes[i]) { // which takes its time
			ok := b.spawn(func(ctx context.Context) { b.repaintAll(ctx, f, manifest, j, outcomes[i]) })
			if !ok {
				j.done(Outcome{Status: Unavailable, Sentence: sayStoreAway})
			}
			continue
		}
		c, o := b.changes(ctx, f, manifest, j, outcomes[i])
		if o.Status != OK {
			j.done(o)
			continue
		}
		w.add(ctx, j, c)
	}
	w.flush(ctx)
}

func endAll(jobs []*job, o Outcome) {
	for _, j := range jobs {
		j.done(o)
	}
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
	if p := r.parts[feature]; p != nil {
		if err := b.awaitPart(ctx, p); err != nil {
			return plugins.State{}, err
		}
	}
	return r.state.State(feature, nil), nil
}
