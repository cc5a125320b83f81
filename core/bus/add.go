package bus

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/plugins"
)

// Add puts a feature at the end of the page, of all rooms and of every page that is
// open. It rests until [Bus.FeatureChanged] says that it is up. Add works before, during
// and after Run. An error means that no feature can have that name here, and names the
// one that is in its way.
func (b *Bus) Add(f Feature) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if err := b.set.Load().check(f.Name); err != nil {
		return err
	}
	added := newFeature(f)
	b.mu.Lock()
	b.set.Store(b.set.Load().with(added)) // rooms that are made from here on have it
	b.mu.Unlock()
	b.begin(added)
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		if r.parts[f.Name] == nil && !r.closed {
			p := newPart(r, added)
			r.parts[f.Name] = p
			p.out.mu.Lock()
			b.broadcast(p, plugins.Audience{}, b.insertEverywhere(p.section(nil, nil)))
			p.out.mu.Unlock()
		}
		r.mu.Unlock()
	}
	b.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "feature added", slog.String("feature", f.Name))
	return nil
}

// Remove takes a feature off the page, of all rooms and of every page that is open. It
// waits for no feature: events that wait are told so, and what the feature has in hand
// comes to its end. The state of the feature stays in the store, so that it is there
// when the feature is added again. A name that no feature has is fine.
func (b *Bus) Remove(name string) {
	b.changing.Lock()
	defer b.changing.Unlock()
	f := b.feature(name)
	if f == nil {
		return
	}
	f.mu.Lock()
	f.up = false
	f.mu.Unlock()
	close(f.gone)
	b.mu.Lock()
	b.set.Store(b.set.Load().without(f))
	b.mu.Unlock()
	b.closeLane(f)
	b.traces.drop(name)
	b.rates.drop(name)
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		if p := r.parts[name]; p != nil {
			p.stop()
			delete(r.parts, name)
			// Under the lock, and after the feature is gone: nothing of it follows this.
			p.out.mu.Lock()
			b.send(r.name, name, plugins.Audience{}, removeEverywhere(name))
			p.out.mu.Unlock()
		}
		r.mu.Unlock()
	}
	b.redefine(f)
	b.metrics.drop(name)
	b.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "feature removed", slog.String("feature", name))
}

// begin starts what works for f, if the bus runs and it does not work yet.
func (b *Bus) begin(f *feature) {
	b.run.Lock()
	defer b.run.Unlock()
	if b.run.ctx == nil || f.begun || f.closed {
		return
	}
	f.begun = true
	ctx := b.run.ctx
	b.run.wg.Go(func() { b.serveLane(ctx, f) })
	b.run.wg.Go(func() { b.serveWatches(ctx, f) })
}

// closeLane answers what waits for a feature that was removed, and takes nothing more.
func (b *Bus) closeLane(f *feature) {
	b.run.Lock()
	f.closed = true
	jobs := f.drain()
	b.run.Unlock()
	endAll(jobs, removed)
}

// removed is the outcome of events for which a feature was not there any more.
var removed = Outcome{Status: Forbidden, Sentence: sayRemoved}

// drop ends the traces of a feature as far as they got.
func (ts *traces) drop(feature string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.open {
		if t.feature == feature {
			clear(t.expected)
			notify(t.grown)
		}
	}
}

// drop forgets the series of a feature.
func (m *metrics) drop(feature string) {
	labels := prometheus.Labels{"feature": feature}
	m.events.DeletePartialMatch(labels)
	m.renderSeconds.DeletePartialMatch(labels)
	m.renderFailures.DeletePartialMatch(labels)
}
