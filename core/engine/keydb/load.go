package keydb

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// Load returns the cells of a room, as they are at one moment: all entries up to the
// positions are contained, and no later ones but for paints of boards.
//
// It takes one round trip, a transaction, however many sites and features there are,
// another one where a site has a feature that this store had not met, and one more for
// each megabyte of boards. What this
// store has written is contained: where the server that is read from copies another,
// and its link is up, Load waits for it, up to Config.Timeout. Of many loads at once,
// some wait for their turn, up to twenty times as long.
func (s *Store) Load(ctx context.Context, room string) ([]state.Cell, engine.Positions, error) {
	defer s.metrics.call("load", time.Now())
	var late time.Time // from the first answer on
	for pause := time.Millisecond; ; {
		l, err := s.loadOnce(ctx, room, late)
		if late.IsZero() {
			late = time.Now().Add(s.cfg.Timeout)
		}
		switch {
		case err != nil:
			return nil, nil, err
		case l.done:
			return append(s.cells(ctx, room, l.hashes), l.boards...), l.at, nil
		case !l.complete:
			continue
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// loaded is what one transaction found.
type loaded struct {
	hashes   []siteHash
	at       engine.Positions
	complete bool // no feature was missed
	done     bool // nor a write of this store, or that is waited for no more
	boards   []state.Cell
}

// siteHash is the state of one feature of one site in a room.
type siteHash struct {
	site, feature string
	fields        *redis.MapStringStringCmd
}

// loadOnce tries to load a room; until late, if that is set, what this store has written
// has to be contained.
func (s *Store) loadOnce(ctx context.Context, room string, late time.Time) (loaded, error) {
	l := loaded{at: engine.Positions{}, complete: true}
	over, err := s.read.turn(ctx) // before all that takes work
	if err != nil {
		return l, err
	}
	defer over()
	names, err := s.Sites(ctx)
	if err != nil {
		return l, err
	}
	asked := map[[2]string]bool{} // by site and feature
	for _, name := range names {
		for _, feature := range s.features.of(name) {
			asked[[2]string{name, feature}] = true
			l.hashes = append(l.hashes, siteHash{site: name, feature: feature})
		}
	}
	ends := make([]*redis.XMessageSliceCmd, len(names))
	registered := make([]*redis.StringSliceCmd, len(names))
	err = s.read.do(ctx, func(ctx context.Context, _ *redis.Client) error {
		c := s.read.loads
		ask := func(p redis.Pipeliner) error {
			for i, name := range names {
				ends[i] = p.XRevRangeN(ctx, logKey(name), "+", "-", 1)
				registered[i] = p.HKeys(ctx, siteKey(name))
			}
			for i := range l.hashes {
				h := &l.hashes[i]
				h.fields = p.HGetAll(ctx, stateKey(h.site, room, h.feature))
			}
			return nil
		}
		_, err := c.TxPipelined(ctx, ask)
		if redis.HasErrorPrefix(err, "EXECABORT") {
			// A server whose memory is full takes no transactions. Without one
			// there may be more than the positions tell, but no less: the ends
			// are read first.
			_, err = c.Pipelined(ctx, ask)
		}
		return err
	})
	if err != nil {
		return l, err
	}
	for i, name := range names {
		for _, m := range ends[i].Val() {
			if id, err := state.ParseID(m.ID); err == nil {
				l.at[name] = id
			}
		}
		for _, field := range registered[i].Val() {
			if feature, ok := strings.CutPrefix(field, "feature:"); ok && !asked[[2]string{name, feature}] {
				s.features.add(name, feature)
				l.complete = false
			}
		}
	}
	if l.done = l.complete && (!s.written.behind(l.at[s.cfg.Site]) || !late.IsZero() && time.Now().After(late)); l.done {
		l.boards, err = s.boards(ctx, room, l.hashes)
	}
	return l, err
}

// cells returns what hashes hold of a room.
func (s *Store) cells(ctx context.Context, room string, hashes []siteHash) []state.Cell {
	var cells []state.Cell
	for _, h := range hashes {
		for field, value := range h.fields.Val() {
			c, ok, err := decodeCell(field, value)
			if err != nil {
				s.log.LogAttrs(ctx, slog.LevelWarn, "passed over a cell that cannot be read",
					slog.String("of", h.site), slog.String("room", room), slog.String("feature", h.feature), slog.Any("err", err))
			}
			if !ok {
				continue
			}
			c.Room, c.Feature, c.Stamp.Site = room, h.feature, h.site
			if c.Kind == plugins.List {
				c.Key = c.Stamp.Key()
			}
			cells = append(cells, c)
		}
	}
	return cells
}

// decodeCell reads a field of a state hash; see the package's comment. It is not ok
// for a field that holds no cell.
func decodeCell(field, value string) (c state.Cell, ok bool, err error) {
	bad := func() (state.Cell, bool, error) { return state.Cell{}, false, &cellError{field, value} }
	if value == tileMark && strings.Contains(field, tileSep) {
		return state.Cell{}, false, nil
	}
	kind, rest, ok1 := strings.Cut(value, " ")
	stamp, rest, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 {
		return bad()
	}
	if kind == "l" {
		return state.Cell{}, false, nil
	}
	if c.Stamp, err = parseStamp(stamp); err != nil {
		return bad()
	}
	c.Field, c.Value = field, rest
	switch kind {
	case "r":
		c.Kind = plugins.Register
	case "x":
		c.Kind, c.Removed = plugins.Register, true
	case "c":
		c.Kind = plugins.Counter
	case "i":
		c.Kind = plugins.List
		c.Field, _, ok = strings.Cut(field, itemSep)
	case "p":
		c.Kind = plugins.Presence
		c.Field, c.Key, ok = strings.Cut(field, memberSep)
	default:
		return bad()
	}
	if (kind == "i" || kind == "p") && !ok {
		return bad()
	}
	return c, true, nil
}

// cellError is a field that is not as this program writes them. It does not show
// the value, which may be a person's words.
type cellError struct{ field, value string }

func (e *cellError) Error() string {
	return "field " + strconv.Quote(e.field) + " with " + strconv.Itoa(len(e.value)) + " bytes is no cell"
}

// parseStamp reads "ms-seq-index".
func parseStamp(s string) (state.Stamp, error) {
	cut := strings.LastIndexByte(s, '-')
	if cut < 0 {
		return state.Stamp{}, strconv.ErrSyntax
	}
	id, err := state.ParseID(s[:cut])
	if err != nil {
		return state.Stamp{}, err
	}
	index, err := strconv.Atoi(s[cut+1:])
	if err != nil {
		return state.Stamp{}, err
	}
	return state.Stamp{ID: id, Index: index}, nil
}
