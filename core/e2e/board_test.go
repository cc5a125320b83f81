package e2e_test

import (
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
)

// boardCanvas is where people paint.
const boardCanvas = `#board-pixels .board-canvas`

// waitBoard waits until the page shows the board as the server has it.
func (t *tab) waitBoard() {
	t.tb.Helper()
	waitValue(t, `document.querySelector('#board-pixels')?.dataset.state`, "live")
}

// at puts the mouse somewhere on the board, in parts of its width and height, and does
// something there.
func (t *tab) at(x, y float64, kind input.DispatchMouseEventType, button input.MouseButton) {
	t.tb.Helper()
	type box struct{ X, Y, Width, Height float64 }
	b := eval[box](t, `(() => { const c = document.querySelector(%s); c.scrollIntoView({ block: 'center', behavior: 'instant' }); return c.getBoundingClientRect().toJSON() })()`, js(boardCanvas))
	send(t, input.DispatchMouseEvent, input.DispatchMouseEventParams{
		Type: kind, X: b.X + x*b.Width, Y: b.Y + y*b.Height, Button: button, ClickCount: 1, PointerType: input.DispatchMouseEventPointerTypeMouse,
	})
}

// clickBoard clicks somewhere on the board.
func (t *tab) clickBoard(x, y float64) {
	t.tb.Helper()
	t.at(x, y, input.DispatchMouseEventTypeMouseMoved, input.MouseButtonNone)
	t.at(x, y, input.DispatchMouseEventTypeMousePressed, input.MouseButtonLeft)
	t.at(x, y, input.DispatchMouseEventTypeMouseReleased, input.MouseButtonLeft)
}

// painted returns how many cells of the board have a colour other than white, as its
// picture says, which is some seconds old at most; -1 if that is not to be had now.
func (s *server) painted() int {
	s.tb.Helper()
	res, err := http.Get(s.url + "/r/home/board.png")
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusTooManyRequests { // who asks all the time
		return -1
	}
	img, err := png.Decode(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	n := 0
	for _, c := range img.(*image.Paletted).Pix {
		if c != 0 {
			n++
		}
	}
	return n
}

func TestBoard(t *testing.T) {
	s := startServer(t)
	ann, bob := newPerson(t).open(s.url), newPerson(t).open(s.url)
	ann.waitBoard()
	bob.waitBoard()
	// The first click shows the cells, the second paints one.
	ann.clickBoard(0.5, 0.5)
	ann.clickBoard(0.5, 0.5)
	waitFor(t, "one painted cell", func() (string, bool) {
		n := s.painted()
		return fmt.Sprint(n), n == 1
	})
	// Who points at it is told whose it is.
	ann.at(0.5, 0.5, input.DispatchMouseEventTypeMouseMoved, input.MouseButtonNone)
	waitFor(t, "word of the cell", func() (string, bool) {
		said := ann.text("#board-pixels .board-readout")
		return said, strings.Contains(said, "black · painted by #") && strings.Contains(said, " in lhr ")
	})
	// Somebody else's page has it too. A click on cells that are too small to hit only
	// comes nearer.
	bob.clickBoard(0.5, 0.5)
	waitFor(t, "the other page to show it", func() (string, bool) {
		bob.at(0.5, 0.6, input.DispatchMouseEventTypeMouseMoved, input.MouseButtonNone)
		bob.at(0.5, 0.5, input.DispatchMouseEventTypeMouseMoved, input.MouseButtonNone)
		said := bob.text("#board-pixels .board-readout")
		return said, strings.Contains(said, "· black")
	})
	eval[bool](ann, `(document.querySelectorAll(".board-swatches input")[8].click(), true)`)
	ann.clickBoard(0.5, 0.5)
	waitFor(t, "the other page to show the next colour", func() (string, bool) {
		said := bob.text("#board-pixels .board-readout")
		return said, strings.Contains(said, "orange")
	})
	if *screenshots != "" {
		if err := os.MkdirAll(*screenshots, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			ann.clickBoard(0.3+0.05*float64(i), 0.4)
		}
		ann.shoot("board-desktop-light", 1440, 900, "light")
		ann.shoot("board-tablet-light", 768, 1024, "light")
		ann.shoot("board-phone-dark", 360, 780, "dark")
		bob.shoot("board-other-dark", 1440, 900, "dark")
	}
}
