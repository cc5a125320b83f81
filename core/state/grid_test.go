package state_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// The board of these tests has four tiles, three of them cut off.
const (
	boardWidth  = 70
	boardHeight = 66
)

var boardManifest = plugins.Manifest{Name: "board", State: []plugins.Field{{
	Name: "pixels", Kind: plugins.Grid, Width: boardWidth, Height: boardHeight,
	Palette: []plugins.Colour{{Name: "white", RGB: "#ffffff"}, {Name: "red", RGB: "#ff0000"}, {Name: "blue", RGB: "#0000ff"}},
}}}

func newBoard() *state.Room { return state.NewRoom(state.NewSchema(boardManifest)) }

// paints draws what some sites painted: entries of one site with rising ids, each with
// some patches.
func paints(t *rapid.T) [][]state.Cell {
	var entries [][]state.Cell
	point := rapid.SampledFrom([]plugins.Point{{X: 0, Y: 0}, {X: 63, Y: 0}, {X: 64, Y: 0}, {X: 69, Y: 65}, {X: 70, Y: 0}, {X: 5, Y: 66}, {X: 62, Y: 64}})
	for _, site := range sites {
		id := state.ID{}
		for range rapid.IntRange(0, 8).Draw(t, "entries") {
			id = state.ID{MS: id.MS + rapid.Int64Range(0, 2).Draw(t, "ms"), Seq: id.Seq + 1}
			var entry []state.Cell
			for i := range rapid.IntRange(1, 3).Draw(t, "patches") {
				p := state.Patch{Colour: uint8(rapid.IntRange(0, 3).Draw(t, "colour")), By: "ann"}
				for range rapid.IntRange(1, 3).Draw(t, "runs") {
					at := point.Draw(t, "at")
					p.Runs = append(p.Runs, state.Run{X: at.X, Y: at.Y, N: rapid.IntRange(1, 4).Draw(t, "n")})
				}
				entry = append(entry, state.Cell{
					Room: "home", Feature: "board", Field: "pixels", Kind: plugins.Grid, Value: p.Encode(),
					Stamp: state.Stamp{ID: id, Site: site, Index: i},
				})
			}
			entries = append(entries, entry)
		}
	}
	return entries
}

// tiles returns what the stores of all sites hold after entries.
func tiles(entries [][]state.Cell) []state.Cell {
	type place struct{ site, tile string }
	held := map[place][]byte{}
	for _, entry := range entries {
		for _, c := range entry {
			p, err := state.ParsePatch(c.Value)
			if err != nil {
				panic(err)
			}
			for _, r := range p.Runs {
				for x := r.X; x < r.X+r.N; x++ {
					name, i := state.TileOf(x, r.Y)
					at := place{c.Stamp.Site, name}
					tile := held[at]
					for len(tile) < (i+1)*state.TileCellSize {
						tile = append(tile, 0)
					}
					state.AppendTileCell(tile[:i*state.TileCellSize], c.Stamp.ID, p.Colour)
					held[at] = tile
				}
			}
		}
	}
	var cells []state.Cell
	for at, tile := range held {
		cells = append(cells, state.Cell{
			Room: "home", Feature: "board", Field: "pixels", Kind: plugins.Grid, Key: at.tile, Value: string(tile),
			Stamp: state.Stamp{ID: state.NewestInTile(string(tile)), Site: at.site},
		})
	}
	return cells
}

// painted is the specification: of each cell the newest paint, by id, site and place.
func painted(entries [][]state.Cell) map[plugins.Point]uint8 {
	newest := map[plugins.Point]state.Stamp{}
	colours := map[plugins.Point]uint8{}
	for _, entry := range entries {
		for _, c := range entry {
			p, _ := state.ParsePatch(c.Value)
			for _, r := range p.Runs {
				for x := r.X; x < r.X+r.N; x++ {
					at := plugins.Point{X: x, Y: r.Y}
					if at.X >= boardWidth || at.Y >= boardHeight || int(p.Colour) >= len(boardManifest.State[0].Palette) {
						continue
					}
					if old, ok := newest[at]; !ok || c.Stamp.Compare(old) >= 0 {
						newest[at], colours[at] = c.Stamp, p.Colour
					}
				}
			}
		}
	}
	return colours
}

