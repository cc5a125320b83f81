package e2e_test

import "testing"

// watch makes a page note what changes in its connection and in the line of a
// feature that says that it rests, from now on.
func (t *tab) watch(feature string) {
	t.tb.Helper()
	eval[bool](t, `(() => {
		const html = document.documentElement, rest = () => document.querySelector(%s)
		window.states = []
		window.rests = [rest().textContent]
		new MutationObserver(() => states.push(html.dataset.live)).observe(html, { attributes: true, attributeFilter: ['data-live'] })
		new MutationObserver(() => {
			const text = rest().textContent
			if (rests.at(-1) === text) return
			rests.push(text)
			if (text && window.whileResting) window.whileResting()
		}).observe(document.querySelector('main'), { childList: true, characterData: true, subtree: true })
		return true
	})()`, js("#page_rest-"+feature))
}

// TestResting: a feature whose process is killed rests in its own corner and comes
// back, and nothing that was done meanwhile is lost or done twice.
func TestResting(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.worries = []string{"counter"}
	a, b := newPerson(t).open(s.url), newPerson(t).open(s.url)
	a.mark()
	const resting = "Resting, back in a moment."
	for range 3 {
		a.click(addOne)
	}
	b.waitCount(3)
	a.watch("counter")
	b.watch("lightbulb")
	count := 3
	for round := range 2 {
		eval[bool](a, `(window.whileResting = () => {
			window.light = document.querySelector('#lightbulb h2 ~ [role=status]').textContent
			document.querySelector(%s).click()
		}, true)`, js(addOne))
		count++
		s.killFeature("counter")
		b.click(lightSwitch) // the others do not notice
		b.waitLight(round == 0)
		waitValue(a, `rests.length % 2 === 1 && rests.length >= 3`, true)
		a.waitText("#page_rest-counter", "")
		a.waitIdle()
		a.waitCount(count)
		b.waitCount(count)
		a.waitText("#page_error-counter", "") // nothing is left of the refusal
		eval[bool](a, `(delete window.whileResting, true)`)
	}
	b.click(addOne)
	count++
	a.waitCount(count)
	b.waitCount(count)

	if got := eval[[]string](a, `rests`); len(got) < 3 || got[1] != resting {
		t.Errorf("corner said %q, want %q between", got, resting)
	}
	if got := eval[[]string](b, `rests`); len(got) != 1 {
		t.Errorf("corner of another feature said %q", got)
	}
	for _, page := range []*tab{a, b} {
		if got := eval[[]string](page, `states`); len(got) > 0 {
			t.Errorf("connection became %q, want no change", got)
		}
		if got := page.heard.opened(); got != 1 {
			t.Errorf("page opened %d sockets, want the first one only", got)
		}
	}
	a.checkMark()
}

// TestResting_all: all features killed at once come back, on the pages that are open
// and on one that is opened meanwhile.
func TestResting_all(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.worries = []string{"feature"}
	a := newPerson(t).open(s.url)
	a.click(addOne)
	a.click(sayHi)
	a.click(lightSwitch)
	a.waitIdle()
	for name := range s.features() {
		s.killFeature(name)
	}
	b := newPerson(t).open(s.url)
	for _, page := range []*tab{a, b} {
		for _, name := range []string{"lightbulb", "regions", "hello", "counter", "identity", "tabs"} {
			page.waitText("#page_rest-"+name, "")
		}
		page.waitCount(1)
		page.waitLight(true)
		waitValue(page, `document.querySelectorAll('#hello-list li').length`, 1)
		page.waitText("#regions-total", "2 people here, from 1 region.")
		page.waitText("#tabs-count p", "You have 1 tab open on this page.")
		page.waitText("#identity dd", "Drawn at random and kept in a cookie. It is the same in all your tabs.")
	}
}
