package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/board"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

var boardField = plugins.Field{
	Name: "pixels", Kind: plugins.Grid, Width: 30, Height: 20,
	Palette: []plugins.Colour{{Name: "white", RGB: "#ffffff"}, {Name: "red", RGB: "#ff0000"}},
}

// boards is a bus with one board, in the room "home" and the feature "board", and counts
// how often it is asked for it.
func boards(asked *atomic.Int32) fakeBus {
	colours := bytes.Repeat([]byte{0, 1, 1}, 200)
	known := func(room, feature string) error {
		switch {
		case feature != "board":
			return bus.ErrNoBoard
		case room != "home":
			return errors.New("store away")
		}
		return nil
	}
	return fakeBus{
		board: func(_ context.Context, room, feature string) (bus.Board, error) {
			asked.Add(1)
			return bus.Board{Field: boardField, Colours: colours, Position: "iad:5-0,lhr:7-1"}, known(room, feature)
		},
		cell: func(_ context.Context, room, feature string, at plugins.Point) (bus.BoardCell, error) {
			if at.X > 29 {
				return bus.BoardCell{}, nil
			}
			return bus.BoardCell{
				Colour: 1, Painted: true, At: time.Date(2026, 11, 24, 5, 6, 7, 8, time.UTC), Site: "lhr-2", By: "k7qf2abcdefghijk", Known: true,
			}, known(room, feature)
		},
		replay: func(_ context.Context, room, feature string) (bus.Replay, error) {
			asked.Add(1)
			from := time.UnixMilli(1795465238123).UTC()
			return bus.Replay{
				Field: boardField, Start: make([]byte, 600), From: from, To: from.Add(time.Minute),
				Steps: []bus.ReplayStep{{At: from.Add(time.Second), Index: 31, Colour: 1}},
			}, known(room, feature)
		},
	}
}

func TestServer_boardSnapshot(t *testing.T) {
	var asked atomic.Int32
	s := startServer(t, web.Config{Bus: boards(&asked)})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			res := s.get(t, "/r/home/board.bin", "Accept-Encoding: gzip, br;q=0.9")
			plain, err := io.ReadAll(brotli.NewReader(strings.NewReader(res.body)))
			if err != nil || !bytes.Equal(plain, bytes.Repeat([]byte{0, 1, 1}, 200)) {
				t.Errorf("board of %d bytes, %v", len(plain), err)
			}
			if res.Header.Get("Live-Position") != "iad:5-0,lhr:7-1" || res.Header.Get("Content-Encoding") != "br" || res.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("headers %v", res.Header)
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the bus was asked %d times by 50 pages at once, want once", n)
	}
	if res := s.get(t, "/r/home/board.bin"); len(res.body) != 600 || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("plain board of %d bytes, headers %v", len(res.body), res.Header)
	}
	res := s.get(t, "/r/home/board.bin")
	tag := res.Header.Get("ETag")
	if !strings.HasPrefix(tag, `W/"iad:5-0,lhr:7-1+`) {
		t.Errorf("tag is %q, want a weak one with the position", tag)
	}
	res = s.get(t, "/r/home/board.bin", `If-None-Match: "other", `+tag)
	if res.StatusCode != http.StatusNotModified || len(res.body) != 0 || res.Header.Get("Live-Position") == "" {
		t.Errorf("status %d with %d bytes for a page that has the board, headers %v", res.StatusCode, len(res.body), res.Header)
	}
}

func TestServer_boardPicture(t *testing.T) {
	var asked atomic.Int32
	s := startServer(t, web.Config{Bus: boards(&asked)})
	for path, wide := range map[string]int{"/r/home/board.png": 30, "/r/home/board.png?scale=8": 240} {
		res := s.get(t, path)
		img, err := png.Decode(strings.NewReader(res.body))
		if err != nil || img.Bounds().Dx() != wide || res.Header.Get("Content-Type") != "image/png" {
			t.Errorf("%s: %v, %v; want %d pixels", path, img, err, wide)
		}
	}
	for _, scale := range []string{"0", "9", "-1", "x", "1.5"} {
		if res := s.get(t, "/r/home/board.png?scale="+scale); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "from 1 to 8") {
			t.Errorf("scale %q: status %d", scale, res.StatusCode)
		}
	}
}

func TestServer_boardCell(t *testing.T) {
	var asked atomic.Int32
	s := startServer(t, web.Config{Bus: boards(&asked)})
	var got map[string]any
	res := s.get(t, "/r/home/board/cell?x=3&y=4")
	if err := json.Unmarshal([]byte(res.body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"colour": 1.0, "painted": true, "at": "2026-11-24T05:06:07Z", "site": "lhr-2", "region": "lhr", "by": "k7qf2", "known": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cell (-want +got):\n%s", diff)
	}
	if res := s.get(t, "/r/home/board/cell?x=30&y=4"); res.body != `{"colour":0,"painted":false,"known":false}` {
		t.Errorf("a cell beside the board: %s", res.body)
	}
	for _, query := range []string{"", "?x=1", "?x=1&y=-1", "?x=a&y=1"} {
		if res := s.get(t, "/r/home/board/cell"+query); res.StatusCode != http.StatusBadRequest {
			t.Errorf("cell%s: status %d, want 400", query, res.StatusCode)
		}
	}
}

func TestServer_boardReplay(t *testing.T) {
	var asked atomic.Int32
	s := startServer(t, web.Config{Bus: boards(&asked)})
	for range 3 {
		res := s.get(t, "/r/home/board/replay", "Accept-Encoding: br")
		plain, err := io.ReadAll(brotli.NewReader(strings.NewReader(res.body)))
		if err != nil {
			t.Fatal(err)
		}
		film, err := board.DecodeFilm(plain)
		want := board.Film{
			Width: 30, Height: 20, Start: make([]byte, 600), From: time.UnixMilli(1795465238123).UTC(),
			Steps: []board.Step{{After: time.Second, Index: 31, Colour: 1}},
		}
		if diff := cmp.Diff(want, film); diff != "" || err != nil {
			t.Errorf("film, %v (-want +got):\n%s", err, diff)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the logs were read %d times, want once", n)
	}
}

// TestServer_boardMissing: what is not there, or cannot be had, is told by the status.
func TestServer_boardMissing(t *testing.T) {
	var asked atomic.Int32
	s := startServer(t, web.Config{Bus: boards(&asked)})
	for path, want := range map[string]int{
		"/r/home/lamp.bin": 404, "/r/home/lamp.png": 404, "/r/home/lamp/cell?x=1&y=1": 404, "/r/home/lamp/replay": 404,
		"/r/home/board": 404, "/r/home/board.gif": 404, "/r/home/.bin": 404, "/r/a%09b/board.bin": 404,
		"/r/away/board.bin": 503, "/r/away/board.png": 503, "/r/away/board/cell?x=1&y=1": 503, "/r/away/board/replay": 503,
		"/r/" + strings.Repeat("r", 4000) + "/board.bin": 404,
	} {
		if res := s.get(t, path); res.StatusCode != want {
			t.Errorf("%.40s: status %d, want %d", path, res.StatusCode, want)
		}
	}
}
