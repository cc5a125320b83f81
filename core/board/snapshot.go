package board

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/plugins"
)

// Board is a board at one moment.
type Board struct {
	Width, Height int
	Palette       []plugins.Colour

	// Colours are places in the palette, one byte a cell, row by row. They are not
	// changed any more.
	Colours []byte

	// Position says which moment it is, to those who are told what has changed since.
	Position string

	// Paints counts what was painted so far: how far two moments are apart at most. A
	// count that begins anew does so far from where the last one was.
	Paints uint64
}

// behind returns how many cells may differ from b to a later moment, the most there are
// if that cannot be said.
func (b Board) behind(later Board) uint64 {
	if b.Width != later.Width || b.Height != later.Height || !slices.Equal(b.Palette, later.Palette) || later.Paints < b.Paints {
		return math.MaxUint64
	}
	return later.Paints - b.Paints
}

// check reports whether b is whole.
func (b Board) check() error {
	if b.Width <= 0 || b.Height <= 0 || len(b.Colours) != b.Width*b.Height {
		return fmt.Errorf("board of %d × %d cells with %d colours", b.Width, b.Height, len(b.Colours))
	}
	return nil
}

// Snapshot is a board and its encodings, each of which is made once, when it is first
// asked for. Its methods may be called at once.
type Snapshot struct {
	Board

	fetched  time.Time
	mu       sync.Mutex
	bodies   map[string]*once
	pictures map[int]*once
	size     atomic.Int64 // bytes held
}

type once struct {
	sync.Once
	body []byte
	err  error
}

func newSnapshot(b Board, fetched time.Time) *Snapshot {
	s := &Snapshot{Board: b, fetched: fetched, bodies: map[string]*once{}, pictures: map[int]*once{}}
	s.size.Store(int64(len(b.Colours)))
	return s
}

// Body returns the colours in an encoding.
func (s *Snapshot) Body(encoding string) []byte {
	one := entry(s, s.bodies, encoding)
	one.Do(func() {
		one.body = encode(s.Colours, encoding)
		if encoding != Plain {
			s.size.Add(int64(len(one.body)))
		}
	})
	return one.body
}

// put sets the body of an encoding, before anybody asks for it.
func (s *Snapshot) put(encoding string, body []byte) {
	one := entry(s, s.bodies, encoding)
	one.Do(func() {
		one.body = body
		s.size.Add(int64(len(body)))
	})
}

// PNG returns a picture with scale × scale pixels a cell.
func (b Board) PNG(scale int) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	if err := b.checkScale(scale); err != nil {
		return nil, err
	}
	return encodePNG(b, scale)
}

// PNG returns a picture with scale × scale pixels a cell.
func (s *Snapshot) PNG(scale int) ([]byte, error) {
	if err := s.checkScale(scale); err != nil {
		return nil, err
	}
	one := entry(s, s.pictures, scale)
	one.Do(func() {
		one.body, one.err = encodePNG(s.Board, scale)
		s.size.Add(int64(len(one.body)))
	})
	return one.body, one.err
}

func entry[K comparable](s *Snapshot, of map[K]*once, key K) *once {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := of[key]
	if one == nil {
		one = &once{}
		of[key] = one
	}
	return one
}

// How many cells a snapshot may be behind: for a better encoding as many as take about
// what it saves, when a page is told of them, and in any case so many that it need not
// load the board again.
const (
	nearCells = 2048
	farCells  = 1 << 14
)
