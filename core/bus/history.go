package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// HistoryAge is how far back the logs are read for what was painted.
const HistoryAge = time.Hour

// maxHistory is how many cells of a board's past are told, the newest ones.
const maxHistory = 1 << 19

// historyTimeout bounds a reading of the logs.
const historyTimeout = 20 * time.Second

// Replay is what was painted on a board of late.
type Replay struct {
	// Field is its declaration, and Start its colours at the moment From, as
	// Board.Colours.
	Field plugins.Field
	Start []byte

	// From and To are the moments between which Steps lie, in their order. From is
	// later than was asked for where the logs do not reach so far back.
	From, To time.Time
	Steps    []ReplayStep
}

// ReplayStep is a cell that was painted.
type ReplayStep struct {
	At     time.Time
	Index  uint32 // as state.Painted.Index
	Colour uint8
}

// BoardCell tells of one cell of a board.
type BoardCell struct {
	// Colour is a place in the palette. Painted is false for a cell that nobody ever
	// painted; the rest is then zero.
	Colour  uint8
	Painted bool

	// At is when it was painted and Site where.
	At   time.Time
	Site string

	// By is the id of the user who did, "" for whoever runs the host; Known is false
	// if the log no longer tells.
	By    string
	Known bool
}

// errFound ends a reading of the logs.
var errFound = errors.New("found")

// stroke is a patch of a board that was read from a log.
type stroke struct {
	stamp state.Stamp
	patch state.Patch
}

