package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// painting returns the patches of a board that a mutation asks for.
func (b *Bus) painting(ctx context.Context, j *job, m plugins.Manifest, mu plugins.Mutation) ([]patch, error) {
	switch mu.Op {
	case plugins.OpPaint:
		return b.paint(ctx, j, m.Name, mu)
	case plugins.OpClear, plugins.OpRevert:
		return b.repaint(ctx, j, m.Name, mu)
	default:
		return nil, fmt.Errorf("mutation of %q: operation %d paints nothing", mu.Field, mu.Op)
	}
}

// patch is a state.Patch and how many cells it paints.
type patch struct {
	state.Patch
	cells int
}

func (p *patch) add(at plugins.Point, before uint8) {
	p.Add(at, before)
	p.cells++
}

// change returns the change that p is of a board.
func (p patch) change(room, feature, field string) engine.Change {
	return engine.Change{Cell: state.Cell{Room: room, Feature: feature, Field: field, Kind: plugins.Grid, Value: p.Encode()}}
}

// paint gives cells a colour.
func (b *Bus) paint(ctx context.Context, j *job, feature string, mu plugins.Mutation) ([]patch, error) {
	colour, cells, err := mu.Painting()
	if err != nil {
		return nil, err
	}
	p := patch{Patch: state.Patch{Colour: uint8(colour), By: j.event.Person.User}}
	err = b.withBoard(ctx, j.event.Room, feature, func(_ *room, g *state.Grid) {
		for _, at := range cells {
			before, _, _ := g.At(at)
			p.add(at, before)
		}
	})
	return []patch{p}, err
}

// repaint gives a part of a board the colours that it had at a moment, or the first
// colour. It changes only cells that have another one now.
func (b *Bus) repaint(ctx context.Context, j *job, feature string, mu plugins.Mutation) ([]patch, error) {
	part, at, err := mu.Part()
	if err != nil {
		return nil, err
	}
	field, err := b.boardField(feature)
	if err != nil {
		return nil, err
	}
	revert := mu.Op == plugins.OpRevert
	var wanted map[uint32]uint8
	if revert {
		if wanted, err = b.colours(ctx, j.event.Room, feature, field, at); err != nil {
			return nil, err
		}
	}
	var patches []patch
	err = b.withBoard(ctx, j.event.Room, feature, func(_ *room, g *state.Grid) {
		open := map[uint8]*patch{}
		colours := g.Colours()
		for y := part.Y; y < part.Y+part.H; y++ {
			for x := part.X; x < part.X+part.W; x++ {
				i := uint32(y*field.Width + x)
				want, painted := wanted[i]
				if revert && !painted || colours[i] == want {
					continue
				}
				p := open[want]
				if p != nil && (len(p.Runs) == maxRuns || p.cells == state.MaxPatchCells) {
					patches = append(patches, *p)
					p = nil
				}
				if p == nil {
					p = &patch{Patch: state.Patch{Colour: want, By: j.event.Person.User}}
					open[want] = p
				}
				p.add(plugins.Point{X: x, Y: y}, colours[i])
			}
		}
		for _, want := range slices.Sorted(maps.Keys(open)) {
			patches = append(patches, *open[want])
		}
	})
	return patches, err
}

// maxRuns is how many runs one patch of a repaint holds, so that its value keeps to
// plugins.MaxValueSize.
const maxRuns = 200

// colours returns which colours cells of a board had at a moment, by their index, of
// those that were painted since. Its error is a refusal if that is not known.
func (b *Bus) colours(ctx context.Context, room, feature string, field plugins.Field, at time.Time) (map[uint32]uint8, error) {
	// The logs' clock may be ahead of this one.
	if ahead := time.Until(b.applied.max().Time()); ahead > time.Second {
		at = at.Add(ahead)
	}
	if age := time.Since(at); age > HistoryAge+time.Minute { // whoever asked for an hour may have waited
		return nil, plugins.Refuse(fmt.Sprintf("A board can be restored to a moment of the last %d minutes.", int(HistoryAge.Minutes())))
	}
	strokes, whole, err := b.strokes(ctx, b.restoring, room, feature, field.Name, at)
	if err != nil {
		return nil, err
	}
	if !whole {
		return nil, plugins.Refuse("The log does not reach back to that moment any more. Nothing was changed.")
	}
	return befores(strokes, field), nil
}

// paintedCells returns how many cells a change of a board paints.
func paintedCells(c engine.Change) int {
	p, err := state.ParsePatch(c.Cell.Value)
	if c.Cell.Kind != plugins.Grid || err != nil {
		return 0
	}
	return p.Cells()
}
