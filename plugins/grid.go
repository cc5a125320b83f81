package plugins

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Point is a cell of a Grid: column and row, counted from 0 at the top left.
type Point struct{ X, Y int }

// Rect is a part of a Grid: W by H cells from X, Y on.
type Rect struct{ X, Y, W, H int }

// Paint gives cells of a Grid field a colour, by its place in the palette. One Paint
// names at most MaxCells cells.
func Paint(field string, colour int, cells ...Point) Mutation {
	return Mutation{Field: field, Op: OpPaint, Value: strconv.Itoa(colour) + " " + FormatCells(cells)}
}

// Clear gives all cells of a part of a Grid field the first colour.
func Clear(field string, r Rect) Mutation {
	return Mutation{Field: field, Op: OpClear, Value: r.String()}
}

// Revert gives the cells of a part of a Grid field the colours that they had at a
// moment, at most an hour ago. The host refuses it if the logs no longer tell.
func Revert(field string, r Rect, at time.Time) Mutation {
	return Mutation{Field: field, Op: OpRevert, Value: r.String() + " " + strconv.FormatInt(at.UnixMilli(), 10)}
}

// String returns "x y w h".
func (r Rect) String() string {
	return strconv.Itoa(r.X) + " " + strconv.Itoa(r.Y) + " " + strconv.Itoa(r.W) + " " + strconv.Itoa(r.H)
}

// Contains reports whether p lies in r.
func (r Rect) Contains(p Point) bool {
	return p.X >= r.X && p.Y >= r.Y && p.X < r.X+r.W && p.Y < r.Y+r.H
}

// FormatCells returns cells as a field of type Cells holds them: "1,2 1,3".
func FormatCells(cells []Point) string {
	b := make([]byte, 0, 8*len(cells))
	for i, p := range cells {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(p.X), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(p.Y), 10)
	}
	return string(b)
}

// ParseCells reads what FormatCells writes. It takes at most MaxCells cells, none
// negative.
func ParseCells(s string) ([]Point, error) {
	var cells []Point
	for more := true; more; {
		var one string
		one, s, more = strings.Cut(s, " ")
		x, y, ok := strings.Cut(one, ",")
		px, errX := cellNumber(x)
		py, errY := cellNumber(y)
		if !ok || errX != nil || errY != nil {
			return nil, errors.New("cell " + strconv.Quote(one) + ": want \"x,y\"")
		}
		if len(cells) == MaxCells {
			return nil, errors.New("more than " + strconv.Itoa(MaxCells) + " cells")
		}
		cells = append(cells, Point{px, py})
	}
	return cells, nil
}

// cellNumber reads a number from 0 to 9999.
func cellNumber(s string) (int, error) {
	if len(s) == 0 || len(s) > 4 {
		return 0, strconv.ErrSyntax
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
		n = 10*n + int(c-'0')
	}
	return n, nil
}

// Painting reads what Paint wrote.
func (m Mutation) Painting() (colour int, cells []Point, err error) {
	c, rest, _ := strings.Cut(m.Value, " ")
	if colour, err = cellNumber(c); err != nil {
		return 0, nil, errors.New("paint " + strconv.Quote(m.Value) + ": want a colour and cells")
	}
	cells, err = ParseCells(rest)
	return colour, cells, err
}

// Part reads what Clear or Revert wrote; at is zero for Clear.
func (m Mutation) Part() (r Rect, at time.Time, err error) {
	parts := strings.Split(m.Value, " ")
	numbers := []*int{&r.X, &r.Y, &r.W, &r.H}
	want := len(numbers)
	if m.Op == OpRevert {
		want++
	}
	if len(parts) != want {
		return Rect{}, time.Time{}, errors.New("part of a grid " + strconv.Quote(m.Value) + ": want x y w h")
	}
	for i, n := range numbers {
		if *n, err = cellNumber(parts[i]); err != nil {
			return Rect{}, time.Time{}, errors.New("part of a grid " + strconv.Quote(m.Value) + ": want x y w h")
		}
	}
	if m.Op == OpRevert {
		ms, err := strconv.ParseInt(parts[4], 10, 64)
		if err != nil {
			return Rect{}, time.Time{}, errors.New("part of a grid " + strconv.Quote(m.Value) + ": want a moment in milliseconds")
		}
		at = time.UnixMilli(ms).UTC()
	}
	return r, at, nil
}