// shows returns the painted cells of a board, as At tells them.
func shows(r *state.Room) map[plugins.Point]uint8 {
	colours := map[plugins.Point]uint8{}
	for y := range boardHeight {
		for x := range boardWidth {
			if c, _, ok := r.Grid("board").At(plugins.Point{X: x, Y: y}); ok {
				colours[plugins.Point{X: x, Y: y}] = c
			}
		}
	}
	return colours
}

// TestGrid_converges: entries in any order and repeated, mixed with what stores hold,
// make the board that the specification says, and what Merge tells leads there.
func TestGrid_converges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := paints(t)
		pieces := slices.Clone(entries)
		if len(entries) > 0 {
			pieces = append(pieces, rapid.SliceOf(rapid.SampledFrom(entries)).Draw(t, "repeats")...)
		}
		for _, tile := range tiles(entries) {
			if rapid.Bool().Draw(t, "loaded") {
				pieces = append(pieces, []state.Cell{tile})
			}
		}
		pieces = rapid.Permutation(pieces).Draw(t, "order")
		r, told := newBoard(), make([]byte, boardWidth*boardHeight)
		for _, piece := range pieces {
			for _, change := range r.Merge(piece...) {
				for _, c := range change.Cells {
					told[c.Index] = c.Colour
				}
			}
		}
		if d := gocmp.Diff(painted(entries), shows(r)); d != "" {
			t.Fatalf("board (-want +got):\n%s", d)
		}
		if !slices.Equal(told, r.Grid("board").Colours()) {
			t.Fatal("what Merge told is not what the board shows")
		}
	})
}

// TestGrid_Newer: a board at some positions and the newer cells are the whole board,
// and nothing is newer than all positions.
// positions are those of a board that holds no more than its cells tell.
func positions(g *state.Grid) map[string]state.ID {
	at := map[string]state.ID{}
	for _, site := range g.Sites() {
		at[site] = g.Newest(site)
	}
	return at
}

func TestGrid_Newer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.Permutation(paints(t)).Draw(t, "order")
		slices.SortStableFunc(entries, func(a, b []state.Cell) int { // in order within each site
			return strings.Compare(a[0].Stamp.Site, b[0].Stamp.Site)*2 + a[0].Stamp.ID.Compare(b[0].Stamp.ID)
		})
		order := slices.Clone(entries)
		old, now := newBoard(), newBoard()
		split := rapid.IntRange(0, len(order)).Draw(t, "split")
		for i, entry := range order {
			if i < split {
				old.Merge(entry...)
			}
			now.Merge(entry...)
		}
		page, at := old.Grid("board").Colours(), positions(old.Grid("board"))
		cells, complete := now.Grid("board").Newer(at, 1<<20)
		for _, c := range cells {
			page[c.Index] = c.Colour
		}
		if !complete || !slices.Equal(page, now.Grid("board").Colours()) {
			t.Fatalf("%d newer cells (complete: %t) do not lead to the board", len(cells), complete)
		}
		if again, complete := now.Grid("board").Newer(positions(now.Grid("board")), 10); len(again) > 0 || !complete {
			t.Fatalf("%v is newer than the board itself", again)
		}
		if len(cells) > 1 {
			if few, complete := now.Grid("board").Newer(at, len(cells)-1); complete || len(few) != len(cells)-1 {
				t.Fatalf("%d cells of %d (complete: %t), want one less and not complete", len(few), len(cells), complete)
			}
		}
	})
}

