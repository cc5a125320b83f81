package converge

import (
	"hash/fnv"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// The board that people paint has four tiles, three of them cut off.
const (
	boardWidth  = 70
	boardHeight = 67
)

// boardField declares it.
func boardField() plugins.Field {
	f := plugins.Field{Name: "board", Kind: plugins.Grid, Width: boardWidth, Height: boardHeight}
	for range plugins.MaxColours {
		f.Palette = append(f.Palette, plugins.Colour{})
	}
	return f
}

// patchOf is what an event paints: a few cells, some of which every other event paints
// as well, all in a colour of its own as far as there are enough.
func patchOf(id string) state.Patch {
	h := fnv.New64a()
	h.Write([]byte(id))
	n := h.Sum64()
	p := state.Patch{Colour: uint8(1 + n%(plugins.MaxColours-1)), By: "ann"}
	p.Add(plugins.Point{X: int(n >> 8 % 2), Y: 0}, 0)
	p.Add(plugins.Point{X: 62 + int(n>>16%4), Y: 65}, 0)
	p.Add(plugins.Point{X: int(n >> 24 % boardWidth), Y: int(n >> 40 % boardHeight)}, 0)
	return p
}

// painted returns the board that events lead to, the newest of them first.
func painted(events []plugins.Item) string {
	board := make([]byte, boardWidth*boardHeight)
	done := make([]bool, len(board))
	for _, e := range events {
		p := patchOf(e.Value)
		for _, r := range p.Runs {
			for x := r.X; x < r.X+r.N; x++ {
				if i := r.Y*boardWidth + x; !done[i] {
					done[i], board[i] = true, p.Colour
				}
			}
		}
	}
	return string(board)
}
