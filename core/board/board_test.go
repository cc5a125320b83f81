package board_test

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"

	"github.com/global-presence/presence/core/board"
	"github.com/global-presence/presence/core/board/boardtest"
	"github.com/global-presence/presence/plugins"
)

var palette = func() []plugins.Colour {
	var p []plugins.Colour
	for i := range 32 {
		p = append(p, plugins.Colour{Name: string(rune('a' + i)), RGB: "#0000" + string("0123456789abcdef"[i%16]) + string("08"[i/16])})
	}
	return p
}()

func drawn(seed uint64, side int, position string) board.Board {
	return board.Board{Width: side, Height: side, Palette: palette, Colours: boardtest.Drawing(seed, side, side), Position: position}
}

func decode(tb testing.TB, body []byte, encoding string) []byte {
	tb.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch encoding {
	case board.Brotli:
		r = brotli.NewReader(r)
	case board.Gzip:
		r, err = gzip.NewReader(r)
	}
	if err != nil {
		tb.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return plain
}

// source is a board that fetch returns, which has been painted as often as it says.
func source(fetch func(context.Context) (board.Board, error)) board.Source {
	return board.Source{Board: fetch, Paints: func(ctx context.Context) (uint64, error) { return 0, nil }}
}

// startCache returns a cache at work until the test ends.
func startCache(t *testing.T) *board.Cache {
	t.Helper()
	c := board.NewCache(board.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}

// TestCache_Get: one fetch and one body for many who ask at once; a new fetch when it
// is old; the same snapshot while nothing changed.
func TestCache_Get(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCache(t)
		var fetches atomic.Int32
		now := drawn(1, 100, "a:1-0")
		fetch := func(context.Context) (board.Board, error) {
			fetches.Add(1)
			time.Sleep(10 * time.Millisecond) // the bubble's time
			return now, nil
		}
		from := board.Source{Board: fetch, Paints: func(context.Context) (uint64, error) { return now.Paints, nil }}
		get := func() *board.Snapshot {
			s, err := c.GetBest(t.Context(), "home/board", from)
			if err != nil {
				t.Error(err)
			}
			return s
		}
		var wg sync.WaitGroup
		got := make([]*board.Snapshot, 1000)
		for i := range got {
			wg.Go(func() { got[i] = get() })
		}
		wg.Wait()
		for _, encoding := range []string{board.Brotli, board.Gzip, board.Plain} {
			body := got[0].Body(encoding)
			if !bytes.Equal(decode(t, body, encoding), now.Colours) {
				t.Errorf("encoding %q does not hold the board", encoding)
			}
			if again := got[999].Body(encoding); &again[0] != &body[0] {
				t.Errorf("encoding %q was made twice", encoding)
			}
		}
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches for 1000 at once, want 1", n)
		}
		synctest.Wait() // the best encoding is there
		time.Sleep(3 * time.Second)
		best := get()
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches after 3 s, want 2", n)
		}
		if len(best.Body(board.Brotli)) >= len(got[0].Body(board.Brotli)) {
			t.Errorf("best encoding of %d bytes, quick one of %d", len(best.Body(board.Brotli)), len(got[0].Body(board.Brotli)))
		}
		// A little later little has changed: the best one still serves.
		changed := bytes.Clone(now.Colours)
		changed[5] ^= 1
		now.Colours, now.Position, now.Paints = changed, "a:2-0", 1
		time.Sleep(3 * time.Second)
		if s := get(); s != best {
			t.Error("after one more cell another snapshot is served, want the best encoding")
		}
		if s, err := c.Get(t.Context(), "home/board", from); err != nil || s.Position != "a:2-0" {
			t.Errorf("who is not told of changes gets the snapshot of %s, %v", s.Position, err)
		}
		time.Sleep(time.Minute)
		if s := get(); s.Position != "a:2-0" {
			t.Errorf("a minute later the snapshot of %s is served", s.Position)
		}
		now = drawn(2, 100, "a:9-0")
		now.Paints = 5000
		time.Sleep(3 * time.Second)
		if s := get(); s.Position != "a:9-0" {
			t.Errorf("after a great change the snapshot of %s is served", s.Position)
		}
		// So much was painted within a moment that a page could not be told of it: also
		// if every cell got the colour that it had.
		now.Position, now.Paints = "a:10-0", 30_000
		if s := get(); s.Position != "a:10-0" {
			t.Errorf("after 25,000 paints at once the snapshot of %s is served", s.Position)
		}
		// The room was loaded anew, and counts from the start.
		now.Position, now.Paints = "a:11-0", 1<<32
		if s := get(); s.Position != "a:11-0" {
			t.Errorf("after the room was loaded anew the snapshot of %s is served", s.Position)
		}
	})
}

