package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// TestScriptOff: without script the page is complete and its buttons work.
func TestScriptOff(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := newPerson(t).newTab()
	send(a, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	a.scriptOff = true
	b := newPerson(t).open(s.url)
	a.visit(s.url)

	t.Run("complete", func(t *testing.T) {
		if state := eval[string](a, `document.documentElement.dataset.live`); state != "connecting" {
			t.Fatalf("page is %q: its script runs", state)
		}
		a.waitText("noscript", "Script is off. All buttons work; reload to see what others did.")
		if !eval[bool](a, `document.querySelector('noscript').getBoundingClientRect().height > 0`) {
			t.Error("nobody can see that script is off")
		}
		for selector, want := range map[string]string{
			"h1":                "Global Presence",
			"#lightbulb h2":     "Light",
			"#lightbulb-status": "Nobody has touched it yet.",
			"#counter-total":    "0",
			"#hello-empty":      "Nobody has said hi yet. You could be the first.",
			"#regions-total":    "1 person here, from 1 region.", // the one with script
			"#tabs-count p":     "This tab is not counted yet. It counts once its live connection is up.",
			"#identity dd":      "Drawn at random and kept in a cookie. It is the same in all your tabs.",
		} {
			if got := a.text(selector); got != want {
				t.Errorf("%s says %q, want %q", selector, got, want)
			}
		}
	})

	t.Run("light", func(t *testing.T) {
		who := a.text(".identity-name") // of a page that is whole: each press loads another
		a.click(lightSwitch)
		a.waitLight(true)
		b.waitLight(true)
		a.waitText("#lightbulb-status", "Last switched on by "+who+" in London.")
		a.click(lightSwitch)
		a.waitLight(false)
		b.waitLight(false)
	})

	t.Run("count", func(t *testing.T) {
		a.click(addOne)
		a.waitCount(1)
		a.click(addOne)
		a.waitCount(2)
		a.click(takeOne)
		a.waitCount(1)
		b.waitCount(1)
		b.click(addOne)
		b.waitCount(2)
		a.visit(s.url)
		a.waitCount(2)
	})

	t.Run("hello", func(t *testing.T) {
		who := a.text(".identity-name")
		a.click(sayHi)
		a.waitText("#hello-list li .who", who)
		b.waitText("#hello-list li .who", who)
	})

	t.Run("room", func(t *testing.T) {
		a.click(roomName)
		a.press("kitchen")
		a.click(`form[action="/r"] button`)
		waitValue(a, `location.pathname`, "/r/kitchen")
		a.waitCount(0)
	})
}

// TestForms: what a form answers, to the byte a browser would need.
func TestForms(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	v := newVisitor(t, s.url)
	v.get("/").wantStatus(t, http.StatusOK)

	t.Run("taken", func(t *testing.T) {
		a := v.post("/rooms/home/counter/add", "by=1")
		a.wantStatus(t, http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != "/#counter" {
			t.Errorf("Location = %q, want /#counter", got)
		}
		if got := v.get("/").count(); got != "1" {
			t.Errorf("page shows %s, want 1", got)
		}
		a = v.post("/rooms/caf%C3%A9%2F1/counter/add", "by=1")
		a.wantStatus(t, http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != "/r/caf%C3%A9%2F1#counter" {
			t.Errorf("Location = %q, want the room's page", got)
		}
		if got := v.get("/r/caf%C3%A9%2F1").count(); got != "1" {
			t.Errorf("page of the other room shows %s, want 1", got)
		}
	})

	t.Run("invalid", func(t *testing.T) {
		for _, form := range []string{"by=2", "", "by=", "by=1%00", "BY=1"} {
			a := v.post("/rooms/home/counter/add", form)
			a.wantStatus(t, http.StatusUnprocessableEntity)
			said := regexp.MustCompile(`id="page_error-counter"[^>]*>([^<]+)<`).FindStringSubmatch(a.body)
			if said == nil {
				t.Errorf("%q: no sentence at the counter in\n%s", form, a.body)
			} else if !strings.Contains(said[1], "by") {
				t.Errorf("%q: page says %q, want a sentence that names the field", form, said[1])
			}
		}
	})

	t.Run("unknown", func(t *testing.T) {
		for _, path := range []string{"/rooms/home/counter/nope", "/rooms/home/nope/add", "/rooms/home/identity/add"} {
			a := v.post(path, "by=1")
			a.wantStatus(t, http.StatusForbidden)
			a.wantText(t, "There is nothing here that does that.")
		}
		v.post("/rooms/a%0Ab/counter/add", "by=1").wantStatus(t, http.StatusNotFound)
	})

	t.Run("foreign", func(t *testing.T) {
		for _, headers := range [][]string{
			{"Origin", "https://elsewhere.example"},
			{"Origin", "null"},
			{"Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "cross-site"},
			{"Origin", s.url, "Sec-Fetch-Site", "same-site"},
		} {
			a := v.post("/rooms/home/counter/add", "by=1", headers...)
			a.wantStatus(t, http.StatusForbidden)
			a.wantText(t, "This came from another site")
		}
		v.post("/rooms/home/counter/add", "by=1", "Origin", s.url, "Sec-Fetch-Site", "same-origin").wantStatus(t, http.StatusSeeOther)
	})

	t.Run("no cookie", func(t *testing.T) {
		a := newVisitor(t, s.url).post("/rooms/home/counter/add", "by=1")
		a.wantStatus(t, http.StatusForbidden)
		a.wantText(t, "allow its cookie")
		forged := newVisitor(t, s.url)
		user, _, _ := strings.Cut(v.cookie(), ".")
		forged.post("/rooms/home/counter/add", "by=1", "Cookie", "presence="+user+".AAAA").wantStatus(t, http.StatusForbidden)
	})

	t.Run("too fast", func(t *testing.T) {
		hasty := newVisitor(t, s.url)
		hasty.get("/")
		for range 40 {
			a := hasty.post("/rooms/hasty/hello/say", "")
			if a.StatusCode == http.StatusSeeOther {
				continue
			}
			a.wantStatus(t, http.StatusTooManyRequests)
			a.wantText(t, "That was too quick. Wait a moment.")
			if a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
		t.Error("40 greetings at once were all taken")
	})

	if got := v.get("/").count(); got != "2" {
		t.Errorf("in the end the page shows %s, want the 2 that were taken", got)
	}
}
