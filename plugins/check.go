//go:build !wasip1

package plugins

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// CheckEvent returns the fields that e, an event of m, declares out of raw, checked, and
// drops the others. Its error is a [Refusal] whose sentence names the field:
//
//	"by" must be a whole number from -1 to 1.
//	"cells" must be 1 to 64 cells "x,y" of a board of 1000 × 1000.
func (m Manifest) CheckEvent(e EventType, raw map[string]string) (Fields, error) {
	fields := make(Fields, len(e.Fields))
	for _, p := range e.Fields {
		v, sent := raw[p.Name]
		if !sent {
			if !p.Optional {
				return nil, Refuse(fmt.Sprintf("%q is missing.", p.Name))
			}
			continue
		}
		of, _ := m.Field(p.Of)
		if p.Type == Cells && !p.holdsCells(v, of) || p.Type != Cells && !p.holds(v) {
			return nil, Refuse(fmt.Sprintf("%q must be %s.", p.Name, m.Want(p)))
		}
		fields[p.Name] = v
	}
	return fields, nil
}

// Want says what a value of an event of m has to be, such as "one of 1, -1".
func (m Manifest) Want(p Param) string {
	if p.Type != Cells {
		return p.describe()
	}
	of, _ := m.Field(p.Of)
	return fmt.Sprintf("1 to %d cells \"x,y\" of a board of %d × %d", p.maxCells(), of.Width, of.Height)
}

// maxCells is how many cells a Cells field may hold.
func (p Param) maxCells() int {
	if p.Max > 0 {
		return int(p.Max)
	}
	return MaxCells
}

func (p Param) holdsCells(v string, of Field) bool {
	cells, err := ParseCells(v)
	if err != nil || len(cells) > p.maxCells() {
		return false
	}
	board := Rect{W: of.Width, H: of.Height}
	return !slices.ContainsFunc(cells, func(c Point) bool { return !board.Contains(c) })
}

// Cost returns how many events an event of type e with these fields counts as against
// its Rate: the cells that it names, or 1.
func (e EventType) Cost(f Fields) int {
	cost := 0
	for _, p := range e.Fields {
		if p.Type == Cells {
			cost += len(f.Cells(p.Name))
		}
	}
	return max(1, cost)
}

// operations says which kind of field each operation is for.
var operations = map[Op]Kind{
	OpSet: Register, OpUnset: Register, OpAdd: Counter, OpPush: List, OpSignal: Volatile,
	OpPaint: Grid, OpClear: Grid, OpRevert: Grid,
}

// Check reports whether m fits the feature's declared state: a [Mutation] of a
// field that the manifest does not declare, of the wrong kind, or too large is
// refused by the host.
func (m Mutation) Check(manifest Manifest) error {
	f, ok := manifest.Field(m.Field)
	if !ok {
		return fmt.Errorf("mutation of %.100q: the manifest declares no such field", m.Field)
	}
	if kind, ok := operations[m.Op]; !ok || kind != f.Kind {
		return fmt.Errorf("mutation of %.100q: operation %d does not fit kind %d", m.Field, m.Op, f.Kind)
	}
	if len(m.Value) > MaxValueSize {
		return fmt.Errorf("mutation of %.100q: value of %d bytes, at most %d are allowed", m.Field, len(m.Value), MaxValueSize)
	}
	if !utf8.ValidString(m.Value) || !utf8.ValidString(m.Key) {
		return fmt.Errorf("mutation of %.100q: value is not UTF-8", m.Field)
	}
	if m.Key != "" && (m.Op != OpSignal || len(m.Key) > MaxKeySize || hasControl(m.Key, false)) {
		return fmt.Errorf("mutation of %.100q: key %.100q: only a signal has one, of at most %d bytes without control characters", m.Field, m.Key, MaxKeySize)
	}
	if err := m.checkPart(f); err != nil {
		return fmt.Errorf("mutation of %.100q: %w", m.Field, err)
	}
	if f.Direct && (len(m.Value) > MaxFrameSize/4 || hasControl(m.Value, false)) {
		return fmt.Errorf("mutation of %.100q: value %.40q: a direct one is at most %d bytes without control characters", m.Field, m.Value, MaxFrameSize/4)
	}
	return nil
}

// checkPart checks what a mutation of a board says.
func (m Mutation) checkPart(f Field) error {
	board := Rect{W: f.Width, H: f.Height}
	switch m.Op {
	case OpPaint:
		colour, cells, err := m.Painting()
		if err != nil {
			return err
		}
		if colour >= len(f.Palette) {
			return fmt.Errorf("colour %d: the palette has %d", colour, len(f.Palette))
		}
		for _, c := range cells {
			if !board.Contains(c) {
				return fmt.Errorf("cell %d,%d: the board has %d × %d", c.X, c.Y, f.Width, f.Height)
			}
		}
	case OpClear, OpRevert:
		r, _, err := m.Part()
		if err != nil {
			return err
		}
		if r.W < 1 || r.H < 1 || !board.Contains(Point{r.X, r.Y}) || !board.Contains(Point{r.X + r.W - 1, r.Y + r.H - 1}) {
			return fmt.Errorf("part %s: the board has %d × %d", r, f.Width, f.Height)
		}
	}
	return nil
}

func hasControl(s string, lineBreaks bool) bool {
	for _, r := range s {
		if lineBreaks && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}
