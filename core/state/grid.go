package state

import (
	"slices"
	"time"

	"github.com/global-presence/presence/plugins"
)

// Painted is a cell of a board and its colour.
type Painted struct {
	// Index is row times width plus column.
	Index uint32

	// Colour is a place in the palette.
	Colour uint8
}

// Grid is the merged state of one board: of each cell the newest paint of all sites.
// Tiles that nobody has painted on take no memory.
type Grid struct {
	field  plugins.Field
	wide   int     // tiles in a row
	tiles  []*tile // row by row, nil before the first paint
	paints uint64  // how many cells were painted over so far, with whatever colour

	sites []string // by the number that cells hold

	claimed map[string]uint64   // the positions that pages were given, packed
	late    map[uint32]struct{} // cells that changed by what these said was merged
	epoch   uint64              // how often these were too many
}

// maxSites is how many sites a board tells apart. What more there are is passed over.
const maxSites = 256

// maxLate is how many late cells are remembered.
const maxLate = 1 << 12

// tile is a part of the board: 10 bytes a cell.
type tile struct {
	ids     [TileCells]uint64 // 0: never painted
	colours [TileCells]uint8
	sites   [TileCells]uint8 // index of Grid.sites
	newest  []uint64         // the highest id of each site that a cell shows
}

func newGrid(f plugins.Field) *Grid {
	wide, high := tilesOf(f.Width), tilesOf(f.Height)
	return &Grid{field: f, wide: wide, tiles: make([]*tile, wide*high)}
}

func tilesOf(side int) int { return (side + TileSide - 1) / TileSide }

// Grid returns the board of a feature, nil if it declares none. It belongs to the room.
func (r *Room) Grid(feature string) *Grid {
	if g := r.grids[feature]; g != nil {
		return g
	}
	for _, f := range r.schema[feature] {
		if f.Kind == plugins.Grid {
			g := newGrid(f)
			r.grids[feature] = g
			return g
		}
	}
	return nil
}

// Field returns the board's declaration.
func (g *Grid) Field() plugins.Field { return g.field }

// Bytes returns about how much memory the board takes.
func (g *Grid) Bytes() int {
	n := 8 * len(g.tiles)
	for _, t := range g.tiles {
		if t != nil {
			n += TileCells*10 + 8*len(t.newest) + 32
		}
	}
	return n
}

// At returns the colour of a cell, and when and by which site it was painted. A cell
// that is not on the board was never painted.
func (g *Grid) At(p plugins.Point) (colour uint8, stamp Stamp, painted bool) {
	if p.X < 0 || p.Y < 0 || p.X >= g.field.Width || p.Y >= g.field.Height {
		return 0, Stamp{}, false
	}
	t := g.tiles[p.Y/TileSide*g.wide+p.X/TileSide]
	if t == nil {
		return 0, Stamp{}, false
	}
	i := p.Y%TileSide*TileSide + p.X%TileSide
	if t.ids[i] == 0 {
		return 0, Stamp{}, false
	}
	return t.colours[i], Stamp{ID: unpackID(t.ids[i]), Site: g.sites[t.sites[i]]}, true
}

// Colours returns a copy of all colours, row by row.
func (g *Grid) Colours() []byte {
	all := make([]byte, g.field.Width*g.field.Height)
	for n, t := range g.tiles {
		if t == nil {
			continue
		}
		x, y := n%g.wide*TileSide, n/g.wide*TileSide
		w, h := min(TileSide, g.field.Width-x), min(TileSide, g.field.Height-y)
		for row := range h {
			copy(all[(y+row)*g.field.Width+x:][:w], t.colours[row*TileSide:])
		}
	}
	return all
}

// Paints counts the cells that were painted over since the room was loaded, also those
// that kept their colour: how far two moments of the board are apart at most.
func (g *Grid) Paints() uint64 { return g.paints }

// Painted returns when the board was painted last, zero if never.
func (g *Grid) Painted() (at time.Time) {
	var newest uint64
	for _, t := range g.tiles {
		if t != nil {
			newest = max(newest, slices.Max(t.newest))
		}
	}
	if newest == 0 {
		return at
	}
	return unpackID(newest).Time()
}