func TestGrid_empty(t *testing.T) {
	r := newBoard()
	g := r.Grid("board")
	if n := g.Bytes(); n > 100 {
		t.Errorf("a board without paint takes %d bytes", n)
	}
	if r.Grid("other") != nil {
		t.Error("a feature that declares no board has one")
	}
	if at := positions(g); len(at) != 0 {
		t.Errorf("positions %v of a board without paint", at)
	}
	for _, value := range []string{"", "x", "0 ann", "9 ann 1,1,0", "-1 ann 1,1,0"} {
		c := state.Cell{Feature: "board", Field: "pixels", Kind: plugins.Grid, Value: value, Stamp: state.Stamp{ID: state.ID{MS: 1}, Site: "a"}}
		if got := r.Merge(c); got != nil {
			t.Errorf("patch %q changed %v", value, got)
		}
	}
	for _, key := range []string{"x", "2.0", "0.2", "-1.0", "0.0.0"} {
		tile := string(state.AppendTileCell(nil, state.ID{MS: 1}, 1))
		c := state.Cell{Feature: "board", Field: "pixels", Kind: plugins.Grid, Key: key, Value: tile, Stamp: state.Stamp{Site: "a"}}
		if got := r.Merge(c); got != nil {
			t.Errorf("tile %q changed %v", key, got)
		}
	}
	if got := shows(r); len(got) > 0 {
		t.Errorf("%v is painted", got)
	}
}

func TestTile(t *testing.T) {
	ids := []state.ID{{}, {MS: 1}, {Seq: 1}, {MS: 1<<42 - 1, Seq: state.MaxSeq}, {MS: 1795465238123, Seq: 77}}
	var b []byte
	for i, id := range ids {
		b = state.AppendTileCell(b, id, uint8(i))
	}
	if len(b) != len(ids)*state.TileCellSize {
		t.Fatalf("%d bytes for %d cells", len(b), len(ids))
	}
	for i, id := range ids {
		got, colour, painted := state.TileCell(string(b), i)
		if got != id || colour != uint8(i) || painted == id.IsZero() {
			t.Errorf("cell %d = %v, %d, %t; want %v", i, got, colour, painted, id)
		}
	}
	if _, _, painted := state.TileCell(string(b), len(ids)); painted {
		t.Error("a cell behind the end is painted")
	}
	if got := state.NewestInTile(string(b)); got != ids[3] {
		t.Errorf("newest = %v, want %v", got, ids[3])
	}
}

func TestPatch(t *testing.T) {
	p := state.Patch{Colour: 31, By: "k7qf2"}
	for _, at := range []plugins.Point{{X: 1, Y: 1}, {X: 2, Y: 1}, {X: 4, Y: 1}, {X: 5, Y: 2}} {
		p.Add(at, 3)
	}
	p.Add(plugins.Point{X: 6, Y: 2}, 4)
	want := "31 k7qf2 1,1,3,2 4,1,3 5,2,3 6,2,4"
	if got := p.Encode(); got != want {
		t.Errorf("Encode = %q, want %q", got, want)
	}
	if !p.Covers(plugins.Point{X: 2, Y: 1}) || p.Covers(plugins.Point{X: 3, Y: 1}) || p.Cells() != 5 {
		t.Errorf("patch covers other cells than its %d", p.Cells())
	}
	nobody, err := state.ParsePatch("0 - 0,0,0")
	if diff := gocmp.Diff(state.Patch{Runs: []state.Run{{N: 1}}}, nobody); diff != "" || err != nil {
		t.Errorf("patch of nobody, %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{
		"", "1", "1 ann", "1 ann ", "64 ann 1,1,0", "1  1,1,0", "1 ann 1,1", "1 ann 2048,1,0", "1 ann 1,2048,0", "1 ann 1,1,64",
		"1 ann 1,1,0,0", "1 ann 2047,1,0,2", "1 ann 1,1,0,1,1", "1 ann 01,1,0", "1 ann +1,1,0", "1 ann 0,0,0,2048 0,1,0,2048 0,2,0,1",
	} {
		if p, err := state.ParsePatch(bad); err == nil {
			t.Errorf("ParsePatch(%q) = %v, want an error", bad, p)
		}
	}
}

func FuzzParsePatch(f *testing.F) {
	f.Add("31 k7qf2 1,1,3,2 4,1,3")
	f.Add("0 - 2047,2047,63")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := state.ParsePatch(s)
		if err != nil {
			return
		}
		again, err := state.ParsePatch(p.Encode())
		if d := gocmp.Diff(p, again, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("%q read again, %v (-want +got):\n%s", s, err, d)
		}
	})
}

