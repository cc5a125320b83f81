package memory

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// rowSize is the size in bytes of a row of a tile, which is what a write touches.
const rowSize = state.TileSide * state.TileCellSize

// tileRow names a row of a tile, whose address has the tile's name as its key.
type tileRow struct {
	tile state.Address
	row  int
}

// paint plans what a patch paints: rows of tiles, each whole.
func (p *plan) paint(s *site, c state.Cell) {
	patch, err := state.ParsePatch(c.Value)
	if err != nil {
		return // Batch.Check has taken it
	}
	if p.rows == nil {
		p.rows = map[tileRow][]byte{}
	}
	a := c.Address()
	for _, r := range patch.Runs {
		for x := r.X; x < r.X+r.N; x++ {
			name, i := state.TileOf(x, r.Y)
			a.Key = name
			at := tileRow{tile: a, row: i / state.TileSide}
			row := p.rows[at]
			if row == nil {
				row = make([]byte, rowSize)
				copy(row, s.tileRow(at))
				p.rows[at] = row
			}
			offset := i % state.TileSide * state.TileCellSize
			state.AppendTileCell(row[:offset], c.Stamp.ID, patch.Colour)
		}
	}
}

// tileRow returns a row of a tile, nil if nobody has painted on the tile. It must not be
// changed.
func (s *site) tileRow(at tileRow) []byte {
	r := s.rooms[at.tile.Room]
	if r == nil || r.tiles[at.tile] == nil {
		return nil
	}
	return r.tiles[at.tile][at.row*rowSize:][:rowSize]
}

// setTileRow makes row what the tile holds there.
func (s *site) setTileRow(at tileRow, row []byte) {
	r := s.room(at.tile.Room)
	t := r.tiles[at.tile]
	if t == nil {
		t = new([state.TileSide * rowSize]byte)
		r.tiles[at.tile] = t
	}
	copy(t[at.row*rowSize:], row)
}

// tileCells returns the tiles of a room as cells.
func (r *room) tileCells(site string) []state.Cell {
	cells := make([]state.Cell, 0, len(r.tiles))
	for a, t := range r.tiles {
		value := string(t[:])
		cells = append(cells, state.Cell{
			Room: a.Room, Feature: a.Feature, Field: a.Field, Key: a.Key, Kind: plugins.Grid,
			Stamp: state.Stamp{ID: state.NewestInTile(value), Site: site}, Value: value,
		})
	}
	return cells
}

var tileBucket = []byte("tiles")

// writeRows puts rows of tiles into the file.
func writeRows(tx *bolt.Tx, rows map[tileRow][]byte) error {
	if len(rows) == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(tileBucket) // not in files of before there were boards
	if err != nil {
		return err
	}
	for at, row := range rows {
		if err := b.Put(rowKey(at), row); err != nil {
			return err
		}
	}
	return nil
}

// rowKey is the tile's key as cellKey makes it, NUL and the row.
func rowKey(at tileRow) []byte { return append(cellKey(at.tile), 0, byte(at.row)) }

func (k *kept) readTiles(b *bolt.Bucket) error {
	if b == nil {
		return nil
	}
	k.rows = map[tileRow][]byte{}
	return b.ForEach(func(key, value []byte) error {
		n := len(key) - 2
		if n < 0 || key[n] != 0 || key[n+1] >= state.TileSide || len(value) != rowSize {
			return fmt.Errorf("decode row of a tile %q: %d bytes", key, len(value))
		}
		parts := bytes.Split(key[:n], []byte{0})
		if len(parts) != 4 {
			return fmt.Errorf("decode row of a tile %q: address of %d parts", key, len(parts))
		}
		tile := string(parts[3])
		if _, _, err := state.ParseTileName(tile); err != nil {
			return fmt.Errorf("decode row of a tile %q: %w", key, err)
		}
		at := tileRow{row: int(key[n+1]), tile: state.Address{
			Room: string(parts[0]), Feature: string(parts[1]), Field: string(parts[2]), Key: tile,
		}}
		k.rows[at] = bytes.Clone(value)
		return nil
	})
}
