package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// traceFeature is the name under which regions answer a traced event. It is no valid
// feature name.
const traceFeature = "@trace"

// Bounds of tracing.
const (
	traceWait  = 3 * time.Second       // how long regions are waited for
	traceShow  = 60 * time.Millisecond // the least time between two writes of a trace
	traceWatch = time.Second           // how long a render is waited for
	maxTraces  = 64                    // that are open at once
	maxRows    = 32                    // that fit a register's value
)

// traces are the traced events of this binary that regions may still answer.
type traces struct {
	mu   sync.Mutex
	open map[string]*openTrace // by id
}

// openTrace is a trace that grows. It is guarded by traces.mu.
type openTrace struct {
	trace    plugins.Trace
	room     string
	feature  string
	field    string
	began    time.Time
	expected map[string]bool // sites that have not answered
	grown    chan struct{}   // holds a token when there is a new row
}

// traceAnswer is what a region tells of a traced event.
type traceAnswer struct {
	ID     string `json:"id"`
	Site   string `json:"s"`
	Region string `json:"r"`

	// Held is how long the region had read the event when it answered, and Rendered
	// when in that time it was sent to browsers, 0 if nobody looks there; both in
	// microseconds.
	Held     int64 `json:"h"`
	Rendered int64 `json:"d"`
}

func newTraces() *traces { return &traces{open: map[string]*openTrace{}} }

// begin opens a trace of an event and returns the change that tells of it. It is not
// ok if there are too many.
func (b *Bus) beginTrace(j *job, feature, field string) (engine.Change, bool) {
	t := &openTrace{
		trace: plugins.Trace{ID: j.key, By: j.event.Person.User, Site: b.cfg.Engine.Site()},
		room:  j.event.Room, feature: feature, field: field, began: j.at,
		expected: b.leases.sites(), grown: make(chan struct{}, 1),
	}
	b.traces.mu.Lock()
	defer b.traces.mu.Unlock()
	if len(b.traces.open) >= maxTraces {
		return engine.Change{}, false
	}
	b.traces.open[j.key] = t
	return t.change(), true
}

// change is the register that tells of t.
func (t *openTrace) change() engine.Change {
	return engine.Change{Cell: state.Cell{
		Room: t.room, Feature: t.feature, Field: t.field, Kind: plugins.Register, Value: t.trace.Format(),
	}}
}

// appended notes that the store has taken a traced event, or that it has not.
func (b *Bus) tracedAppended(id string, ok bool, now time.Time) {
	b.traces.mu.Lock()
	defer b.traces.mu.Unlock()
	t := b.traces.open[id]
	if t == nil {
		return
	}
	if !ok {
		delete(b.traces.open, id)
		return
	}
	t.trace.Appended = now.Sub(t.began)
	for _, row := range t.trace.Rows {
		if row.Site == t.trace.Site {
			t.trace.Appended = min(t.trace.Appended, row.Arrived)
		}
	}
	if !b.spawn(func(ctx context.Context) { b.writeTrace(ctx, t) }) {
		delete(b.traces.open, id)
	}
}

// answered takes what a region tells.
func (ts *traces) answered(cells []state.Cell, now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, c := range cells {
		var a traceAnswer
		if json.Unmarshal([]byte(c.Value), &a) != nil {
			continue
		}
		if t := ts.open[a.ID]; t != nil && t.expected[a.Site] {
			t.add(a, now)
		}
	}
}

