package memory

import (
	"context"
	"fmt"

	"github.com/global-presence/presence/core/engine"
)

// maxDeliveries is how many deliveries Tail hands over at once. It bounds how
// long the log is locked and what a slow reader holds.
const maxDeliveries = 256

// Tail delivers the log from a cursor of its own. Appending never waits for it:
// one that is overtaken by the cap of the log gets a Gap.
func (e *Engine) Tail(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	e.mu.RLock()
	next, missed := e.ring.first, false
	pos, known := from[e.cfg.Site]
	if !known {
		pos, known = from[""]
	}
	if known {
		next, missed = e.ring.after(pos), pos.Compare(e.ring.trimmed) < 0
	}
	e.mu.RUnlock()

	var ended bool
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		out, after, grown := e.ahead(next, missed)
		if len(out) > 0 {
			next, missed = after, false
			if err := deliver(out); err != nil {
				return err
			}
			continue
		}
		if ended {
			return fmt.Errorf("%w: memory engine has stopped", engine.ErrUnavailable)
		}
		select {
		case <-grown:
		case <-e.ended:
			ended = true // what was taken before is delivered first
		case <-ctx.Done():
		}
	}
}

// Past delivers what the log holds by now.
func (e *Engine) Past(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	pos, known := from[e.cfg.Site]
	if !known {
		return nil
	}
	e.mu.RLock()
	next, missed, end := e.ring.after(pos), pos.Compare(e.ring.trimmed) < 0, e.ring.first+uint64(e.ring.n)
	e.mu.RUnlock()
	for next < end {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		out, after, _ := e.ahead(next, missed)
		if len(out) == 0 {
			return nil
		}
		next, missed = after, false
		if err := deliver(out); err != nil {
			return err
		}
	}
	return nil
}

// ahead returns what the log has from number next on, the number that follows,
// and a channel that is closed when there is more.
func (e *Engine) ahead(next uint64, missed bool) (out []engine.Delivery, after uint64, grown <-chan struct{}) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if next < e.ring.first {
		next, missed = e.ring.first, true
	}
	skip := int(next - e.ring.first)
	n := min(e.ring.n-skip, maxDeliveries)
	if n == 0 {
		e.awaited.Store(true)
		return nil, next, e.grown
	}
	out = make([]engine.Delivery, 0, n+1)
	if missed {
		oldest := &e.ring.at(skip).entry
		out = append(out, engine.Delivery{Entry: engine.Entry{Site: oldest.Site, ID: oldest.ID}, Gap: true})
	}
	for i := range n {
		out = append(out, engine.Delivery{Entry: e.ring.at(skip + i).entry})
	}
	return out, next + uint64(n), e.grown
}
