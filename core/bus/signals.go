package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// signalTick is the least time between two calls of Engine.Signal; the first value
// goes at once.
const signalTick = 50 * time.Millisecond

// maxWaiting is how many values may wait to be signalled before the oldest are
// dropped.
const maxWaiting = 4 * engine.MaxSignals

// outgoing are values of Volatile fields on their way to all regions: of those with
// a key the newest.
type outgoing struct {
	mu    sync.Mutex
	cells []state.Cell          // a cell without a feature was replaced
	keyed map[state.Address]int // where the newest of a key is in cells
	wake  chan struct{}         // holds a token when there are cells
}

func newOutgoing() *outgoing {
	return &outgoing{keyed: map[state.Address]int{}, wake: make(chan struct{}, 1)}
}

// put adds cells and returns how many were dropped.
func (o *outgoing) put(cells []state.Cell) (dropped int) {
	if len(cells) == 0 {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range cells {
		if c.Key != "" {
			if i, waits := o.keyed[c.Address()]; waits {
				o.cells[i] = state.Cell{}
			}
			o.keyed[c.Address()] = len(o.cells)
		}
		o.cells = append(o.cells, c)
	}
	if len(o.cells) > maxWaiting {
		dropped = o.trim(maxWaiting / 2)
	}
	notify(o.wake)
	return dropped
}

// trim keeps the newest cells, at most that many; o.mu is held.
func (o *outgoing) trim(most int) (dropped int) {
	live := make([]state.Cell, 0, len(o.cells))
	for _, c := range o.cells {
		if c.Feature != "" {
			live = append(live, c)
		}
	}
	dropped = max(0, len(live)-most)
	o.cells = live[dropped:]
	clear(o.keyed)
	for i, c := range o.cells {
		if c.Key != "" {
			o.keyed[c.Address()] = i
		}
	}
	return dropped
}

// take returns what one call of Signal may hold, the oldest first.
func (o *outgoing) take() (cells []state.Cell, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size, n := 0, 0
	for ; n < len(o.cells) && len(cells) < engine.MaxSignals; n++ {
		c := o.cells[n]
		if c.Feature == "" {
			continue
		}
		if size += engine.SignalSize(c); size > engine.MaxSignalSize {
			break
		}
		cells = append(cells, c)
	}
	o.cells = o.cells[n:]
	o.trim(len(o.cells))
	return cells, len(o.cells) > 0
}

// signal sends what features signal until ctx ends. What the engine does not take is
// gone, as signals may be.
func (b *Bus) signal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.outgoing.wake:
		}
		for more := true; more; {
			var cells []state.Cell
			if cells, more = b.outgoing.take(); len(cells) == 0 {
				break
			}
			b.sendSignals(ctx, cells)
		}
		if !sleep(ctx, signalTick) {
			return
		}
	}
}

func (b *Bus) sendSignals(ctx context.Context, cells []state.Cell) {
	if err := b.cfg.Engine.Signal(ctx, cells); err != nil && ctx.Err() == nil {
		b.metrics.unsent.Add(float64(len(cells)))
		if b.unsignalled.isNews(err) {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "signals not sent", slog.Int("signals", len(cells)), slog.Any("err", err))
		}
	}
}

// follow shows what is signalled in any region until ctx ends.
func (b *Bus) follow(ctx context.Context) {
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		began := time.Now()
		err := b.cfg.Engine.Signals(ctx, b.hearSignals)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			wait = 100 * time.Millisecond
		}
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "following of signals broke off", slog.Any("err", err))
		if !sleep(ctx, wait) {
			return
		}
	}
}

// hearSignals shows values to the people in their rooms.
func (b *Bus) hearSignals(_ string, cells []state.Cell) {
	now := time.Now()
	for len(cells) > 0 {
		n := 1
		for n < len(cells) && cells[n].Room == cells[0].Room {
			n++
		}
		b.hearRoom(cells[:n], now)
		cells = cells[n:]
	}
}

// hearRoom shows values of one room.
func (b *Bus) hearRoom(cells []state.Cell, now time.Time) {
	if cells[0].Feature == traceFeature {
		b.traces.answered(cells, now)
		return
	}
	r := b.loadedRoom(cells[0].Room)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	for _, c := range cells {
		p := r.parts[c.Feature]
		if p == nil {
			continue
		}
		m, _ := p.feature.manifest()
		switch field, ok := m.Field(c.Field); {
		case !ok || field.Kind != plugins.Volatile: // of another version of the feature
		case field.Direct:
			b.show(p, c.Field, shownValue{key: c.Key, text: c.Value})
		default:
			p.mark(plugins.Change{Field: c.Field, Value: c.Value})
			b.kick(p)
		}
	}
}
