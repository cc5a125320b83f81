package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"
)

// widgets are the roles of what people operate.
var widgets = []string{"button", "link", "textbox", "switch", "checkbox", "combobox", "searchbox", "slider", "radio", "menuitem", "tab"}

// TestAccess: what a screen reader and a keyboard need, as far as a program can
// tell.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := newPerson(t).open(s.url)
	a.click(sayHi)
	a.waitIdle()

	t.Run("names", func(t *testing.T) {
		send(a, accessibility.Enable, cdp.Empty{})
		roles := map[string][]string{} // role → names
		for _, n := range send(a, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			role, name := word(n.Role), word(n.Name)
			roles[role] = append(roles[role], name)
			if slices.Contains(widgets, role) && strings.TrimSpace(name) == "" {
				t.Errorf("a %s has no name", role)
			}
		}
		if got := roles["switch"]; len(got) != 1 || got[0] != "Light" {
			t.Errorf("switches are %q, want the light", got)
		}
		for _, button := range []string{"Say hi", "Take one away", "Add one", "Open"} {
			if !slices.Contains(roles["button"], button) {
				t.Errorf("buttons are %q, want %q among them", roles["button"], button)
			}
		}
		for _, landmark := range []string{"banner", "main", "contentinfo"} {
			if got := len(roles[landmark]); got != 1 {
				t.Errorf("%d landmarks %q, want one", got, landmark)
			}
		}
		if got := roles["region"]; len(got) < 6 || slices.Contains(got, "") {
			t.Errorf("regions are %q, want one with a name for each feature", got)
		}
		for role, names := range roles {
			if role == "log" && slices.Contains(names, "") {
				t.Error("the log of greetings has no name")
			}
		}
	})

	t.Run("document", func(t *testing.T) {
		for expression, want := range map[string]string{
			`document.documentElement.lang`:                  "en",
			`document.title`:                                 "Global Presence",
			`String(document.querySelectorAll('h1').length)`: "1",
			`[...document.querySelectorAll('h1, h2, h3')].map(h => h.tagName).join('').replace(/(H2)+/, 'H2')`:                                         "H1H2",
			`(ids => ids.filter((id, i) => ids.indexOf(id) !== i).join())([...document.querySelectorAll('[id]')].map(e => e.id))`:                      "",
			`[...document.querySelectorAll('[aria-labelledby]')].filter(e => !document.getElementById(e.getAttribute('aria-labelledby'))).length + ''`: "0",
			`[...document.querySelectorAll('img:not([alt]), svg:not([role])')].filter(e => !e.closest('[aria-hidden=true]')).length + ''`:              "0",
			`[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).length + ''`:                                                     "0",
			`document.querySelector('meta[name=viewport]').content.includes('user-scalable') + ''`:                                                     "false",
		} {
			if got := eval[string](a, "%s", expression); got != want {
				t.Errorf("%s = %q, want %q", expression, got, want)
			}
		}
	})

	t.Run("keyboard", func(t *testing.T) {
		const describe = `(e => (e.form?.id ?? '') + ' ' + (e.getAttribute('aria-label') ?? (e.textContent.trim() || e.name)))`
		want := eval[[]string](a, `[...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, [tabindex="0"]')].filter(e => e.checkVisibility() && (e.type !== 'radio' || e.checked)).map`+describe)
		if len(want) < 7 {
			t.Fatalf("controls are %q", want)
		}
		a.visit(s.url) // focus begins at the top of a fresh page
		a.waitLive()
		var got []string
		for range want {
			a.press("\t")
			got = append(got, eval[string](a, describe+`(document.activeElement)`))
			if !eval[bool](a, `(e => getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(document.activeElement)`) {
				t.Errorf("focus cannot be seen at %s", a.focused())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("controls in the order of the Tab key (-of the page +got):\n%s", diff)
		}
	})

	t.Run("reduced motion", func(t *testing.T) {
		// The most animations that run at once while the light is switched and a
		// greeting arrives.
		const most = `new Promise(done => {
			let most = 0, frames = 0
			document.querySelector('` + lightSwitch + `').click()
			document.querySelector('` + sayHi + `').click()
			const look = () => {
				most = Math.max(most, document.getAnimations().filter(a => a.playState === 'running').length)
				++frames < 30 ? requestAnimationFrame(look) : done(most)
			}
			look()
		})`
		if n := eval[int](a, most); n == 0 {
			t.Error("nothing moves for somebody who likes it: this test cannot fail")
		}
		a.waitIdle()
		send(a, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		a.visit(s.url)
		a.waitLive()
		if n := eval[int](a, most); n != 0 {
			t.Errorf("%d animations run for somebody who asked for none", n)
		}
	})

	t.Run("narrow", func(t *testing.T) {
		for _, width := range []int64{320, 390, 768, 1440} {
			send(a, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
			// What lies over the page follows its width with the next frame.
			over := eval[int](a, `new Promise(done => requestAnimationFrame(() => setTimeout(() => done(document.documentElement.scrollWidth - innerWidth), 50)))`)
			if over > 0 {
				widest := eval[[]string](a, `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('svg')).map(e => e.outerHTML.slice(0, 80))`)
				t.Errorf("at %d pixels the page is %d too wide, because of %q", width, over, widest)
			}
			// WCAG 2.2, 2.5.8: 24 by 24.
			small := eval[[]string](a, `[...document.querySelectorAll('button, input:not([type=hidden])')].filter(e => e.checkVisibility()).map(e => e.type === 'radio' ? e.closest('label') : e).filter(e =>
				e.offsetWidth < 24 || e.offsetHeight < 24).map(e => e.outerHTML)`)
			if len(small) > 0 {
				t.Errorf("at %d pixels too small to hit: %q", width, small)
			}
		}
	})
}

// word returns the text of a value in the accessibility tree.
func word(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
