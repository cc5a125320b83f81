package e2e_test

import (
	"strings"
	"testing"
)

// TestPolicy: a whole session, in which everything happens that can, reports no
// violation of the Content-Security-Policy, and nothing else either.
func TestPolicy(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.worries = []string{"feature=counter", "counter"}
	net := startProxy(t, s.address())
	ann := newPerson(t)
	a, b := ann.open(net.url), newPerson(t).open(s.url)
	for _, page := range []*tab{a, b} {
		for _, control := range []string{lightSwitch, addOne, takeOne, sayHi, lightSwitch, sayHi} {
			page.click(control)
			page.waitIdle()
		}
	}
	net.cut()
	b.click(lightSwitch)
	b.click(sayHi)
	a.activate(addOne)
	a.waitLive()
	a.waitLight(true)
	s.killFeature("counter")
	a.activate(addOne)
	a.waitIdle()
	b.waitCount(2)
	ann.open(net.url + "/r/kitchen").close()
	a.visit(net.url + "/nowhere")
	a.waitText("h1", "There is nothing at this address.")
	a.visit(net.url)
	a.waitLive()

	for _, c := range append(a.heard.take(), b.heard.take()...) {
		expected := strings.Contains(c.text, "404") || strings.Contains(c.text, "WebSocket connection to")
		if !expected || c.grave {
			t.Errorf("page complains: %s", c.text)
		}
	}

	// The proof that a violation would have been heard.
	eval[bool](a, `(document.body.append(Object.assign(new Image(), { src: 'https://elsewhere.invalid/x.png' })), true)`)
	eval[bool](a, `(document.body.setAttribute('style', 'color: red'), true)`)
	var seen []complaint
	waitFor(t, "a violation of img-src and one of style-src", func() (string, bool) {
		seen = append(seen, a.heard.take()...)
		var all strings.Builder
		for _, c := range seen {
			if c.grave {
				all.WriteString(c.text + "\n")
			}
		}
		return all.String(), strings.Contains(all.String(), "img-src") && strings.Contains(all.String(), "style-src")
	})
}
