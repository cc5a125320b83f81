package e2e_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"
)

var demoReady = regexp.MustCompile(`msg="demo ready" url=(\S+)`)

// startDemo starts the demo of three regions. Its page is at the server's url.
func startDemo(tb testing.TB) *server {
	tb.Helper()
	s := launch(tb, "demo", "--listen=127.0.0.1:0", "--regions=iad,lhr,syd")
	s.url = s.waitSaid(demoReady)[1]
	// That is how others see a region that is cut off, and how it sees what it missed.
	s.worries = []string{"binary stopped beating", "log entries missed"}
	return s
}

// openDemo opens the demo's page and waits until it follows the regions.
func (p *person) openDemo(url string) *tab {
	p.tb.Helper()
	t := p.newTab()
	t.visit(url)
	waitValue(t, `document.documentElement.dataset.demo`, "live")
	return t
}

// regionURLs returns the addresses of the regions that the demo's page shows.
func (t *tab) regionURLs() []string {
	t.tb.Helper()
	return eval[[]string](t, `[...document.querySelectorAll('iframe')].map(f => f.src)`)
}

// framed returns what documents in frames of the page say of themselves: whether
// they are live, in which region, and to whom.
func (t *tab) framed() []string {
	t.tb.Helper()
	whole, through := int64(-1), true
	root := send(t, dom.GetDocument, dom.GetDocumentParams{Depth: &whole, Pierce: &through}).Root
	var all []string
	var walk func(n *cdp.Node)
	walk = func(n *cdp.Node) {
		if doc := n.ContentDocument; doc != nil {
			html := first(doc, func(n *cdp.Node) bool { return n.LocalName == "html" })
			name := first(doc, func(n *cdp.Node) bool { return strings.Contains(attribute(n, "class"), "identity-name") })
			title := attribute(n, "title")
			all = append(all, fmt.Sprintf("%s: %s, %s", title, attribute(html, "data-live"), words(name)))
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(root)
	return all
}

// first returns the first node below n for which is holds, or nil.
func first(n *cdp.Node, is func(*cdp.Node) bool) *cdp.Node {
	if is(n) {
		return n
	}
	for _, c := range n.Children {
		if found := first(c, is); found != nil {
			return found
		}
	}
	return nil
}

func attribute(n *cdp.Node, name string) string {
	for i := 0; n != nil && i+1 < len(n.Attributes); i += 2 {
		if n.Attributes[i] == name {
			return n.Attributes[i+1]
		}
	}
	return ""
}

// words returns the text below a node, with single spaces.
func words(n *cdp.Node) string {
	if n == nil {
		return "nobody"
	}
	text := n.NodeValue
	for _, c := range n.Children {
		text += " " + words(c)
	}
	return strings.Join(strings.Fields(text), " ")
}

// greetings returns who has said hi and where, newest first.
func (t *tab) greetings() []string {
	t.tb.Helper()
	return eval[[]string](t, `[...document.querySelectorAll('#hello-list li')].map(li => li.querySelector('b').textContent + ', ' + li.querySelector('.who').textContent)`)
}

// TestDemo: what people do in one region they see in the others; a region that is
// cut off goes on by itself, and all agree when it is back. It is one test, since a
// demo is many processes.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	ann := newPerson(t)
	page := ann.openDemo(s.url)
	urls := page.regionURLs()
	if len(urls) != 3 {
		t.Fatalf("the page shows %q, want three regions", urls)
	}

	t.Run("frames", func(t *testing.T) {
		me := ann.open(urls[0]).text(".identity-name")
		var want []string
		for _, city := range []string{"Ashburn", "London", "Sydney"} {
			want = append(want, fmt.Sprintf("The page in %s: connected, %s", city, me))
		}
		waitFor(t, "three live frames for one person", func() (string, bool) {
			got := page.framed()
			return strings.Join(got, "; "), slices.Equal(got, want)
		})
	})

	iad, lhr, syd := newPerson(t).open(urls[0]), newPerson(t).open(urls[1]), newPerson(t).open(urls[2])
	all := []*tab{iad, lhr, syd}

	t.Run("people", func(t *testing.T) {
		for _, r := range all { // Ann is in each of them, by the frames
			r.waitText("#regions-list", "Ashburn, United States iad 2London, United Kingdom lhr 2Sydney, Australia syd 2")
		}
	})

	t.Run("light", func(t *testing.T) {
		eval[bool](page, `(animate => {
			window.sparks = 0
			Element.prototype.animate = function (...how) {
				if (this.matches('.wide .spark')) sparks++
				return animate.apply(this, how)
			}
			return true
		})(Element.prototype.animate)`)
		iad.click(lightSwitch)
		for _, r := range all {
			r.waitLight(true)
			r.waitText("#lightbulb-status", "Last switched on by "+iad.text(".identity-name")+" in Ashburn.")
		}
		syd.click(lightSwitch)
		for _, r := range all {
			r.waitLight(false)
		}
		waitValue(page, `window.sparks`, 4) // two clicks, each on its way to two regions
		page.waitText(".verdict", "All three regions agree.")
		page.waitText("#region-syd .word", "Connected to the others.")
		if ways := page.text("#region-syd .ways"); !regexp.MustCompile(`from Ashburn 101 ms \(last [0-9]+ ms\)`).MatchString(ways) {
			t.Errorf("the page says %q of the way to Sydney, want how long the click took", ways)
		}
	})

	t.Run("count and hello", func(t *testing.T) {
		for i, r := range all {
			r.click(addOne)
			r.click(sayHi)
			r.waitIdle()
			for _, other := range all {
				other.waitCount(i + 1)
				waitValue(other, `document.querySelectorAll('#hello-list li').length`, i+1)
			}
		}
		for _, r := range all[1:] {
			if diff := cmp.Diff(iad.greetings(), r.greetings()); diff != "" {
				t.Errorf("greetings (-Ashburn +other):\n%s", diff)
			}
		}
	})

	t.Run("cut", func(t *testing.T) {
		page.mark()
		page.click("#region-syd button")
		page.waitText("#region-syd button", "Let Sydney rejoin")
		page.waitText(".verdict", "Sydney is cut off. So far everyone still sees the same.")
		syd.click(lightSwitch)
		syd.waitLight(true)
		for range 2 {
			syd.click(addOne)
		}
		iad.click(takeOne)
		lhr.click(sayHi)
		syd.waitCount(5)
		syd.waitIdle()
		for _, r := range []*tab{iad, lhr} {
			r.waitCount(2)
			r.waitLight(false)
			waitValue(r, `document.querySelectorAll('#hello-list li').length`, 4)
		}
		page.waitText(".verdict", "Sydney is cut off. The regions differ in counter, hello and lightbulb.")
		page.waitText("#region-syd .word", "Cut off: 3 changes wait here, 2 outside.")
		waitValue(page, `[...document.querySelectorAll('#region-syd .ways li')].map(li => li.textContent).join()`, "nothing from Ashburn,nothing from London")
		syd.waitCount(5)
		waitValue(syd, `document.querySelectorAll('#hello-list li').length`, 3)
		waitValue(page, `[...document.querySelectorAll('.wide text')].map(t => t.textContent).join()`, "39 ms,4 waiting,4 waiting")
	})

	t.Run("rejoin", func(t *testing.T) {
		page.click("#region-syd button")
		page.waitText("#region-syd button", "Cut Sydney off")
		for _, r := range all {
			r.waitCount(4)
			r.waitLight(true)
			waitValue(r, `document.querySelectorAll('#hello-list li').length`, 4)
		}
		page.waitText(".verdict", "All three regions agree.")
		page.waitText("#region-syd .word", "Connected to the others.")
		page.checkMark() // the frames were never loaded again
		if diff := cmp.Diff(iad.greetings(), syd.greetings()); diff != "" {
			t.Errorf("greetings (-Ashburn +Sydney):\n%s", diff)
		}
	})

	t.Run("access", func(t *testing.T) { checkDemoAccess(t, s) })
	t.Run("no script", func(t *testing.T) { checkDemoWithoutScript(t, s) })

	s.stop()
	waitValue(page, `document.documentElement.dataset.demo`, "gone")
	page.waitText(".gone", "The demo has stopped. Start it again and this page goes on.")
	page.waitText(".verdict", "The demo does not answer.")
	page.waitText("#region-syd .word", "Not known.")
}

// checkDemoWithoutScript uses the page's buttons as the forms that they are.
func checkDemoWithoutScript(t *testing.T, s *server) {
	t.Helper()
	page := newPerson(t).newTab()
	send(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	page.scriptOff = true
	page.visit(s.url)
	page.waitText(".verdict", "All three regions agree.")
	page.waitText("noscript", "Script is off. All buttons work; reload to see what changed.")
	page.click("#region-lhr button")
	page.waitText(".verdict", "London is cut off. So far everyone still sees the same.")
	page.click("#region-lhr button")
	page.waitText(".verdict", "All three regions agree.")
}

// checkDemoAccess checks what a keyboard, a screen reader and a small screen need.
func checkDemoAccess(t *testing.T, s *server) {
	t.Helper()
	page := newPerson(t).openDemo(s.url)
	for expression, want := range map[string]string{
		`document.documentElement.lang`:                  "en",
		`document.title`:                                 "Three regions · Global Presence",
		`String(document.querySelectorAll('h1').length)`: "1",
		`[...document.querySelectorAll('h1, h2, h3')].map(h => h.tagName).join('')`:                                                                "H1H2H2H2",
		`[...document.querySelectorAll('svg')].filter(e => !e.closest('[aria-hidden=true]')).length + ''`:                                          "0",
		`[...document.querySelectorAll('iframe')].map(f => f.title).join()`:                                                                        "The page in Ashburn,The page in London,The page in Sydney",
		`[...document.querySelectorAll('[aria-labelledby]')].filter(e => !document.getElementById(e.getAttribute('aria-labelledby'))).length + ''`: "0",
		`[...document.querySelectorAll('button')].map(b => b.textContent).join()`:                                                                  "Cut Ashburn off,Cut London off,Cut Sydney off",
	} {
		if got := eval[string](page, "%s", expression); got != want {
			t.Errorf("%s = %q, want %q", expression, got, want)
		}
	}

	// From the top: the regions to jump to, then what belongs to the first one.
	const describe = `(e => e.getAttribute('aria-label') ?? e.textContent.trim())`
	page.visit(s.url)
	waitValue(page, `document.documentElement.dataset.demo`, "live")
	for _, want := range []string{"Ashburn", "London", "Sydney", "Ashburn in a tab of its own", "Cut Ashburn off"} {
		page.press("\t")
		if got := eval[string](page, describe+`(document.activeElement)`); got != want {
			t.Errorf("Tab leads to %q, want %q", got, want)
		}
		if !eval[bool](page, `(e => getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(document.activeElement)`) {
			t.Errorf("focus cannot be seen at %q", want)
		}
	}
	page.press("\r")
	page.waitText("#region-iad button", "Let Ashburn rejoin")
	if got := eval[string](page, describe+`(document.activeElement)`); got != "Let Ashburn rejoin" {
		t.Errorf("focus went to %q", got)
	}
	page.press("\r")
	page.waitText(".verdict", "All three regions agree.")

	for _, width := range []int64{320, 390, 768, 1024, 1440} {
		send(page, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
		if over := eval[int](page, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("at %d pixels the page is %d too wide", width, over)
		}
		// WCAG 2.2, 2.5.8: 24 by 24.
		if small := eval[[]string](page, `[...document.querySelectorAll('button')].filter(e => e.offsetWidth < 24 || e.offsetHeight < 24).map(e => e.outerHTML)`); len(small) > 0 {
			t.Errorf("at %d pixels too small to hit: %q", width, small)
		}
	}
}

// TestScreenshots_Demo saves what people see of the demo, as TestScreenshots does.
func TestScreenshots_Demo(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no folder")
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	s := startDemo(t)
	page := newPerson(t).openDemo(s.url)
	urls := page.regionURLs()
	iad, syd := newPerson(t).open(urls[0]), newPerson(t).open(urls[2])
	both := func(state string) {
		for _, scheme := range []string{"light", "dark"} {
			page.shoot("demo-"+state+"-desktop-"+scheme, 1440, 900, scheme)
			page.shoot("demo-"+state+"-phone-"+scheme, 390, 844, scheme)
		}
	}
	both("fresh")
	iad.click(lightSwitch)
	iad.click(sayHi)
	syd.waitLight(true)
	both("on")
	page.activate("#region-syd button")
	page.waitText("#region-syd button", "Let Sydney rejoin")
	syd.click(lightSwitch)
	for range 2 {
		syd.click(addOne)
	}
	iad.click(addOne)
	page.waitText("#region-syd .word", "Cut off: 3 changes wait here, 1 outside.")
	both("cut")
	page.shoot("demo-cut-tablet-light", 820, 1180, "light")
}
