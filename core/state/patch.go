package state

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/global-presence/presence/plugins"
)

// Patch is what one change paints: cells of a board, all in one colour. It is the
// value of a cell of kind Grid without a key, in a log.
type Patch struct {
	// Colour is a place in the palette.
	Colour uint8

	// By is the id of the user who painted; "" for whoever runs the host.
	By string

	// Runs are the cells.
	Runs []Run
}

// Run is N cells from X, Y to the right. Before is the colour that they had, as far
// as the writer knew.
type Run struct {
	X, Y, N int
	Before  uint8
}

// MaxPatchCells is how many cells one patch may paint.
const MaxPatchCells = 4096

// Cells returns how many cells p paints.
func (p Patch) Cells() int {
	n := 0
	for _, r := range p.Runs {
		n += r.N
	}
	return n
}

// Encode returns "COLOUR BY X,Y,BEFORE[,N] …", where a missing N is 1 and a user that
// is nobody is "-".
func (p Patch) Encode() string {
	b := make([]byte, 0, 24+12*len(p.Runs))
	b = strconv.AppendInt(b, int64(p.Colour), 10)
	b = append(b, ' ')
	if p.By == "" {
		b = append(b, '-')
	}
	b = append(b, p.By...)
	for _, r := range p.Runs {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(r.X), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(r.Y), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(r.Before), 10)
		if r.N != 1 {
			b = append(b, ',')
			b = strconv.AppendInt(b, int64(r.N), 10)
		}
	}
	return string(b)
}

// ParsePatch reads what Encode writes: at least one run, none of them beyond the
// largest board there may be, and MaxPatchCells cells at most.
func ParsePatch(s string) (Patch, error) {
	colour, rest, _ := strings.Cut(s, " ")
	by, rest, ok := strings.Cut(rest, " ")
	c, err := number(colour, plugins.MaxColours-1)
	if err != nil || !ok || by == "" {
		return Patch{}, fmt.Errorf("patch %.40q: want a colour, a user and cells", s)
	}
	p := Patch{Colour: uint8(c), By: by}
	if by == "-" {
		p.By = ""
	}
	cells := 0
	for more := true; more; {
		var one string
		one, rest, more = strings.Cut(rest, " ")
		r, err := parseRun(one)
		if err != nil {
			return Patch{}, fmt.Errorf("patch with cells %.40q: %w", one, err)
		}
		if cells += r.N; cells > MaxPatchCells {
			return Patch{}, fmt.Errorf("patch of more than %d cells", MaxPatchCells)
		}
		p.Runs = append(p.Runs, r)
	}
	return p, nil
}

func parseRun(s string) (Run, error) {
	parts := [4]string{3: "1"}
	n := 0
	for more := true; more; n++ {
		if n == len(parts) {
			return Run{}, fmt.Errorf("want x,y,before or x,y,before,count")
		}
		parts[n], s, more = strings.Cut(s, ",")
	}
	if n < 3 {
		return Run{}, fmt.Errorf("want x,y,before or x,y,before,count")
	}
	var v [4]int
	for i, most := range [4]int{plugins.MaxGridSide - 1, plugins.MaxGridSide - 1, plugins.MaxColours - 1, plugins.MaxGridSide} {
		var err error
		if v[i], err = number(parts[i], most); err != nil {
			return Run{}, err
		}
	}
	r := Run{X: v[0], Y: v[1], Before: uint8(v[2]), N: v[3]}
	if r.N == 0 || r.X+r.N > plugins.MaxGridSide {
		return Run{}, fmt.Errorf("%d cells: want 1 to %d in a row", r.N, plugins.MaxGridSide)
	}
	return r, nil
}

// number reads a number from 0 to most, without a sign or leading zeros.
func number(s string, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > uint64(most) || len(s) > 1 && (s[0] == '0' || s[0] == '+') {
		return 0, fmt.Errorf("number %q: want 0 to %d", s, most)
	}
	return int(n), nil
}

// Add paints one more cell, which had the colour before.
func (p *Patch) Add(at plugins.Point, before uint8) {
	if n := len(p.Runs); n > 0 {
		last := &p.Runs[n-1]
		if last.Y == at.Y && last.X+last.N == at.X && last.Before == before {
			last.N++
			return
		}
	}
	p.Runs = append(p.Runs, Run{X: at.X, Y: at.Y, N: 1, Before: before})
}

// Covers reports whether p paints a cell.
func (p Patch) Covers(at plugins.Point) bool {
	for _, r := range p.Runs {
		if r.Y == at.Y && at.X >= r.X && at.X < r.X+r.N {
			return true
		}
	}
	return false
}
