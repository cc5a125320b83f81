package state

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A tile is a square part of a board as one site's store keeps it: TileCells cells row
// by row, each TileCellSize bytes, big-endian:
//
//	42 bits  the milliseconds of the id of the entry that painted it
//	22 bits  the number of that id within its millisecond
//	 8 bits  the colour's place in the palette
//
// All zero is a cell that the site never painted. A tile may be cut off behind its last
// painted cell.
const (
	TileSide     = 64
	TileCells    = TileSide * TileSide
	TileCellSize = 9
)

// MaxSeq is the largest number within a millisecond that an id has, so that it fits a
// tile.
const MaxSeq = 1<<22 - 1

// maxTileMS is the last millisecond that fits a tile, in the year 2109.
const maxTileMS = 1<<42 - 1

// packID returns an id as a tile holds it. Ids order as these numbers do.
func packID(id ID) uint64 {
	return uint64(min(max(id.MS, 0), maxTileMS))<<22 | uint64(min(max(id.Seq, 0), MaxSeq))
}

func unpackID(n uint64) ID { return ID{MS: int64(n >> 22), Seq: int64(n & MaxSeq)} }

// AppendTileCell appends a painted cell to b.
func AppendTileCell(b []byte, id ID, colour uint8) []byte {
	return append(binary.BigEndian.AppendUint64(b, packID(id)), colour)
}

// TileCell returns a cell of a tile; painted is false where the site has painted none.
func TileCell(tile string, i int) (id ID, colour uint8, painted bool) {
	at := i * TileCellSize
	if i < 0 || at+TileCellSize > len(tile) {
		return ID{}, 0, false
	}
	n := tileID(tile[at:])
	return unpackID(n), tile[at+8], n != 0
}

// tileID returns the packed id at the beginning of s.
func tileID(s string) uint64 {
	_ = s[7]
	return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
		uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
}

// TileOf returns the name of the tile that holds the cell at x, y, "3.0", and the
// cell's place in it.
func TileOf(x, y int) (name string, i int) {
	return TileName(x/TileSide, y/TileSide), (y%TileSide)*TileSide + x%TileSide
}

// TileName returns the name of the tile in that column and row of tiles.
func TileName(column, row int) string { return strconv.Itoa(column) + "." + strconv.Itoa(row) }

// ParseTileName reads what TileName writes.
func ParseTileName(name string) (column, row int, err error) {
	c, r, _ := strings.Cut(name, ".")
	column, errC := number(c, math.MaxUint8)
	row, errR := number(r, math.MaxUint8)
	if errC != nil || errR != nil {
		return 0, 0, fmt.Errorf("tile %q: want column.row", name)
	}
	return column, row, nil
}

// NewestInTile returns the highest id in a tile.
func NewestInTile(tile string) ID {
	var newest uint64
	for at := 0; at+TileCellSize <= len(tile); at += TileCellSize {
		newest = max(newest, tileID(tile[at:]))
	}
	return unpackID(newest)
}
