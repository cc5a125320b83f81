package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestScreenshots saves what people see, to be looked at:
//
//	go test ./core/e2e -run=TestScreenshots -screenshots=DIR
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no folder")
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	s := startServer(t)
	s.worries = []string{"counter"}
	net := startProxy(t, s.address())
	a, b := newPerson(t).open(net.url), newPerson(t).open(s.url)
	a.shoot("desktop-fresh-light", 1440, 900, "light")
	for i, page := range []*tab{a, b, a, b, a, b, b, a, b} {
		page.click(sayHi)
		page.waitIdle()
		page.click(addOne)
		page.waitIdle()
		if i < 3 {
			page.click(lightSwitch)
			page.waitIdle()
		}
	}
	newPerson(t).open(s.url)
	a.waitLight(true)
	a.waitText("#regions-total", "3 people here, from 1 region.")
	for _, scheme := range []string{"light", "dark"} {
		a.shoot("desktop-on-"+scheme, 1440, 900, scheme)
		a.shoot("phone-on-"+scheme, 390, 844, scheme)
	}
	a.click(lightSwitch)
	b.waitLight(false)
	a.waitLight(false)
	for _, scheme := range []string{"light", "dark"} {
		a.shoot("desktop-off-"+scheme, 1440, 900, scheme)
		a.shoot("phone-off-"+scheme, 390, 844, scheme)
	}
	a.shoot("tablet-off-light", 820, 1180, "light")
	a.shoot("narrow-off-light", 320, 700, "light")

	a.click(lightSwitch)
	a.waitLight(true)
	// Whoever ends at once, again and again, is left alone for ever longer.
	for range 7 {
		waitFor(t, "the counter to be started", func() (string, bool) { return "", s.features()["counter"] != 0 })
		s.killFeature("counter")
		waitFor(t, "the counter to end", func() (string, bool) { return "", s.features()["counter"] == 0 })
	}
	waitValue(a, `document.querySelector('#page_rest-counter').textContent !== ''`, true)
	a.click(addOne)
	waitValue(a, `document.querySelector('#page_error-counter').textContent !== ''`, true)
	a.shoot("desktop-resting-light", 1440, 900, "light")
	a.shoot("phone-resting-dark", 390, 844, "dark")
	a.waitText("#page_rest-counter", "")
	a.waitIdle()

	net.refuse(true)
	net.cut()
	a.waitState("disconnected")
	a.click(addOne)
	a.shoot("desktop-disconnected-light", 1440, 900, "light")
	a.shoot("phone-disconnected-dark", 390, 844, "dark")

	b.visit(s.url + "/nowhere")
	b.shoot("desktop-404-light", 1440, 900, "light")
	b.shoot("desktop-404-dark", 1440, 900, "dark")
	b.shoot("phone-404-light", 390, 844, "light")
	b.visit(s.url + "/r/a-room-with-quite-a-long-name-for-a-kitchen-in-a-house-by-the-sea")
	b.waitLive()
	b.shoot("phone-room-light", 390, 844, "light")
}

// TestScreenshots_away saves what people see while their region's store is away.
func TestScreenshots_away(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no folder")
	}
	s, store := startOnRedis(t)
	a := newPerson(t).open(s.url)
	a.click(addOne)
	a.waitIdle()
	store.Kill()
	a.waitState("away")
	a.click(addOne)
	a.waitText("#page_error-counter", "It can't be saved yet, but is kept.")
	absent := newPerson(t).newTab()
	absent.visit(s.url + "/r/kitchen")
	absent.waitState("away")
	for name, page := range map[string]*tab{"away": a, "absent": absent} {
		page.shoot("desktop-"+name+"-light", 1440, 900, "light")
		page.shoot("phone-"+name+"-dark", 390, 844, "dark")
		page.shoot("tablet-"+name+"-light", 820, 1180, "light")
		page.shoot("narrow-"+name+"-light", 320, 700, "light")
	}
}

// shoot saves the whole page as a browser of a size and a colour scheme shows it.
func (t *tab) shoot(name string, width, height int64, scheme string) {
	t.tb.Helper()
	send(t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500,
	})
	send(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	eval[bool](t, `(scrollTo(0, 0), true)`)
	// What fades has faded.
	waitValue(t, `document.getAnimations().filter(a => a.playState === 'running').length`, 0)
	png, err := chromedp.Run(t.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644); err != nil {
		t.tb.Fatal(err)
	}
}
