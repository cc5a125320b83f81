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

// Read returns entries of the logs, about pageBytes of them at most, in one round trip
// where it is known how large they are. Where that leaves something out, Run wakes for
// the site again.
//
// An entry that cannot be read, such as one of a later version of this program, is
// returned without its cells, and once in a while as one before which something was
// missed: what it changed is found in the state.
func (s *Store) Read(ctx context.Context, after engine.Positions, limit int) ([]site.Record, error) {
	defer s.metrics.call("read", time.Now())
	if len(after) == 0 || limit <= 0 {
		return nil, nil
	}
	p := page{store: s, limit: limit, read: map[string][]redis.XMessage{}}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		p.open = append(p.open, &piece{name: name, at: after[name].String()})
	}
	names := slices.Clone(p.open)
	for len(p.open) > 0 && p.bytes < pageBytes {
		if err := s.read.do(ctx, p.turn); err != nil {
			return nil, err
		}
	}
	var records []site.Record
	for _, r := range names {
		for _, m := range p.read[r.name] {
			if record, ok := s.record(ctx, r.name, m); ok {
				records = append(records, record)
			}
		}
	}
	var cut []string
	for _, r := range p.open {
		cut = append(cut, r.name)
	}
	s.pages.cut(cut)
	return records, nil
}

// page is one Read at work.
type page struct {
	store *Store
	limit int
	open  []*piece // the sites of which there may be more
	read  map[string][]redis.XMessage
	bytes int
}

// piece is how far a log was read.
type piece struct {
	name, at string
	asked    int
	cmd      *redis.XMessageSliceCmd
}

// turn reads some more of each log that is open.
func (p *page) turn(ctx context.Context, c *redis.Client) error {
	_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		room := (pageBytes - p.bytes) / len(p.open)
		for _, r := range p.open {
			r.asked = min(p.limit-len(p.read[r.name]), p.store.pages.count(r.name, room))
			r.cmd = pipe.XRangeN(ctx, logKey(r.name), "("+r.at, "+", int64(r.asked))
		}
		return nil
	})
	if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return err
	}
	open := p.open[:0:0]
	for _, r := range p.open {
		got, err := r.cmd.Result()
		switch {
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			if p.store.strange.noLog(r.name) {
				p.store.read.log.LogAttrs(ctx, slog.LevelWarn, "passed over a key that is called like a log and is none: rename or remove it",
					slog.String("key", logKey(r.name)))
			}
			continue
		case err != nil:
			return err
		case len(got) == 0:
			continue
		}
		bytes := 0
		for _, m := range got {
			bytes += sizeOf(m)
		}
		p.bytes += bytes
		p.store.pages.saw(r.name, len(got), bytes)
		p.read[r.name] = append(p.read[r.name], got...)
		r.at = got[len(got)-1].ID
		if len(got) == r.asked && len(p.read[r.name]) < p.limit {
			open = append(open, r)
		}
	}
	p.open = open
	return nil
}

// record returns an entry as Read does. It is not ok if its id is none of ours: it is
// another program's.
func (s *Store) record(ctx context.Context, name string, m redis.XMessage) (site.Record, bool) {
	r, err := decodeRecord(name, m)
	if r.ID.IsZero() {
		return r, false
	}
	gap, first := s.strange.met(name, r.ID, r.Prev, err != nil)
	if gap {
		r.Prev = r.ID
	}
	if first {
		s.log.LogAttrs(ctx, slog.LevelWarn, "passed over log entries that cannot be read: what they changed is read from the state",
			slog.String("of", name), slog.Any("err", err))
	}
	return r, true
}

// decodeRecord reads an entry. With an error it returns what can be read of it.
func decodeRecord(name string, m redis.XMessage) (site.Record, error) {
	id, err := state.ParseID(m.ID)
	if err != nil {
		return site.Record{}, err
	}
	text := func(field string) string {
		value, _ := m.Values[field].(string)
		return value
	}
	unread := func(prev state.ID, err error) (site.Record, error) {
		return site.Record{Entry: envelope(name, id, text("e")), Prev: prev}, err
	}
	prev, err := state.ParseID(text("p"))
	if err != nil {
		return unread(state.ID{}, err)
	}
	e, err := engine.DecodeEntry(name, id, []byte(text("e")))
	if err != nil {
		return unread(prev, err)
	}
	totals := strings.Fields(text("t"))
	for i := range e.Cells {
		c := &e.Cells[i]
		switch {
		case c.Kind == plugins.List:
			c.Key = c.Stamp.Key()
		case c.Kind == plugins.Counter && !e.Restores:
			if len(totals) == 0 {
				return unread(prev, fmt.Errorf("decode log entry %s of %s: a counter without its total", id, name))
			}
			c.Value, totals = totals[0], totals[1:]
		}
	}
	return site.Record{Entry: e, Prev: prev}, nil
}
