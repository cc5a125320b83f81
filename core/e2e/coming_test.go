package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

var door = regexp.MustCompile(`<output [^>]*\bid="tally-door"[^>]*>([^<]*)</output>`)

// waitDoor waits until a page says that so many tabs have come to the room and gone, as
// the feature has heard it.
func waitDoor(tb testing.TB, v *visitor, came, went int) {
	tb.Helper()
	want := fmt.Sprintf("%d came, %d went", came, went)
	waitFor(tb, want, func() (string, bool) {
		m := door.FindStringSubmatch(v.get("/").body)
		if m == nil {
			return "no door", false
		}
		return m[1], m[1] == want
	})
}

// TestComing: a feature hears of each tab that comes and each that goes, once, in
// whatever way that happens: it says goodbye, its connection is cut without a word, its
// server stops, or its server is killed and others wait until it should have been heard
// of.
//
// Others tell the services behind them nothing of who has left, and say how that may be
// found out otherwise (centrifugal/centrifugo#93, #195, #924).
func TestComing(t *testing.T) {
	t.Parallel()
	file := tally(t, "process", "Tally", "1")
	store := keydbtest.Start(t, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	pl := &planet{}
	for _, code := range []string{"lhr", "syd"} {
		d := pluginDir{server: &server{tb: t}, dir: t.TempDir()}
		d.copy(file, "tally")
		pl.add(t, code, "--keydb="+store.URL(), "--plugins="+d.dir)
	}
	pl.start(t)
	lhr, syd := pl.places[0], pl.places[1]
	here, there := newVisitor(t, lhr.server.url), newVisitor(t, syd.server.url)
	here.get("/").wantStatus(t, http.StatusOK)
	there.get("/").wantStatus(t, http.StatusOK)
	waitDoor(t, here, 0, 0)
	waitDoor(t, there, 0, 0)

	stays, polite, cut := listen(t, here, "home"), listen(t, here, "home"), listen(t, here, "home")
	stopped := []*listener{listen(t, there, "home"), listen(t, there, "home")}
	waitDoor(t, here, 5, 0)
	if err := polite.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "")); err != nil {
		t.Fatal(err)
	}
	waitDoor(t, here, 5, 1)
	cut.leave()
	waitDoor(t, here, 5, 2)

	syd.server.stop()
	waitDoor(t, here, 5, 4)
	for _, l := range stopped {
		l.leave()
	}
	syd.start(t)
	waitDoor(t, there, 5, 4) // its feature is up
	listen(t, there, "home")
	listen(t, there, "home")
	waitDoor(t, here, 7, 4)
	syd.server.kill()
	waitDoor(t, here, 7, 6)
	syd.start(t)
	waitDoor(t, there, 7, 6)
	listen(t, there, "home")
	waitDoor(t, here, 8, 6)
	stays.stillThere()
}