// Sites returns the sites that have painted.
func (g *Grid) Sites() []string { return slices.Clone(g.sites) }

// Newest returns the highest id of a site that a cell shows.
func (g *Grid) Newest(site string) ID {
	n := slices.Index(g.sites, site)
	var newest uint64
	for _, t := range g.tiles {
		if t != nil && n >= 0 && n < len(t.newest) {
			newest = max(newest, t.newest[n])
		}
	}
	return unpackID(newest)
}

// Claim tells that pages are given the board as it is, and that it holds all that the
// sites' entries up to these positions have painted. What changes by such an entry all
// the same, since it is put back or lost, is late: Newer tells it to everybody.
func (g *Grid) Claim(at map[string]ID) {
	if g.claimed == nil {
		g.claimed = map[string]uint64{}
	}
	for site, id := range at {
		g.claimed[site] = max(g.claimed[site], packID(id))
	}
}

// Epoch counts how often there were more late cells than are remembered: a page of
// another epoch may lack any cell.
func (g *Grid) Epoch() uint64 { return g.epoch }

// Newer returns the cells whose paint is newer than what a board at these positions
// holds of its site, and the late ones. It returns at most limit and says whether that
// is all: it is not for a board with paints of sites that have none here.
func (g *Grid) Newer(than map[string]ID, limit int) (cells []Painted, complete bool) {
	floor := make([]uint64, len(g.sites))
	known := 0
	for i, site := range g.sites {
		id, named := than[site]
		if named {
			known++
		}
		floor[i] = packID(id)
	}
	if known < len(than) {
		return nil, false
	}
	for index := range g.late {
		x, y := int(index)%g.field.Width, int(index)/g.field.Width
		colour, _, _ := g.At(plugins.Point{X: x, Y: y})
		cells = append(cells, Painted{index, colour})
	}
	if len(cells) > limit {
		return nil, false
	}
	for n, t := range g.tiles {
		if t == nil || !t.isNewer(floor) {
			continue
		}
		x, y := n%g.wide*TileSide, n/g.wide*TileSide
		for i, id := range t.ids {
			if id == 0 || id <= floor[t.sites[i]] {
				continue
			}
			if len(cells) == limit {
				return cells, false
			}
			cells = append(cells, Painted{uint32((y+i/TileSide)*g.field.Width + x + i%TileSide), t.colours[i]})
		}
	}
	return cells, true
}

func (t *tile) isNewer(than []uint64) bool {
	for site, id := range t.newest {
		if id > than[site] {
			return true
		}
	}
	return false
}

// site returns the number of a site; ok is false if there are too many.
func (g *Grid) site(name string) (n int, ok bool) {
	if n = slices.Index(g.sites, name); n >= 0 {
		return n, true
	}
	if len(g.sites) == maxSites {
		return 0, false
	}
	g.sites = append(g.sites, name)
	return len(g.sites) - 1, true
}

// mergePatch paints what a log says and returns the cells that look different now. A
// patch of the same entry as a cell's paint counts as the newer one: a log's entries
// come whole and in order, so that the last one wins each time.
func (g *Grid) mergePatch(c Cell) []Painted {
	p, err := ParsePatch(c.Value)
	site, ok := g.site(c.Stamp.Site)
	if err != nil || !ok || int(p.Colour) >= len(g.field.Palette) {
		return nil // not written by this version
	}
	id := packID(c.Stamp.ID)
	var changed []Painted
	for _, r := range p.Runs {
		if r.Y >= g.field.Height {
			continue
		}
		for x := r.X; x < min(r.X+r.N, g.field.Width); x++ {
			t := g.tile(x/TileSide, r.Y/TileSide)
			if g.paint(t, r.Y%TileSide*TileSide+x%TileSide, site, id, p.Colour) {
				changed = append(changed, g.painted(x, r.Y, site, id, p.Colour))
			}
		}
	}
	return changed
}

