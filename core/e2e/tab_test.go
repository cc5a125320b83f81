package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// tab is one page that a person has open.
type tab struct {
	tb    testing.TB
	ctx   context.Context
	close func()
	heard *heard

	scriptOff bool
}

// newTab opens an empty tab, closed when the test ends. What the page complains
// about meanwhile fails the test, unless it took the complaints.
func (p *person) newTab() *tab {
	p.tb.Helper()
	t := &tab{tb: p.tb, heard: &heard{}}
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithListener(t.heard.hear))
	t.ctx = ctx
	t.close = func() {
		if t.tb.Failed() && ctx.Err() == nil {
			shows, err := tryEval[string](t, "location.href + ': ' + document.body?.innerText.slice(0, 500)")
			t.tb.Logf("the tab shows %s (%v)", shows, err)
		}
		cancel()
		for _, c := range t.heard.take() {
			if c.grave {
				t.tb.Errorf("page complains: %s", c.text)
			}
		}
	}
	p.tb.Cleanup(t.close)
	if err := chromedp.Do(ctx); err != nil {
		p.tb.Fatal(err)
	}
	send(t, audits.Enable, cdp.Empty{})
	return t
}

// open opens an address in a new tab and waits until the page is live.
func (p *person) open(url string) *tab {
	p.tb.Helper()
	t := p.newTab()
	t.visit(url)
	t.waitLive()
	return t
}

// visit loads an address.
func (t *tab) visit(url string) {
	t.tb.Helper()
	t.do(chromedp.Navigate(url))
}

// do runs actions of chromedp.
func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.tb.Fatal(err)
	}
}

// send sends a command of the DevTools protocol.
func send[P, R any](t *tab, command cdp.Command[P, R], params P) R {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.tb.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

// eval returns the value of a JavaScript expression on the page.
func eval[T any](t *tab, format string, args ...any) T {
	t.tb.Helper()
	v, err := tryEval[T](t, format, args...)
	if err != nil {
		t.tb.Fatalf("evaluate %s: %v", fmt.Sprintf(format, args...), err)
	}
	return v
}

func tryEval[T any](t *tab, format string, args ...any) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// js writes a Go value as JavaScript.
func js(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and numbers come here
	}
	return string(b)
}

// waitValue waits until an expression has a value, across loads of the page.
func waitValue[T comparable](t *tab, expression string, want T) {
	t.tb.Helper()
	waitFor(t.tb, fmt.Sprintf("%s to be %#v", expression, want), func() (string, bool) {
		got, err := tryEval[T](t, "%s", expression)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%#v", got), got == want
	})
}

// textOf is the expression for what an element says, with single spaces.
func textOf(selector string) string {
	return fmt.Sprintf(`(document.querySelector(%s)?.textContent ?? 'nothing there').trim().replace(/\s+/g, ' ')`, js(selector))
}

// text returns what an element says.
func (t *tab) text(selector string) string {
	t.tb.Helper()
	return eval[string](t, "%s", textOf(selector))
}

// waitText waits until an element says want.
func (t *tab) waitText(selector, want string) {
	t.tb.Helper()
	waitValue(t, textOf(selector), want)
}

// waitState waits until the page says how its connection is.
func (t *tab) waitState(want string) {
	t.tb.Helper()
	waitValue(t, `document.documentElement.dataset.live`, want)
}

// waitLive waits until the page is connected and waits for nothing.
func (t *tab) waitLive() {
	t.tb.Helper()
	t.waitState("connected")
	t.waitIdle()
}

// waitIdle waits until nothing that was done on the page waits for an answer.
func (t *tab) waitIdle() {
	t.tb.Helper()
	waitValue(t, `document.querySelectorAll('[aria-busy]').length + window.live.pending()`, 0)
}

// waitCount waits until the counter of the page shows n.
func (t *tab) waitCount(n int) {
	t.tb.Helper()
	t.waitText("#counter-total", strings.Replace(fmt.Sprint(n), "-", "\u2212", 1))
}

// waitLight waits until the page shows the light on or off, in all its parts.
func (t *tab) waitLight(on bool) {
	t.tb.Helper()
	want := fmt.Sprintf("%t %t", on, on)
	waitValue(t, `document.querySelector('#lightbulb-bulb')?.dataset.on + ' ' + document.querySelector(`+js(lightSwitch)+`)?.ariaChecked`, want)
}

// The controls of the page.
const (
	lightSwitch = `#lightbulb-switch button`
	addOne      = `#counter-buttons [value="1"]`
	takeOne     = `#counter-buttons [value="-1"]`
	sayHi       = `#hello-say button`
	roomName    = `input[name=room]`
)

// click clicks an element with the mouse, where a person would, once it stands still. When
// the page moves under the mouse all the same, and nothing else was hit, it tries again as
// a person would.
func (t *tab) click(selector string) {
	t.tb.Helper()
	type point struct {
		X, Y  float64
		Under string
	}
	var before point
	if t.scriptOff { // a click may have led to this page, of which a part is there
		waitValue(t, `document.readyState`, "complete")
	}
	waitFor(t.tb, "the mouse to hit "+selector, func() (string, bool) {
		p := eval[point](t, `(() => {
			const el = document.querySelector(%s)
			if (!el) throw new Error('nothing to click')
			el.scrollIntoView({ block: 'center', behavior: 'instant' })
			const r = el.getBoundingClientRect()
			const x = r.x + r.width / 2, y = r.y + r.height / 2
			const top = document.elementFromPoint(x, y)
			window.hit = ''
			addEventListener('click', e => {
				const control = e.target.closest('button, a, input')
				hit = el.contains(e.target) ? 'it' : control ? control.outerHTML : ''
			}, { capture: true, once: true })
			return { X: x, Y: y, Under: el.contains(top) ? '' : (top?.outerHTML ?? 'nothing') }
		})()`, js(selector))
		if p != before {
			before = p
			return fmt.Sprintf("it at %.0f, %.0f", p.X, p.Y), false
		}
		if p.Under != "" {
			t.tb.Fatalf("click %s: it is covered by %s", selector, p.Under)
		}
		t.do(chromedp.MouseClickXY(p.X, p.Y))
		if t.scriptOff {
			return "", true
		}
		hit, err := tryEval[string](t, `window.hit ?? 'another page'`)
		if err != nil { // the click led to another page
			return "", true
		}
		if hit != "" && hit != "it" && hit != "another page" {
			t.tb.Fatalf("click %s: the page has moved, and it hit %s", selector, hit)
		}
		return "nothing there", hit != ""
	})
}

// activate clicks an element without a mouse, for moments in which it may move.
func (t *tab) activate(selector string) {
	t.tb.Helper()
	eval[bool](t, `(document.querySelector(%s).click(), true)`, js(selector))
}

// press presses keys, one after the other.
func (t *tab) press(keys string) {
	t.tb.Helper()
	t.do(chromedp.KeyEvent(keys))
}

// mark leaves something on the page that a reload would lose.
func (t *tab) mark() { t.tb.Helper(); eval[bool](t, `window.marker = true`) }

// checkMark sees to it that the page was not loaded again since mark.
func (t *tab) checkMark() {
	t.tb.Helper()
	if !eval[bool](t, `window.marker === true`) {
		t.tb.Error("page was loaded again")
	}
}
