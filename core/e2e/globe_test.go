package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGlobe follows a pulse through three regions, and what travels over the map.
func TestGlobe(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	p := newPerson(t)
	demo := p.openDemo(s.url)
	urls := demo.regionURLs()
	here := newPerson(t).open(urls[0])
	there := newPerson(t).open(urls[len(urls)-1])
	waitValue(here, `document.querySelectorAll('#globe-dots [data-site]').length`, len(urls))
	eval[bool](there, `(addEventListener('live:signals', e => { if (e.target.id === 'globe-traffic') window.travelled = e.detail.values.join() }, true), true)`)
	here.click(`#globe-press button`)
	here.waitIdle()
	for _, page := range []*tab{here, there} {
		waitFor(t, "every region to answer", func() (string, bool) {
			said := page.text("#globe-trace")
			rows := eval[int](page, `document.querySelectorAll('#globe-trace tbody tr').length`)
			return said, rows == len(urls) && !strings.Contains(said, "waiting")
		})
	}
	t.Log(here.text("#globe-trace"))
	waitFor(t, "the event to travel over the map", func() (string, bool) {
		v := eval[string](there, `String(window.travelled)`)
		return fmt.Sprint(v), strings.Contains(v, " 1")
	})
	if *screenshots != "" {
		if err := os.MkdirAll(*screenshots, 0o755); err != nil {
			t.Fatal(err)
		}
		here.shoot("globe-desktop-light", 1440, 900, "light")
		here.shoot("globe-phone-dark", 360, 780, "dark")
		here.shoot("globe-tablet-dark", 768, 1024, "dark")
	}
}
