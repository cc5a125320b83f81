package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTogether: what one person does, the other one sees.
func TestTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	ann, bob := newPerson(t), newPerson(t)
	a := ann.open(s.url)
	a.waitText("#regions-total", "1 person here, from 1 region.")
	b := bob.open(s.url)

	t.Run("people", func(t *testing.T) {
		for _, page := range []*tab{a, b} {
			page.waitText("#regions-total", "2 people here, from 1 region.")
			page.waitText("#regions-list", "London, United Kingdom lhr 2")
		}
		if a.text(".identity-name") == b.text(".identity-name") {
			t.Errorf("two people are both %s", a.text(".identity-name"))
		}
	})

	t.Run("light", func(t *testing.T) {
		a.waitText("#lightbulb-status", "Nobody has touched it yet.")
		a.click(lightSwitch)
		b.waitLight(true)
		a.waitLight(true)
		who := a.text(".identity-name")
		b.waitText("#lightbulb-status", "Last switched on by "+who+" in London.")
		b.click(lightSwitch)
		a.waitLight(false)
		a.waitText("#lightbulb-status", "Last switched off by "+b.text(".identity-name")+" in London.")
	})

	t.Run("count", func(t *testing.T) {
		for range 3 {
			a.click(addOne)
		}
		b.waitCount(3)
		for range 5 {
			b.click(takeOne)
		}
		a.waitCount(-2)
		b.waitCount(-2)
	})

	t.Run("hello", func(t *testing.T) {
		b.waitText("#hello-empty", "Nobody has said hi yet. You could be the first.")
		var said []string // newest first
		for i := range 10 {
			page := []*tab{a, b}[i%2]
			page.click(sayHi)
			page.waitIdle()
			said = append([]string{fmt.Sprintf("Hi from London %s", page.text(".identity-name"))}, said...)
			waitValue(b, `document.querySelectorAll('#hello-list li').length`, min(i+1, 8))
			waitValue(b, `document.querySelector('#hello-list li .who')?.textContent`, page.text(".identity-name"))
		}
		for _, page := range []*tab{a, b} {
			waitValue(page, `document.querySelectorAll('#hello-list li').length`, 8)
			rows := eval[[]string](page, `[...document.querySelectorAll('#hello-list li')].map(li => li.querySelector('b').textContent + ' ' + li.querySelector('.who').textContent)`)
			if diff := cmp.Diff(said[:8], rows); diff != "" {
				t.Errorf("greetings, newest first (-want +got):\n%s", diff)
			}
		}
		if html := eval[string](b, `document.querySelector('#hello-log').innerHTML`); strings.Contains(html, "hello-empty") {
			t.Error("list says that nobody has said hi")
		}
	})

	t.Run("tabs", func(t *testing.T) {
		a2 := ann.open(s.url)
		for _, page := range []*tab{a, a2} {
			page.waitText("#tabs-count p", "You have 2 tabs open on this page.")
		}
		b.waitText("#tabs-count p", "You have 1 tab open on this page.")
		b.waitText("#regions-total", "2 people here, from 1 region.") // not three
		a2.close()
		a.waitText("#tabs-count p", "You have 1 tab open on this page.")
	})

	t.Run("rooms apart", func(t *testing.T) {
		elsewhere := bob.open(s.url + "/r/kitchen")
		elsewhere.waitCount(0)
		elsewhere.click(addOne)
		elsewhere.waitCount(1)
		elsewhere.waitText("#tabs-count p", "You have 1 tab open on this page.")
		elsewhere.waitText("#regions-total", "1 person here, from 1 region.")
		a.waitCount(-2)
		elsewhere.close()
	})

	t.Run("leave", func(t *testing.T) {
		b.close()
		a.waitText("#regions-total", "1 person here, from 1 region.")
	})
}
