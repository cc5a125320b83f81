package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine/keydb/keydbtest"
)

// TestSilent: whatever comes between a region and its store, the pages that it has open
// see what others do again, in both directions and without being loaded or connected
// again, and the region is not ready as long as it cannot. That is so also where nobody
// tells it that its connections are dead, and for what no log has, such as pointers.
// Until then it tries no oftener than it should, and says little.
//
// Others went silent until they were restarted (anycable/anycable#275), or spent a whole
// core on trying (centrifugal/centrifugo#85).
func TestSilent(t *testing.T) {
	t.Parallel()
	store := keydbtest.Start(t, keydbtest.Options{Args: []string{"--appendonly", "yes"}})
	link := startProxy(t, store.Addr())
	pl := &planet{}
	lhr := pl.add(t, "lhr", "--keydb=redis://"+strings.TrimPrefix(link.url, "http://"))
	syd := pl.add(t, "syd", "--keydb="+store.URL())
	pl.start(t)
	follow := func(p *place) *listener {
		v := newVisitor(t, p.server.url)
		v.get("/").wantStatus(t, http.StatusOK)
		return listen(t, v, "home")
	}
	ann, bob := follow(lhr), follow(syd)
	admin := newVisitor(t, lhr.server.admin)

	clicks := 0
	together := func(t *testing.T, when string) {
		t.Helper()
		for _, from := range []*listener{bob, ann} {
			clicks++
			from.press(fmt.Sprintf("click-%d-%s", clicks, when))
			ann.waitCount(clicks)
			bob.waitCount(clicks)
		}
		bob.point(ann, 1000+clicks)
		ann.point(bob, 2000+clicks)
	}
	together(t, "first")
	for _, fault := range []struct {
		name       string
		begin, end func()
		quiet      bool // nobody need notice but who uses a connection
	}{
		{"killed", store.Kill, func() { store.Restart(true) }, false},
		{"hangs", store.Pause, store.Resume, false},
		{"refused", func() { link.refuse(true); link.cut() }, func() { link.refuse(false) }, false},
		{"dead", link.deaden, func() {}, true},
		{"killed-again", store.Kill, func() { store.Restart(true) }, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			calls, said, began := link.calls(), lhr.server.complaints(), time.Now()
			fault.begin()
			if !fault.quiet {
				waitFor(t, "word that the store is away", func() (string, bool) {
					a := admin.get("/readyz")
					return a.body, a.StatusCode == http.StatusServiceUnavailable
				})
			}
			fault.end()
			pl.waitReady(t)
			together(t, fault.name)
			took := time.Since(began)
			calls, said = link.calls()-calls, lhr.server.complaints()-said
			t.Logf("it was over after %v, with %d connections and %d complaints in the log", took.Round(time.Millisecond), calls, said)
			if most := 30 + 30*int(took.Seconds()); calls > most {
				t.Errorf("%d connections to the store in %v, want at most %d", calls, took, most)
			}
			if most := 20; said > most {
				t.Errorf("%d complaints in the log, want at most %d", said, most)
			}
		})
	}
}

// complaints returns how many warnings and errors the log has.
func (s *server) complaints() int {
	log := s.out.String()
	return strings.Count(log, "level=WARN") + strings.Count(log, "level=ERROR")
}

// point moves the pointer of a page to a place until another page has seen it there. What
// is lost of it, as some may be, is not sent again by anybody else.
func (l *listener) point(other *listener, x int) {
	l.tb.Helper()
	moves := 0
	waitFor(l.tb, fmt.Sprintf("the pointer at %d to be seen", x), func() (string, bool) {
		other.stillThere()
		if moves++; moves%10 == 1 {
			err := l.command("message", map[string]any{
				"action": "event", "v": 1, "id": fmt.Sprintf("move-%d-%d", x, moves), "tabId": "t",
				"target": "cursors#move", "event": "act", "latest": true, "fields": map[string]string{"x": fmt.Sprint(x), "y": "5"},
			})
			if err != nil {
				l.tb.Fatal(err)
			}
		}
		for _, op := range other.heard() {
			if op.Name == "live:signals" && strings.Contains(string(op.Detail), fmt.Sprintf(" %d 5", x)) {
				return "", true
			}
		}
		return fmt.Sprintf("%d moves", moves/10), false
	})
}