func FuzzMergeTile(f *testing.F) {
	f.Add("0.0", string(state.AppendTileCell(nil, state.ID{MS: 5}, 2)))
	f.Add("1.1", strings.Repeat("\xff", 100))
	f.Fuzz(func(t *testing.T, key, value string) {
		r := newBoard()
		r.Merge(state.Cell{Feature: "board", Field: "pixels", Kind: plugins.Grid, Key: key, Value: value, Stamp: state.Stamp{Site: "a"}})
		for at, c := range maps.All(shows(r)) {
			if int(c) >= 3 {
				t.Errorf("cell %v has colour %d of 3", at, c)
			}
		}
	})
}

func BenchmarkGrid_Merge(b *testing.B) {
	m := plugins.Manifest{Name: "board", State: []plugins.Field{{Name: "pixels", Kind: plugins.Grid, Width: 1000, Height: 1000, Palette: boardManifest.State[0].Palette}}}
	r := state.NewRoom(state.NewSchema(m))
	cells := make([]state.Cell, 10_000)
	for i := range cells {
		p := state.Patch{Colour: 1, By: "k7qf2abcdefghijk"}
		p.Add(plugins.Point{X: i * 7919 % 1000, Y: i * 104729 % 1000}, 0)
		cells[i] = state.Cell{Feature: "board", Field: "pixels", Kind: plugins.Grid, Value: p.Encode(), Stamp: state.Stamp{Site: "lhr"}}
	}
	b.ReportAllocs()
	id := int64(0)
	for b.Loop() {
		id++
		for i := range cells {
			cells[i].Stamp.ID = state.ID{MS: id}
		}
		r.Merge(cells...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(cells)), "ns/paint")
	b.ReportMetric(float64(r.Grid("board").Bytes())/256/state.TileCells, "bytes/cell")
}

func BenchmarkGrid_Colours(b *testing.B) {
	m := plugins.Manifest{Name: "board", State: []plugins.Field{{Name: "pixels", Kind: plugins.Grid, Width: 1000, Height: 1000, Palette: boardManifest.State[0].Palette}}}
	r := state.NewRoom(state.NewSchema(m))
	tile := string(slices.Repeat(state.AppendTileCell(nil, state.ID{MS: 5}, 2), state.TileCells))
	for i := range 256 {
		r.Merge(state.Cell{Feature: "board", Field: "pixels", Kind: plugins.Grid, Key: state.TileName(i%16, i/16), Value: tile, Stamp: state.Stamp{Site: "a"}})
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Grid("board").Colours()
	}
}

// stroke is a patch of one cell as the entry of a log has it.
func stroke(site string, ms int64, x int, colour uint8) state.Cell {
	p := state.Patch{Colour: colour, By: "ann", Runs: []state.Run{{X: x, N: 1}}}
	return state.Cell{
		Room: "home", Feature: "board", Field: "pixels", Kind: plugins.Grid, Value: p.Encode(),
		Stamp: state.Stamp{ID: state.ID{MS: ms}, Site: site},
	}
}

// stored is the first tile as a site's store has it after strokes.
func stored(site string, strokes ...state.Cell) state.Cell {
	tile := make([]byte, state.TileCells*state.TileCellSize)
	c := state.Cell{Room: "home", Feature: "board", Field: "pixels", Key: "0.0", Kind: plugins.Grid, Stamp: state.Stamp{Site: site}}
	for _, s := range strokes {
		p, _ := state.ParsePatch(s.Value)
		copy(tile[p.Runs[0].X*state.TileCellSize:], state.AppendTileCell(nil, s.Stamp.ID, p.Colour))
	}
	c.Value = string(tile)
	return c
}