// add adds the row of a region; ts.mu is held.
func (t *openTrace) add(a traceAnswer, now time.Time) {
	row := plugins.TraceRow{Site: a.Site, Region: a.Region, Returned: now.Sub(t.began)}
	held, rendered := time.Duration(a.Held)*time.Microsecond, time.Duration(a.Rendered)*time.Microsecond
	if a.Site == t.trace.Site {
		row.Arrived = row.Returned - held
		t.trace.Appended = min(t.trace.Appended, row.Arrived) // it was there before it was read
	} else { // the way there is as long as the way back
		row.Arrived = t.trace.Appended + max(0, row.Returned-t.trace.Appended-held)/2
	}
	if rendered > 0 {
		row.Rendered = row.Arrived + rendered
	}
	delete(t.expected, a.Site)
	if len(t.trace.Rows) == maxRows {
		return
	}
	i, _ := slices.BinarySearchFunc(t.trace.Rows, row, func(x, y plugins.TraceRow) int { return cmp.Compare(x.Site, y.Site) })
	t.trace.Rows = slices.Insert(t.trace.Rows, i, row)
	notify(t.grown)
}

// writeTrace tells of a trace as it grows, until every region has answered or is not
// waited for any more.
func (b *Bus) writeTrace(ctx context.Context, t *openTrace) {
	timer := time.NewTimer(traceWait)
	defer timer.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-timer.C:
			done = true
		case <-t.grown:
			done = !sleep(ctx, traceShow)
		}
		b.traces.mu.Lock()
		done = done || len(t.expected) == 0
		t.trace.Done = done
		change := t.change()
		if done {
			delete(b.traces.open, t.trace.ID)
		}
		b.traces.mu.Unlock()
		batch := engine.Batch{Binary: b.binary, Changes: []engine.Change{change}, After: b.applied.max()}
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceWatch) // the last word also when the bus stops
		if _, err := b.cfg.Engine.Append(writing, batch); err != nil {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "trace not written", slog.Any("err", err))
		}
		cancel()
	}
}

// answerTraces answers the traced events among cells that were just merged.
func (b *Bus) answerTraces(cells []state.Cell, readAt time.Time) {
	for _, c := range cells {
		if c.Kind != plugins.Register || c.Removed || !b.isTrace(c.Feature, c.Field) {
			continue
		}
		t, err := plugins.ParseTrace(c.Value)
		if err != nil || t.Done || len(t.Rows) > 0 {
			continue // the trace as it grows
		}
		own := t.Site == b.cfg.Engine.Site()
		if own && !b.traces.has(t.ID) || !own && !b.leases.speaks(b.binary) {
			continue
		}
		b.spawn(func(ctx context.Context) { b.answerTrace(ctx, c, t, own, readAt) })
	}
}

// isTrace reports whether a field is one in which the host traces events.
func (b *Bus) isTrace(feature, field string) bool {
	f := b.feature(feature)
	if f == nil {
		return false
	}
	m, _ := f.manifest()
	return slices.ContainsFunc(m.Events, func(e plugins.EventType) bool { return e.Trace == field })
}

func (ts *traces) has(id string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.open[id] != nil
}

// answerTrace tells when a traced event was shown here.
func (b *Bus) answerTrace(ctx context.Context, c state.Cell, t plugins.Trace, own bool, readAt time.Time) {
	a := traceAnswer{ID: t.ID, Site: b.cfg.Engine.Site(), Region: b.cfg.Region}
	if b.awaitShown(ctx, c.Room, c.Feature) {
		a.Rendered = max(1, time.Since(readAt).Microseconds())
	}
	a.Held = time.Since(readAt).Microseconds()
	value, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	cell := state.Cell{Room: c.Room, Feature: traceFeature, Field: "answer", Kind: plugins.Volatile, Value: string(value)}
	if own {
		b.traces.answered([]state.Cell{cell}, time.Now())
		return
	}
	b.sendSignals(ctx, []state.Cell{cell})
}

// awaitShown waits until what is known of a feature in a room has been rendered for
// those who look at it, and reports false if nobody does or it takes too long.
func (b *Bus) awaitShown(ctx context.Context, room, feature string) bool {
	r := b.loadedRoom(room)
	if r == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, traceWatch)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.parts[feature]
	return p != nil && r.isSeen(feature) && !r.closed && b.awaitRender(ctx, p) == nil
}
