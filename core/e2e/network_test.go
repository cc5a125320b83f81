package e2e_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestNetwork: what the page makes of a network that fails.
func TestNetwork(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	net := startProxy(t, s.address())
	a, b := newPerson(t).open(net.url), newPerson(t).open(s.url)
	a.mark()
	count := 0

	t.Run("cut for a moment", func(t *testing.T) {
		sockets := a.heard.opened()
		net.cut()
		began := time.Now()
		waitFor(t, "another socket", func() (string, bool) { return "", a.heard.opened() > sockets })
		b.click(addOne)
		count++
		b.waitCount(count)
		a.waitCount(count)
		a.waitLive()
		t.Logf("page was right again %v after the cut", time.Since(began).Round(time.Millisecond))
		a.checkMark()
	})

	t.Run("away for a while", func(t *testing.T) {
		net.refuse(true)
		net.cut()
		a.waitState("disconnected")
		a.waitText("[data-live-status]", "Reconnecting")
		if !eval[bool](a, `getComputedStyle(document.querySelector('.banner')).display === 'block'`) {
			t.Error("page does not say in large letters that the connection is gone")
		}

		b.click(lightSwitch)
		b.click(addOne)
		b.click(addOne)
		b.click(sayHi)
		b.waitLight(true)
		count += 2
		b.waitCount(count)
		b.waitIdle()

		a.waitLight(false) // what it showed stays
		a.click(addOne)    // and what is pressed is kept
		waitValue(a, `document.querySelectorAll('[aria-busy=true]').length`, 1)
		count++

		net.refuse(false)
		began := time.Now()
		a.waitLive()
		t.Logf("connected and settled %v after the network came back", time.Since(began).Round(time.Millisecond))
		for _, page := range []*tab{a, b} {
			page.waitCount(count)
			page.waitLight(true)
			waitValue(page, `document.querySelectorAll('#hello-list li').length`, 1)
			page.waitText("#regions-total", "2 people here, from 1 region.")
		}
		a.waitText("[data-live-status]", "Live")
		a.checkMark()
		checkOnce(t, b, count)
	})

	t.Run("answer lost", func(t *testing.T) {
		before := len(a.heard.frames(`counter#add`))
		net.swallow(true)
		a.click(addOne)
		count++
		b.waitCount(count) // it has arrived
		if n := eval[int](a, `window.live.pending()`); n != 1 {
			t.Errorf("%d events wait for an answer, want 1", n)
		}
		net.cut()
		net.swallow(false)
		a.waitLive()
		a.waitCount(count)
		checkOnce(t, b, count)
		a.checkMark()
		var ids []string
		for _, f := range a.heard.frames(`counter#add`)[before:] {
			ids = append(ids, eventID(t, f))
		}
		if len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("sent events %q, want one id twice", ids)
		}
	})

	t.Run("silent", func(t *testing.T) {
		// The network is gone without a word, and the browser says it has a new one.
		net.swallow(true)
		sockets := a.heard.opened()
		b.click(addOne)
		count++
		b.waitCount(count)
		a.click(addOne)
		count++
		b.waitCount(count)
		eval[bool](a, `dispatchEvent(new Event('online'))`)
		waitFor(t, "the page to give up the silent socket", func() (string, bool) { return "", a.heard.opened() > sockets })
		net.cut()
		net.swallow(false)
		a.waitLive()
		a.waitCount(count)
		checkOnce(t, b, count)
		a.checkMark()
	})
}

// checkOnce sees to it that nothing that was done ran twice: it does one more thing
// to the counter, which is shown after all that came before, and takes it back.
func checkOnce(t *testing.T, page *tab, count int) {
	t.Helper()
	page.click(addOne)
	page.waitCount(count + 1)
	page.click(takeOne)
	page.waitCount(count)
	page.waitIdle()
}

// eventID returns the id of the event that a frame of the page carries.
func eventID(t *testing.T, raw string) string {
	t.Helper()
	var f struct{ Data string }
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(f.Data), &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

// TestBackButton: a page that comes back from the browser's cache of pages is live
// and right again.
func TestBackButton(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a, b := newPerson(t).open(s.url), newPerson(t).open(s.url)
	a.visit(s.url + "/r/kitchen")
	a.waitLive()
	b.click(addOne)
	b.waitText("#regions-total", "1 person here, from 1 region.")
	eval[bool](a, `(history.back(), true)`)
	waitValue(a, `document.documentElement.dataset.liveRoom`, "home")
	a.waitLive()
	a.waitCount(1)
	b.waitText("#regions-total", "2 people here, from 1 region.")
	a.click(addOne)
	b.waitCount(2)
}

// TestTyping: what somebody writes, and where, is theirs, whatever others do.
func TestTyping(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a, b := newPerson(t).open(s.url), newPerson(t).open(s.url)
	lit := false
	others := func(t *testing.T) {
		t.Helper()
		b.waitLight(lit) // or the press would say what is so already
		b.click(lightSwitch)
		b.click(addOne)
		b.click(sayHi)
		b.waitIdle()
		lit = !lit
		a.waitLight(lit)
	}

	t.Run("field", func(t *testing.T) {
		a.click(roomName)
		a.press("kitchn")
		eval[bool](a, `(window.field = document.activeElement, field.setSelectionRange(4, 4), true)`)
		const look = `[document.activeElement === field, field.isConnected, field.value, field.selectionStart, field.selectionEnd].join(' ')`
		for range 3 {
			others(t)
			if diff := cmp.Diff("true true kitchn 4 4", eval[string](a, look)); diff != "" {
				t.Errorf("field (-want +got):\n%s", diff)
			}
		}
		a.press("e")
		waitValue(a, `field.value`, "kitcehn")
	})

	t.Run("button", func(t *testing.T) {
		for _, control := range []string{lightSwitch, addOne, sayHi} {
			eval[bool](a, `(document.querySelector(%s).focus(), window.control = document.activeElement, true)`, js(control))
			const look = `document.activeElement === control && control.isConnected`
			others(t)
			if !eval[bool](a, look) {
				t.Errorf("%s: focus lost when others did something; it is at %s", control, a.focused())
			}
			a.press(" ") // as with a mouse, and the answer changes the control itself
			a.waitIdle()
			if control == lightSwitch {
				lit = !lit
			}
			others(t)
			if !eval[bool](a, look) {
				t.Errorf("%s: focus lost when it was pressed; it is at %s", control, a.focused())
			}
		}
	})
}

// focused describes the element that has the keyboard's focus.
func (t *tab) focused() string {
	t.tb.Helper()
	return eval[string](t, `document.activeElement.outerHTML.slice(0, 200)`)
}
