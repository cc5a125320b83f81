package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"github.com/global-presence/presence/core/board/boardtest"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// The network that WebPageTest calls 3G Fast: bytes a second down and up, and the round
// trip.
//
// Source: https://docs.webpagetest.org/private-instances/ (connectivity.ini).
const (
	fast3GDown = 1_600_000 / 8
	fast3GUp   = 768_000 / 8
	fast3GTrip = 150 * time.Millisecond
)

// lane is one direction of a slow network, which all connections share.
type lane struct {
	perSecond int

	mu   sync.Mutex
	free time.Time // when what was sent so far has left
}

// arrival is when n bytes that are sent now are at the other end.
func (l *lane) arrival(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.perSecond))
	return l.free.Add(fast3GTrip / 2)
}

// startFast3G runs a proxy to a server that is as slow as that network, also while
// connections are made.
func startFast3G(tb testing.TB, to string) (url string) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	tb.Cleanup(func() {
		cancel()
		ln.Close()
		wg.Wait()
	})
	down, up := &lane{perSecond: fast3GDown}, &lane{perSecond: fast3GUp}
	wg.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer near.Close()
				defer context.AfterFunc(ctx, func() { near.Close() })()
				time.Sleep(fast3GTrip) // the handshake
				far, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer far.Close()
				defer context.AfterFunc(ctx, func() { far.Close() })()
				var both sync.WaitGroup
				both.Go(func() { crawl(near, far, down) })
				both.Go(func() { crawl(far, near, up) })
				both.Wait()
			})
		}
	})
	return "http://" + ln.Addr().String()
}

// crawl copies what comes, as late as it is due, until either side ends; then both do.
func crawl(to, from net.Conn, l *lane) {
	type piece struct {
		body []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.body); err != nil {
				from.Close()
			}
		}
		to.Close()
	})
	for {
		body := make([]byte, 1460)
		n, err := from.Read(body)
		if n > 0 {
			pieces <- piece{body[:n], l.arrival(n)}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				to.Close()
			}
			break
		}
	}
	close(pieces)
	wg.Wait()
}

// fillBoard writes a half full board into a server's file, as people would paint it.
func fillBoard(tb testing.TB, file string) {
	tb.Helper()
	e, err := memory.Open(memory.Config{File: file, Site: "lhr"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	drawing := boardtest.Drawing(7, 1000, 1000)
	for y := range 1000 {
		patches := map[byte]*state.Patch{}
		for x, c := range drawing[y*1000 : (y+1)*1000] {
			if c == 0 {
				continue
			}
			if patches[c] == nil {
				patches[c] = &state.Patch{Colour: c, By: "k7qf2mzr4x6yw3ab"}
			}
			patches[c].Add(plugins.Point{X: x, Y: y}, 0)
		}
		b := engine.Batch{Binary: "fill"}
		for _, p := range patches {
			for len(p.Runs) > 0 { // a value has its limit
				n := min(len(p.Runs), 200)
				part := state.Patch{Colour: p.Colour, By: p.By, Runs: p.Runs[:n]}
				p.Runs = p.Runs[n:]
				b.Changes = append(b.Changes, engine.Change{Cell: state.Cell{Room: "home", Feature: "board", Field: "pixels", Kind: plugins.Grid, Value: part.Encode()}})
			}
		}
		if len(b.Changes) == 0 {
			continue
		}
		if _, err := e.Append(ctx, b); err != nil {
			tb.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		tb.Fatal(err)
	}
	if err := e.Close(); err != nil {
		tb.Fatal(err)
	}
}

// watchReady notes on the page when it was first seen, when it is connected and when it
// shows the board as it is and takes what people do.
const watchReady = `window.moments = {}
const watch = setInterval(() => {
	const now = performance.now(), d = document
	if (!moments.connected && d.documentElement?.dataset.live === 'connected') moments.connected = now
	if (!moments.board && d.querySelector('live-board')?.dataset.state === 'live') moments.board = now
	if (moments.connected && moments.board) clearInterval(watch)
}, 5)`

// BenchmarkFirstView is the first view of a page with a half full board, with an empty
// cache, over 3G Fast: one op is one view. It reports when something is seen, when the
// page is connected and the board shows what is true and can be painted, and the bytes
// that it took.
func BenchmarkFirstView(b *testing.B) {
	file := filepath.Join(b.TempDir(), "state.db")
	fillBoard(b, file)
	s := startServer(b, "--data="+file)
	slow := startFast3G(b, s.address())
	newPerson(b).open(s.url).waitBoard() // the board is encoded once
	waitFor(b, "its best encoding", func() (string, bool) {
		a := newVisitor(b, s.url).get("/r/home/board.bin", "Accept-Encoding", "br")
		return "", len(a.body) < 70_000
	})
	type moments struct{ Painted, Connected, Board, Bytes float64 }
	var painted, connected, board []float64
	var bytes float64
	for range max(5, b.N) {
		t := newPerson(b).newTab()
		send(t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchReady})
		t.visit(slow)
		waitValue(t, `!!window.moments?.connected && !!window.moments?.board`, true)
		m := eval[moments](t, `({ ...window.moments, painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
			bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((n, e) => n + e.transferSize, 0) })`)
		painted, connected, board = append(painted, m.Painted), append(connected, m.Connected), append(board, m.Board)
		bytes = m.Bytes
		t.close()
	}
	b.ReportMetric(median(painted), "painted-ms")
	b.ReportMetric(median(connected), "connected-ms")
	b.ReportMetric(median(board), "board-ms")
	b.ReportMetric(bytes, "first-view-B")
	b.ReportMetric(0, "ns/op")
}