// strokes returns what was painted on a board since a moment, in order, as far as the
// logs tell, at most maxHistory cells: the newest. whole is false if older ones were
// left out. It takes a token of turns, of which few are given at once.
func (b *Bus) strokes(ctx context.Context, turns chan struct{}, room, feature, field string, since time.Time) (found []stroke, whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return nil, false, fmt.Errorf("read the logs: %w", context.Cause(ctx))
	}
	_, from, err := b.cfg.Engine.Load(ctx, engine.Nowhere)
	if err != nil {
		return nil, false, err
	}
	start := state.ID{MS: max(0, since.UnixMilli())}
	maps.DeleteFunc(from, func(_ string, end state.ID) bool { return end.Compare(start) <= 0 })
	for site := range from {
		from[site] = start
	}
	whole = true
	cells := 0
	keep := func(most int) {
		slices.SortFunc(found, func(x, y stroke) int { return x.stamp.Compare(y.stamp) })
		// What was put back is there twice if its own entry is, too.
		found = slices.CompactFunc(found, func(x, y stroke) bool { return x.stamp == y.stamp })
		cells = 0
		for _, s := range found {
			cells += s.patch.Cells()
		}
		drop := 0
		for ; cells > most; drop++ {
			cells -= found[drop].patch.Cells()
			whole = false
		}
		found = slices.Delete(found, 0, drop)
	}
	err = b.cfg.Engine.Past(ctx, from, func(ds []engine.Delivery) error {
		for _, d := range ds {
			for _, c := range d.Cells {
				if c.Kind != plugins.Grid || c.Room != room || c.Feature != feature || c.Field != field || c.Stamp.ID.Compare(start) <= 0 {
					continue
				}
				if patch, err := state.ParsePatch(c.Value); err == nil {
					found = append(found, stroke{c.Stamp, patch})
					cells += patch.Cells()
				}
			}
			whole = whole && !d.Gap
		}
		if cells > maxHistory+maxHistory/4 {
			keep(maxHistory)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the logs: %w", err)
	}
	keep(maxHistory)
	return found, whole, nil
}

// ErrBusy reports that too many ask for what takes long.
var ErrBusy = errors.New("too many ask at once")

// maxReplays is how many replays may be asked for at once: one is made, the others
// wait.
const maxReplays = 4

// BoardReplay returns what was painted on a board in the last HistoryAge. Its error
// wraps ErrBusy if too many ask for replays.
func (b *Bus) BoardReplay(ctx context.Context, room, feature string) (Replay, error) {
	now := time.Now()
	since := now.Add(-HistoryAge)
	board, err := b.Board(ctx, room, feature)
	if err != nil {
		return Replay{}, err
	}
	replay := Replay{Field: board.Field, Start: board.Colours, From: since, To: now}
	if board.Painted.Before(since) {
		return replay, nil
	}
	defer b.replays.Add(-1)
	if b.replays.Add(1) > maxReplays {
		return Replay{}, fmt.Errorf("replay of room %q: %w", room, ErrBusy)
	}
	strokes, _, err := b.strokes(ctx, b.reading, room, feature, board.Field.Name, since)
	if err != nil {
		return Replay{}, err
	}
	if board, err = b.Board(ctx, room, feature); err != nil {
		return Replay{}, err
	}
	replay.Start = board.Colours
	for i, before := range befores(strokes, board.Field) {
		replay.Start[i] = before
	}
	if len(strokes) > 0 {
		first, last := strokes[0].stamp.Time(), strokes[len(strokes)-1].stamp.Time()
		replay.From, replay.To = first, maxTime(last, first)
	}
	for _, s := range strokes {
		for p := range s.points(board.Field) {
			replay.Steps = append(replay.Steps, ReplayStep{At: s.stamp.Time(), Index: p, Colour: s.patch.Colour})
		}
	}
	return replay, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// points yields the cells of s that lie on the board, each with the colour that it had
// before.
func (s stroke) points(field plugins.Field) func(yield func(index uint32, before uint8) bool) {
	return func(yield func(uint32, uint8) bool) {
		for _, r := range s.patch.Runs {
			for x := r.X; x < r.X+r.N; x++ {
				if x >= field.Width || r.Y >= field.Height || int(s.patch.Colour) >= len(field.Palette) || int(r.Before) >= len(field.Palette) {
					continue
				}
				if !yield(uint32(r.Y*field.Width+x), r.Before) {
					return
				}
			}
		}
	}
}

// befores returns the colours that cells had before the first of strokes, by index.
func befores(strokes []stroke, field plugins.Field) map[uint32]uint8 {
	first := map[uint32]uint8{}
	for _, s := range strokes {
		for i, before := range s.points(field) {
			if _, known := first[i]; !known {
				first[i] = before
			}
		}
	}
	return first
}

// BoardCell tells who painted a cell of a board, where and when. A point that is not on
// the board was never painted.
func (b *Bus) BoardCell(ctx context.Context, name, feature string, at plugins.Point) (BoardCell, error) {
	var cell BoardCell
	var stamp state.Stamp
	var fieldName string
	err := b.withBoard(ctx, name, feature, func(_ *room, g *state.Grid) {
		fieldName = g.Field().Name
		if cell.Colour, stamp, cell.Painted = g.At(at); cell.Painted {
			cell.At, cell.Site = stamp.Time(), stamp.Site
		}
	})
	if err != nil || !cell.Painted {
		return cell, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	_ = b.cfg.Engine.Past(ctx, engine.Positions{stamp.Site: previous(stamp.ID)}, func(ds []engine.Delivery) error {
		for _, d := range ds {
			if d.Site != stamp.Site || d.ID != stamp.ID {
				continue
			}
			for _, c := range d.Cells {
				if c.Kind != plugins.Grid || c.Room != name || c.Feature != feature || c.Field != fieldName {
					continue
				}
				if patch, err := state.ParsePatch(c.Value); err == nil && patch.Covers(at) {
					cell.By, cell.Known = patch.By, true
				}
			}
		}
		return errFound
	})
	return cell, nil
}

// previous returns the id before id.
func previous(id state.ID) state.ID {
	if id.Seq > 0 {
		return state.ID{MS: id.MS, Seq: id.Seq - 1}
	}
	return state.ID{MS: id.MS - 1, Seq: math.MaxInt64}
}
