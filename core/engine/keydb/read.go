package keydb

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Read returns entries of the logs, in one round trip.
//
// An entry that cannot be read, such as one of a later version of this program, is
// returned without its content, as one before which something was missed: what it
// changed is found in the state.
func (s *Store) Read(ctx context.Context, after engine.Positions, limit int) ([]site.Record, error) {
	defer s.metrics.call("read", time.Now())
	if len(after) == 0 || limit <= 0 {
		return nil, nil
	}
	names := slices.Sorted(maps.Keys(after))
	cmds := make([]*redis.XMessageSliceCmd, len(names))
	err := s.read.do(ctx, func(ctx context.Context, c *redis.Client) error {
		return pipeline(ctx, c, func(p redis.Pipeliner) {
			for i, name := range names {
				cmds[i] = p.XRangeN(ctx, logKey(name), "("+after[name].String(), "+", int64(limit))
			}
		})
	})
	if err != nil {
		return nil, err
	}
	var records []site.Record
	for i, name := range names {
		for _, m := range cmds[i].Val() {
			r, err := decodeRecord(name, m)
			if err != nil {
				s.log.LogAttrs(ctx, slog.LevelWarn, "passed over a log entry that cannot be read",
					slog.String("of", name), slog.Any("err", err))
			}
			if r.ID.IsZero() {
				continue // its id is no id of ours: another program's
			}
			records = append(records, r)
		}
	}
	return records, nil
}

// decodeRecord reads an entry. With an error it returns what stands for it.
func decodeRecord(name string, m redis.XMessage) (site.Record, error) {
	id, err := state.ParseID(m.ID)
	if err != nil {
		return site.Record{}, err
	}
	unread := site.Record{Entry: engine.Entry{Site: name, ID: id}, Prev: id}
	text := func(field string) string {
		value, _ := m.Values[field].(string)
		return value
	}
	prev, err := state.ParseID(text("p"))
	if err != nil {
		return unread, err
	}
	e, err := engine.DecodeEntry(name, id, []byte(text("e")))
	if err != nil {
		return unread, err
	}
	totals := strings.Fields(text("t"))
	for i := range e.Cells {
		c := &e.Cells[i]
		switch {
		case c.Kind == plugins.List:
			c.Key = c.Stamp.Key()
		case c.Kind == plugins.Counter && !e.Restores:
			if len(totals) == 0 {
				return unread, fmt.Errorf("decode log entry %s of %s: a counter without its total", id, name)
			}
			c.Value, totals = totals[0], totals[1:]
		}
	}
	return site.Record{Entry: e, Prev: prev}, nil
}
