package e2e_test

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestRestart: a server that is asked to stop and started again costs its pages
// nothing.
func TestRestart(t *testing.T) {
	t.Parallel()
	file := "--data=" + filepath.Join(t.TempDir(), "state")
	listen := "--listen=" + freeAddress(t)
	s := startServer(t, file, listen)
	ann := newPerson(t)
	a, b := ann.open(s.url), newPerson(t).open(s.url)
	a.click(addOne)
	a.click(addOne)
	a.click(lightSwitch)
	b.click(sayHi)
	b.waitIdle()
	a.waitIdle()
	b.waitCount(2)
	a.mark()
	a.watch("counter")
	who := a.text(".identity-name")

	began := time.Now()
	s.stop()
	t.Logf("server stopped in %v", time.Since(began).Round(time.Millisecond))
	a.waitState("disconnected")
	a.waitText("[data-live-status]", "Reconnecting")
	a.waitLight(true) // what it showed stays
	a.waitCount(2)
	a.click(addOne) // and is kept
	waitValue(a, `document.querySelectorAll('[aria-busy=true]').length`, 1)

	s = startServer(t, file, listen)
	began = time.Now()
	a.waitLive()
	b.waitLive()
	t.Logf("pages are back %v after the server", time.Since(began).Round(time.Millisecond))
	for _, page := range []*tab{a, b, ann.open(s.url)} {
		page.waitCount(3)
		page.waitLight(true)
		waitValue(page, `document.querySelectorAll('#hello-list li').length`, 1)
		page.waitText("#regions-total", "2 people here, from 1 region.")
	}
	a.waitText("#tabs-count p", "You have 2 tabs open on this page.")
	a.waitText(".identity-name", who)
	a.waitText("[data-live-status]", "Live")
	a.checkMark()
}

// TestRestart_forgetful: a server without a file comes back with another secret and
// an empty state. The page gets a new identity and shows what is true now.
func TestRestart_forgetful(t *testing.T) {
	t.Parallel()
	listen := "--listen=" + freeAddress(t)
	s := startServer(t, listen)
	a := newPerson(t).open(s.url)
	a.click(addOne)
	a.click(lightSwitch)
	a.click(sayHi)
	a.waitIdle()
	a.waitCount(1)
	a.mark()
	who := a.text(".identity-name")

	s.kill()
	a.waitState("disconnected")
	startServer(t, listen)
	a.waitLive()
	a.waitCount(0)
	a.waitLight(false)
	a.waitText("#hello-empty", "Nobody has said hi yet. You could be the first.")
	waitFor(t, "another identity than "+who, func() (string, bool) {
		now := a.text(".identity-name")
		return now, now != who
	})
	a.waitText("#regions-total", "1 person here, from 1 region.")
	a.waitText("#tabs-count p", "You have 1 tab open on this page.")
	a.click(addOne)
	a.waitCount(1)
	a.waitIdle()
	a.checkMark()
}

// TestStop_silent: a connection on which nothing was ever said, as browsers open
// them in advance, does not hold up the end of a server: it would warn when its time to
// stop is up.
func TestStop_silent(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--stop-timeout=5s") // less than the 10 s after which it is closed anyway
	conn, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	newVisitor(t, s.url).get("/").wantStatus(t, http.StatusOK) // accepted after conn
	s.stop()
}