// A paint that the positions said was merged and was not, such as one that is put back,
// reaches everybody all the same. The patches of one entry are none of those.
func TestGrid_late(t *testing.T) {
	r := newBoard()
	r.Merge(stroke("lhr", 9, 0, 1))
	g := r.Grid("board")
	at := map[string]state.ID{"lhr": {MS: 9}}
	g.Claim(at)
	second := stroke("lhr", 10, 2, 1)
	second.Stamp.Index = 1
	r.Merge(stroke("lhr", 10, 1, 1), second)
	at10 := map[string]state.ID{"lhr": {MS: 10}}
	g.Claim(at10)
	if cells, complete := g.Newer(at10, 10); !complete || len(cells) > 0 {
		t.Errorf("newer than now: %v, %t", cells, complete)
	}
	changed := r.Merge(stroke("lhr", 4, 3, 2)) // put back
	if len(changed) != 1 || !slices.Equal(changed[0].Cells, []state.Painted{{3, 2}}) {
		t.Errorf("changed %v", changed)
	}
	if cells, complete := g.Newer(at10, 10); !complete || !slices.Equal(cells, []state.Painted{{3, 2}}) {
		t.Errorf("newer %v, %t; want the late cell", cells, complete)
	}
}

// More late cells than are remembered are another epoch.
func TestGrid_late_many(t *testing.T) {
	r := newBoard()
	g := r.Grid("board")
	g.Claim(map[string]state.ID{"lhr": {MS: 1000}})
	for y := range boardHeight {
		c := stroke("lhr", 5, 0, 1)
		c.Value = state.Patch{Colour: 1, By: "ann", Runs: []state.Run{{X: 0, Y: y, N: boardWidth}}}.Encode()
		r.Merge(c)
	}
	if g.Epoch() == 0 {
		t.Errorf("epoch %d after %d late cells", g.Epoch(), boardWidth*boardHeight)
	}
}

// TestRoom_Reset_boards: what the store of a missed site no longer holds goes; what came
// later, and what other sites painted, stays.
func TestRoom_Reset_boards(t *testing.T) {
	r := newBoard()
	r.Merge(stored("lhr", stroke("lhr", 3, 0, 1), stroke("lhr", 4, 1, 1)), stored("syd", stroke("syd", 3, 1, 2), stroke("syd", 3, 5, 2)))
	r.Merge(stroke("lhr", 6, 2, 1))
	g := r.Grid("board")
	before := map[string]state.ID{"lhr": {MS: 6}, "syd": {MS: 3}}
	g.Claim(before)
	paints := g.Paints()
	changed := r.Reset(map[string]bool{"lhr": true}, map[string]state.ID{"lhr": {MS: 5}, "syd": {MS: 3}},
		[]state.Cell{stored("lhr", stroke("lhr", 3, 0, 1)), stored("syd", stroke("syd", 3, 1, 2))}) // syd's other tile is not there yet
	if len(changed) != 1 || !slices.Equal(changed[0].Cells, []state.Painted{{1, 2}}) {
		t.Errorf("changed %+v, want that lhr's paint of cell 1 is gone", changed)
	}
	g = r.Grid("board")
	want := map[plugins.Point]uint8{{X: 0}: 1, {X: 1}: 2, {X: 2}: 1, {X: 5}: 2}
	if got := shows(r); !maps.Equal(got, want) {
		t.Errorf("board %v, want %v", got, want)
	}
	if g.Paints()-paints < 1<<16 {
		t.Errorf("paints %d, before %d: want that it counts as another board", g.Paints(), paints)
	}
	// A page of before is told.
	if cells, complete := g.Newer(before, 10); !complete || !slices.Contains(cells, state.Painted{Index: 1, Colour: 2}) {
		t.Errorf("newer than before the loss: %v, %t", cells, complete)
	}
}

// A page that has paints of a site that has none here, such as one of before a restart
// without a disk, loads the board anew.
func TestGrid_Newer_strangers(t *testing.T) {
	if _, complete := newBoard().Grid("board").Newer(map[string]state.ID{"lhr": {MS: 5}}, 10); complete {
		t.Error("an empty board has all that a page of another board lacks")
	}
}