// mergeTile paints what a site's store holds of a tile.
func (g *Grid) mergeTile(c Cell) []Painted {
	column, row, err := ParseTileName(c.Key)
	site, ok := g.site(c.Stamp.Site)
	x, y := column*TileSide, row*TileSide
	if err != nil || !ok || x >= g.field.Width || y >= g.field.Height {
		return nil
	}
	var changed []Painted
	var t *tile
	for i := range min(TileCells, len(c.Value)/TileCellSize) {
		at := i * TileCellSize
		id, colour := tileID(c.Value[at:]), c.Value[at+8]
		cx, cy := x+i%TileSide, y+i/TileSide
		if id == 0 || int(colour) >= len(g.field.Palette) || cx >= g.field.Width || cy >= g.field.Height {
			continue
		}
		if t == nil {
			t = g.tile(column, row)
		}
		if g.paint(t, i, site, id, colour) {
			changed = append(changed, g.painted(cx, cy, site, id, colour))
		}
	}
	return changed
}

// painted returns a cell that looks different now.
func (g *Grid) painted(x, y, site int, id uint64, colour uint8) Painted {
	p := Painted{uint32(y*g.field.Width + x), colour}
	if id <= g.claimed[g.sites[site]] {
		g.delay(p.Index)
	}
	return p
}

// delay notes a cell that pages may not have although their positions say so.
func (g *Grid) delay(index uint32) {
	if g.late == nil {
		g.late = map[uint32]struct{}{}
	}
	if g.late[index] = struct{}{}; len(g.late) > maxLate {
		clear(g.late)
		g.epoch++
	}
}

// reset takes what the store says now in place of what the board holds of some sites up
// to these positions, and returns the cells that look different: it is how the board
// gets over a loss. Later paints stay.
func (g *Grid) reset(sites map[string]bool, at map[string]ID, tiles []Cell) []Painted {
	fresh := newGrid(g.field)
	for _, c := range tiles {
		fresh.mergeTile(c)
	}
	for n, t := range g.tiles {
		if t == nil {
			continue
		}
		for i, id := range t.ids {
			name := g.sites[t.sites[i]]
			if id == 0 || sites[name] && id <= packID(at[name]) {
				continue
			}
			if site, ok := fresh.site(name); ok {
				fresh.paint(fresh.tile(n%g.wide, n/g.wide), i, site, id, t.colours[i])
			}
		}
	}
	fresh.claimed, fresh.late, fresh.epoch = g.claimed, g.late, g.epoch
	var changed []Painted
	for n := range g.tiles {
		old, now := g.tiles[n], fresh.tiles[n]
		if old == nil && now == nil {
			continue
		}
		x, y := n%g.wide*TileSide, n/g.wide*TileSide
		for i := range TileCells {
			cx, cy := x+i%TileSide, y+i/TileSide
			after := now.colour(i)
			if old.colour(i) == after || cx >= g.field.Width || cy >= g.field.Height {
				continue
			}
			p := Painted{uint32(cy*g.field.Width + cx), after}
			changed = append(changed, p)
			if now == nil || now.ids[i] <= fresh.claimed[fresh.sites[now.sites[i]]] {
				fresh.delay(p.Index)
			}
		}
	}
	// What is gone was not painted over: it is another board all the same.
	if fresh.paints = g.paints; len(changed) > 0 {
		fresh.paints += 1 << 20
	}
	*g = *fresh
	return changed
}

// colour returns that of a cell, also of no tile.
func (t *tile) colour(i int) uint8 {
	if t == nil {
		return 0
	}
	return t.colours[i]
}

// tile returns a tile, which it makes if there is none.
func (g *Grid) tile(column, row int) *tile {
	t := g.tiles[row*g.wide+column]
	if t == nil {
		t = &tile{}
		g.tiles[row*g.wide+column] = t
	}
	return t
}

// paint paints one cell, unless it has a newer paint, and reports whether it looks
// different now.
func (g *Grid) paint(t *tile, i, site int, id uint64, colour uint8) bool {
	if old := t.ids[i]; old > id || old == id && g.sites[t.sites[i]] > g.sites[site] {
		return false
	}
	before := t.colours[i]
	g.paints++
	t.ids[i], t.colours[i], t.sites[i] = id, colour, uint8(site)
	for len(t.newest) <= site {
		t.newest = append(t.newest, 0)
	}
	t.newest[site] = max(t.newest[site], id)
	return before != colour
}
