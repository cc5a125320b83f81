package e2e_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// drainRate is how many sockets a second a server ends when it stops; see
// cable.Config.DrainRate.
const drainRate = 500

// TestStorm: a server that is restarted tells each of its pages to come back, and so many
// a second, so that they do not all come at once; those that do all the same it takes,
// and they are live again. What the pages do about it themselves is in
// assets/client/test/connection.test.js: the pause before they try is another for each.
//
// Others' servers were met by everybody in the same moment (rails/rails#40873).
func TestStorm(t *testing.T) {
	t.Parallel()
	const pages = 200
	file := "--data=" + filepath.Join(t.TempDir(), "state")
	listenAt := "--listen=" + freeAddress(t)
	s := startServer(t, file, listenAt)
	v := newVisitor(t, s.url)
	v.get("/").wantStatus(t, http.StatusOK)
	come := func() []*listener {
		t.Helper()
		all := make([]*listener, pages)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() { all[i] = tryListen(t, v, "home") })
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
		return all
	}
	sees := func(all []*listener, want int) {
		t.Helper()
		all[0].press(fmt.Sprint("storm-click-", want))
		for _, l := range all {
			l.waitCount(want)
		}
	}
	late := []string{"did not answer a call in time", "missed too many deadlines"} // two hundred pages are much for a machine that is busy
	all := come()
	sees(all, 1)

	s.worries = late
	children := s.features()
	began := time.Now()
	s.terminate()
	for i, l := range all {
		select {
		case <-l.ended:
		case <-time.After(patience):
			t.Fatalf("page %d is not told that the server stops", i)
		}
		if want := `{"type":"disconnect","reason":"server_restart","reconnect":true}`; !strings.Contains(l.cause.Error(), want) {
			t.Fatalf("page %d ends with %v, want %s", i, l.cause, want)
		}
		l.leave()
	}
	// Each is ended at its time or later, however busy the machine is.
	took, least := time.Since(began), time.Duration(float64(pages)/drainRate*float64(time.Second))
	if took < least {
		t.Errorf("%d pages were sent away within %v, want %v at least", pages, took, least)
	}
	t.Logf("%d pages were sent away within %v", pages, took.Round(time.Millisecond))
	if _, err := dial(v, "home"); err == nil {
		t.Error("a server that stops takes another page")
	}
	s.wait()
	s.checkGone(children)

	s = startServer(t, file, listenAt)
	s.worries = late
	began = time.Now()
	all = come()
	sees(all, 2)
	t.Logf("%d pages that came at once were live %v later", pages, time.Since(began).Round(time.Millisecond))
	admin := newVisitor(t, s.admin)
	admin.get("/metrics").wantText(t, fmt.Sprintf("\npresence_sessions %d\n", pages))
	for _, l := range all {
		_ = l.ws.WriteMessage(websocket.CloseMessage, nil) // or the end waits for each
	}
}
