package keydb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Restore puts cells back, as site.Store says. Items of a list that the store no
// longer knows the cap of are kept up to the most that any list may hold, until the
// next push. A key that holds something else than state is left as it is.
func (s *Store) Restore(ctx context.Context, r site.Restore) (site.Written, error) {
	defer s.metrics.call("restore", time.Now())
	keys, args, err := s.restoreCall(r)
	if err != nil {
		return site.Written{}, err
	}
	return s.run(ctx, s.scripts.restore, keys, args)
}

// restoreCall returns what restore.lua is called with.
func (s *Store) restoreCall(r site.Restore) (keys []string, args []any, err error) {
	entry := engine.Entry{Binary: r.Binary, Events: r.Events, Restores: true, Cells: make([]state.Cell, len(r.Cells))}
	h := hashes{site: s.cfg.Site, byName: map[[2]string]*hash{}}
	t := tiles{hashes: &h}
	names := map[string]bool{}
	for i := range r.Cells {
		c := &r.Cells[i]
		entry.Cells[i] = *c
		kind, field := "", c.Field
		switch {
		case c.Stamp.Site != s.cfg.Site:
			return nil, nil, fmt.Errorf("%w: restore a cell of site %q in site %q", engine.ErrRefused, c.Stamp.Site, s.cfg.Site)
		case c.Kind == plugins.Register && c.Removed:
			kind = "x"
		case c.Kind == plugins.Register:
			kind = "r"
		case c.Kind == plugins.Counter:
			kind = "c"
		case c.Kind == plugins.List:
			kind = "i"
			entry.Cells[i].Key = "" // the stamp tells it
		case c.Kind == plugins.Presence && c.Removed:
			kind, field = "d", memberField(c)
		case c.Kind == plugins.Presence:
			kind, field = "p", memberField(c)
		case c.Kind == plugins.Grid:
			if err := t.add(c); err != nil {
				return nil, nil, fmt.Errorf("%w: %w", engine.ErrRefused, err)
			}
			names[c.Feature] = true
			continue
		default:
			return nil, nil, fmt.Errorf("%w: restore a cell of kind %d", engine.ErrRefused, c.Kind)
		}
		names[c.Feature] = true
		h.of(c).add(kind, field, stampText(c.Stamp), c.Value)
	}
	encoded, err := entry.Encode()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", engine.ErrRefused, err)
	}
	head := []any{r.After.String(), s.cfg.LogEntries, plugins.MaxListSize, encoded}
	head = append(head, featureArgs(slices.Sorted(maps.Keys(names)))...)
	keys, args = h.call(append(head, len(h.order))...)
	keys, args = t.call(keys, args, true)
	return keys, args, nil
}
