package site

import (
	"context"
	"maps"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// Past delivers what the store's logs hold by now. Unlike a Tail it is no news: nothing
// of it counts as read, is remembered for a repair or answered. A store may hand out
// less than there is at once, so the end is what it says at the beginning.
func (e *Engine) Past(ctx context.Context, from engine.Positions, deliver func([]engine.Delivery) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, ends, err := e.store.Load(ctx, engine.Nowhere)
	if err != nil {
		return err
	}
	after := maps.Clone(from)
	maps.DeleteFunc(after, func(site string, at state.ID) bool { return ends[site].Compare(at) <= 0 })
	for len(after) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		records, err := e.store.Read(ctx, after, readLimit)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil // what there was has gone
		}
		var out []engine.Delivery
		for _, r := range records {
			at := after[r.Site]
			if r.ID.Compare(at) <= 0 {
				continue // a store that repeats itself
			}
			if r.Prev.Compare(at) > 0 {
				out = append(out, engine.Delivery{Entry: engine.Entry{Site: r.Site, ID: r.ID}, Gap: true})
			}
			after[r.Site] = r.ID
			out = append(out, engine.Delivery{Entry: r.Entry})
		}
		maps.DeleteFunc(after, func(site string, at state.ID) bool { return ends[site].Compare(at) <= 0 })
		if len(out) == 0 {
			return nil
		}
		if err := deliver(out); err != nil {
			return err
		}
	}
	return nil
}
