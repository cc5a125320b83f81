package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Film is what was painted on a board in a while.
type Film struct {
	Width, Height int

	// Start are the colours at the moment From, as Board.Colours.
	Start []byte

	// From is the moment at which it begins, and Steps what was painted since, in
	// order.
	From  time.Time
	Steps []Step
}

// Step is a cell that was painted.
type Step struct {
	// After is the time since From, to the millisecond.
	After time.Duration

	// Index is row times width plus column, and Colour a place in the palette.
	Index  uint32
	Colour uint8
}

const filmMagic = "GPF1"

// Encode returns the film as a page reads it, numbers big-endian:
//
//	4 bytes              "GPF1"
//	2, 2 bytes           width and height
//	8 bytes              From in milliseconds since 1970 UTC
//	4 bytes              n, the number of steps
//	width × height bytes Start
//	n × 4 bytes          milliseconds from the step before, or from From
//	n × 4 bytes          indices
//	n bytes              colours
//
// It is meant to be compressed.
func (f Film) Encode() []byte {
	b := make([]byte, 0, 20+len(f.Start)+9*len(f.Steps))
	b = append(b, filmMagic...)
	b = binary.BigEndian.AppendUint16(b, uint16(f.Width))
	b = binary.BigEndian.AppendUint16(b, uint16(f.Height))
	b = binary.BigEndian.AppendUint64(b, uint64(f.From.UnixMilli()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.Steps)))
	b = append(b, f.Start...)
	var last int64
	for _, s := range f.Steps {
		ms := s.After.Milliseconds()
		b = binary.BigEndian.AppendUint32(b, uint32(max(0, ms-last)))
		last = max(last, ms)
	}
	for _, s := range f.Steps {
		b = binary.BigEndian.AppendUint32(b, s.Index)
	}
	for _, s := range f.Steps {
		b = append(b, s.Colour)
	}
	return b
}

// Compress returns a film's bytes in an encoding.
func Compress(film []byte, encoding string) []byte { return encode(film, encoding) }

// DecodeFilm reads what Encode writes.
func DecodeFilm(b []byte) (Film, error) {
	if len(b) < 20 || string(b[:4]) != filmMagic {
		return Film{}, errors.New("no film of a board")
	}
	f := Film{
		Width: int(binary.BigEndian.Uint16(b[4:])), Height: int(binary.BigEndian.Uint16(b[6:])),
		From: time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
	}
	n := int(binary.BigEndian.Uint32(b[16:]))
	cells := f.Width * f.Height
	if len(b) != 20+cells+9*n {
		return Film{}, fmt.Errorf("film of %d bytes: want %d for %d cells and %d steps", len(b), 20+cells+9*n, cells, n)
	}
	b = b[20:]
	f.Start, b = b[:cells], b[cells:]
	at, index, colour := b[:4*n], b[4*n:8*n], b[8*n:]
	var ms int64
	for i := range n {
		ms += int64(binary.BigEndian.Uint32(at[4*i:]))
		s := Step{After: time.Duration(ms) * time.Millisecond, Index: binary.BigEndian.Uint32(index[4*i:]), Colour: colour[i]}
		if int(s.Index) >= cells {
			return Film{}, fmt.Errorf("step %d of a film: cell %d of %d", i, s.Index, cells)
		}
		f.Steps = append(f.Steps, s)
	}
	return f, nil
}
