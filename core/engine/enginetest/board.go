package enginetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// boardSide is the size of the board of these tests: several tiles, the last ones cut
// off.
const boardSide = 200

// boardRoom returns a room that has the tests' board.
func boardRoom() *state.Room {
	f := plugins.Field{Name: "pixels", Kind: plugins.Grid, Width: boardSide, Height: boardSide}
	for i := range plugins.MaxColours {
		f.Palette = append(f.Palette, plugins.Colour{Name: fmt.Sprint(i), RGB: "#000000"})
	}
	return state.NewRoom(state.NewSchema(plugins.Manifest{Name: feature, State: []plugins.Field{f}}))
}

// paint returns the change that paints runs of cells.
func paint(colour uint8, runs ...state.Run) engine.Change {
	return engine.Change{Cell: cell(plugins.Grid, "pixels", state.Patch{Colour: colour, By: "ann", Runs: runs}.Encode())}
}

// dot is a run of one cell.
func dot(x, y int) state.Run { return state.Run{X: x, Y: y, N: 1} }

// painted is a cell of a board: its colour and by which entry it was painted.
type painted struct {
	At     plugins.Point
	Colour uint8
	By     state.ID
	Site   string
}

// paintedCells returns what a board shows.
func paintedCells(g *state.Grid) (cells []painted) {
	for y := range boardSide {
		for x := range boardSide {
			p := plugins.Point{X: x, Y: y}
			if c, stamp, ok := g.At(p); ok {
				cells = append(cells, painted{p, c, stamp.ID, stamp.Site})
			}
		}
	}
	return cells
}

// wantBoard compares the board that the engine loads, and the one that its log says up
// to last, with want.
func (n *node) wantBoard(tb testing.TB, last state.ID, want ...painted) {
	tb.Helper()
	for i := range want {
		want[i].Site = n.Site()
	}
	loaded, told := boardRoom(), boardRoom()
	cells, _ := n.load(tb, room)
	loaded.Merge(cells...)
	if diff := cmp.Diff(want, paintedCells(loaded.Grid(feature)), cmpopts.EquateEmpty()); diff != "" {
		tb.Errorf("board that was loaded (-want +got):\n%s", diff)
	}
	if last.IsZero() {
		return
	}
	for _, d := range n.follow(tb, nil).through(tb, last) {
		told.Merge(d.Cells...)
	}
	if diff := cmp.Diff(want, paintedCells(told.Grid(feature)), cmpopts.EquateEmpty()); diff != "" {
		tb.Errorf("board that the log tells (-want +got):\n%s", diff)
	}
}

var boardPromises = []promise{
	{"a cell has its newest paint", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", paint(1, dot(0, 0), dot(63, 0), dot(64, 0), dot(199, 199)))
		second := n.append(t, "e2", paint(2, dot(64, 0)), set("other", "1"))
		third := n.append(t, "e3", paint(63, dot(0, 0), state.Run{X: 62, Y: 1, N: 4}))
		first := func() state.ID { // by the log
			return n.follow(t, nil).through(t, third)[0].ID
		}()
		n.wantBoard(t, third,
			painted{plugins.Point{X: 0, Y: 0}, 63, third, ""},
			painted{plugins.Point{X: 63, Y: 0}, 1, first, ""},
			painted{plugins.Point{X: 64, Y: 0}, 2, second, ""},
			painted{plugins.Point{X: 62, Y: 1}, 63, third, ""},
			painted{plugins.Point{X: 63, Y: 1}, 63, third, ""},
			painted{plugins.Point{X: 64, Y: 1}, 63, third, ""},
			painted{plugins.Point{X: 65, Y: 1}, 63, third, ""},
			painted{plugins.Point{X: 199, Y: 199}, 1, first, ""},
		)
	}},
	{"in one entry the last paint of a cell wins", func(t *testing.T, s Suite) {
		n := s.open(t)
		id := n.append(t, "e1", paint(5, dot(1, 1), dot(2, 1)), paint(4, dot(1, 1)), paint(3, dot(2, 1)), paint(9, dot(1, 1)))
		n.wantBoard(t, id, painted{plugins.Point{X: 1, Y: 1}, 9, id, ""}, painted{plugins.Point{X: 2, Y: 1}, 3, id, ""})
	}},
	{"the first colour is a paint, too", func(t *testing.T, s Suite) {
		n := s.open(t)
		n.append(t, "e1", paint(7, dot(100, 100)))
		id := n.append(t, "e2", paint(0, dot(100, 100)))
		n.wantBoard(t, id, painted{plugins.Point{X: 100, Y: 100}, 0, id, ""})
	}},
	{"no paint of many at once is lost", func(t *testing.T, s Suite) {
		n := s.open(t)
		const writers, each = 8, 25
		last := concurrently(t, n, writers, each, func(who string, i int) []engine.Change {
			return []engine.Change{paint(1, dot(int(who[len(who)-1]-'0'), i))}
		})
		loaded, told := boardRoom(), boardRoom()
		cells, _ := n.load(t, room)
		loaded.Merge(cells...)
		for _, d := range n.follow(t, nil).through(t, last) {
			told.Merge(d.Cells...)
		}
		if diff := cmp.Diff(paintedCells(told.Grid(feature)), paintedCells(loaded.Grid(feature))); diff != "" {
			t.Errorf("board loaded, against what the log tells (-log +loaded):\n%s", diff)
		}
		if got := len(paintedCells(loaded.Grid(feature))); got != writers*each {
			t.Errorf("%d cells are painted, want %d", got, writers*each)
		}
	}},
	{"boards of rooms and features do not mix", func(t *testing.T, s Suite) {
		n := s.open(t)
		other := paint(3, dot(1, 0))
		other.Cell.Room = "a:b"
		second := paint(4, dot(2, 0))
		second.Cell.Feature = feature + ":2"
		n.append(t, "e1", other, second)
		n.wantBoard(t, state.ID{})
		id := n.append(t, "e2", paint(1, dot(0, 0)))
		n.wantBoard(t, state.ID{}, painted{plugins.Point{X: 0, Y: 0}, 1, id, ""})
	}},
}