func TestCache_Get_fails(t *testing.T) {
	c := board.NewCache(board.Config{})
	away := errors.New("away")
	if _, err := c.Get(t.Context(), "x", source(func(context.Context) (board.Board, error) { return board.Board{}, away })); !errors.Is(err, away) {
		t.Errorf("err = %v, want that of fetch", err)
	}
	if _, err := c.Get(t.Context(), "x", source(func(context.Context) (board.Board, error) {
		return board.Board{Width: 2, Height: 2, Colours: []byte{1}}, nil
	})); err == nil {
		t.Error("a board of 2 × 2 cells with one colour was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	block := make(chan struct{})
	defer close(block)
	if _, err := c.Get(ctx, "y", source(func(context.Context) (board.Board, error) { <-block; return board.Board{}, away })); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that of the context", err)
	}
}

// TestCache_bounded: boards that nobody asks for any more make room.
func TestCache_bounded(t *testing.T) {
	c := board.NewCache(board.Config{Bytes: 50_000})
	var fetches atomic.Int32
	get := func(name string) {
		_, err := c.Get(t.Context(), name, source(func(context.Context) (board.Board, error) {
			fetches.Add(1)
			return drawn(3, 100, "a:1-0"), nil
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		get(name)
	}
	before := fetches.Load()
	get("g")
	get("a")
	if n := fetches.Load() - before; n != 1 {
		t.Errorf("%d fetches for the newest and the oldest board, want 1: of the oldest", n)
	}
}

func TestSnapshot_PNG(t *testing.T) {
	c := board.NewCache(board.Config{})
	b := drawn(4, 50, "")
	s, err := c.Get(t.Context(), "x", source(func(context.Context) (board.Board, error) { return b, nil }))
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.PNG(3)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(body))
	if err != nil || img.Bounds().Dx() != 150 || img.Bounds().Dy() != 150 {
		t.Fatalf("picture %v, %v; want 150 × 150", img.Bounds(), err)
	}
	for i, c := range b.Colours {
		_, _, blue, _ := img.At(3*(i%50)+2, 3*(i/50)+1).RGBA()
		var want uint32
		for _, digit := range palette[c].RGB[5:] {
			want = 16*want + uint32(bytes.IndexByte([]byte("0123456789abcdef"), byte(digit)))
		}
		if blue>>8 != want {
			t.Fatalf("cell %d has blue %d, want %d", i, blue>>8, want)
		}
	}
	for _, scale := range []int{0, -1, 9} {
		if _, err := s.PNG(scale); err == nil {
			t.Errorf("scale %d was taken", scale)
		}
	}
}

func TestFilm(t *testing.T) {
	f := board.Film{
		Width: 3, Height: 2, Start: []byte{0, 1, 2, 3, 4, 5}, From: time.UnixMilli(1795465238123).UTC(),
		Steps: []board.Step{{0, 5, 1}, {40 * time.Millisecond, 0, 31}, {time.Hour, 3, 7}},
	}
	got, err := board.DecodeFilm(f.Encode())
	if diff := cmp.Diff(f, got); diff != "" || err != nil {
		t.Errorf("film, %v (-want +got):\n%s", err, diff)
	}
}

func FuzzDecodeFilm(f *testing.F) {
	f.Add(board.Film{Width: 2, Height: 1, Start: []byte{1, 2}, Steps: []board.Step{{time.Second, 1, 1}}}.Encode())
	f.Add([]byte("GPF1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		film, err := board.DecodeFilm(b)
		if err != nil {
			return
		}
		again, err := board.DecodeFilm(film.Encode())
		if diff := cmp.Diff(film, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("film read again, %v (-want +got):\n%s", err, diff)
		}
	})
}

// BenchmarkEncode tells the sizes of a half full board of 1,000 × 1,000 cells, too.
func BenchmarkEncode(b *testing.B) {
	colours := boardtest.Drawing(1, 1000, 1000)
	for _, e := range []struct {
		name   string
		encode func([]byte) []byte
	}{
		{"br-quick", func(b []byte) []byte { return board.Encode(b, board.Brotli) }},
		{"br-best", board.EncodeBest},
		{"gzip", func(b []byte) []byte { return board.Encode(b, board.Gzip) }},
	} {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.ReportMetric(float64(len(e.encode(colours))), "bytes")
			}
		})
	}
}

// BenchmarkGet is a page view of a board that somebody else has just looked at.
func BenchmarkGet(b *testing.B) {
	c := board.NewCache(board.Config{Fresh: time.Hour})
	colours := drawn(1, 1000, "")
	get := func() {
		s, err := c.Get(b.Context(), "x", source(func(context.Context) (board.Board, error) { return colours, nil }))
		if err != nil {
			b.Fatal(err)
		}
		s.Body(board.Brotli)
	}
	get()
	b.ReportAllocs()
	for b.Loop() {
		get()
	}
}
