package wan

import (
	"maps"
	"slices"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// tileName names a part of a board that a site keeps.
type tileName struct{ site, room, feature, field, tile string }

// tile is that part, as state.TileCell has it.
type tile struct {
	cells   []byte
	written time.Time
}

// tileCell is one cell of a tile.
type tileCell struct {
	i      int
	id     state.ID
	colour uint8
}

func (t *tile) clone() *tile { return &tile{cells: slices.Clone(t.cells), written: t.written} }

// paint paints cells of a tile.
func (d *dataset) paint(name tileName, cells []tileCell, now time.Time) {
	t := d.tiles[name]
	if t == nil {
		t = &tile{cells: make([]byte, state.TileCells*state.TileCellSize)}
		d.tiles[name] = t
	}
	for _, c := range cells {
		state.AppendTileCell(t.cells[:c.i*state.TileCellSize], c.id, c.colour)
	}
	t.written = now
}

// board returns the tiles of a room as cells.
func (d *dataset) board(room string) []state.Cell {
	var cells []state.Cell
	for name, t := range d.tiles {
		if name.room == room {
			value := string(t.cells)
			cells = append(cells, state.Cell{
				Room: room, Feature: name.feature, Field: name.field, Key: name.tile, Kind: plugins.Grid,
				Stamp: state.Stamp{ID: state.NewestInTile(value), Site: name.site}, Value: value,
			})
		}
	}
	return cells
}

// paint takes what a patch paints. A restored one leaves newer cells alone.
func (t *transaction) paint(c state.Cell, restored bool) {
	patch, err := state.ParsePatch(c.Value)
	if err != nil {
		return // checked
	}
	name := tileName{site: t.store.site.Name, room: c.Room, feature: c.Feature, field: c.Field}
	byTile := map[string][]tileCell{}
	for _, r := range patch.Runs {
		for x := r.X; x < r.X+r.N; x++ {
			at, i := state.TileOf(x, r.Y)
			name.tile = at
			if held := t.store.data.tiles[name]; restored && held != nil {
				if id, _, ok := state.TileCell(string(held.cells[i*state.TileCellSize:][:state.TileCellSize]), 0); ok && id.Compare(c.Stamp.ID) > 0 {
					continue
				}
			}
			byTile[at] = append(byTile[at], tileCell{i: i, id: c.Stamp.ID, colour: patch.Colour})
		}
	}
	for _, at := range slices.Sorted(maps.Keys(byTile)) {
		name.tile = at
		t.effects = append(t.effects, effect{kind: painted, tile: name, cells: byTile[at]})
	}
}
