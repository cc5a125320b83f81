package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var devReady = regexp.MustCompile(`msg="dev ready" url=(\S+)`)

// author is somebody who writes a feature with `presence new` and `presence dev`.
type author struct {
	*server
	dir string // of the feature
}

// startDev writes a new feature of that name and starts the page for it, at the
// server's url.
func startDev(tb testing.TB, name string, args ...string) author {
	tb.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		tb.Fatal(err)
	}
	parent := tb.TempDir()
	if out, err := exec.CommandContext(tb.Context(), program(tb), "new", name, "--dir", parent, "--sdk", root).CombinedOutput(); err != nil {
		tb.Fatalf("presence new: %v\n%s", err, out)
	}
	a := author{dir: filepath.Join(parent, name)}
	a.server = launch(tb, append([]string{"dev", a.dir, "--listen=127.0.0.1:0"}, args...)...)
	a.url = a.waitSaid(devReady)[1]
	return a
}

// edit replaces old by new in a file of the feature.
func (a author) edit(name, old, new string) {
	a.tb.Helper()
	path := filepath.Join(a.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		a.tb.Fatal(err)
	}
	if n := strings.Count(string(content), old); n != 1 {
		a.tb.Fatalf("%s has %q %d times, want once", name, old, n)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(content), old, new, 1)), 0o644); err != nil {
		a.tb.Fatal(err)
	}
}

// openDev opens the page and waits until the feature is live.
func (p *person) openDev(url string) *tab {
	p.tb.Helper()
	t := p.newTab()
	t.visit(url)
	t.waitBuild("live")
	return t
}

// waitBuild waits until the page says how the build is.
func (t *tab) waitBuild(state string) {
	t.tb.Helper()
	waitValue(t, `document.querySelector('.verdict').dataset.build`, state)
}

// send fills in the form of an event and sends it.
func (t *tab) send(event, field, value, want string) {
	t.tb.Helper()
	form := fmt.Sprintf(`[data-event="%s"]`, event)
	eval[bool](t, `(document.querySelector(%s).value = %s, true)`, js(form+` [name="f.`+field+`"]`), js(value))
	t.activate(form + " button")
	t.waitText(form+" output", want)
}

// What an author does: look, send, save, err and mend, and the page of the room keeps
// its socket all the time.
func TestDev(t *testing.T) {
	t.Parallel()
	a := startDev(t, "jotter")
	ann := newPerson(t)
	dev := ann.openDev(a.url)
	room := ann.open(eval[string](dev, `document.querySelector('[data-open]').href`))
	room.mark()
	dev.mark()

	const hostile = `<img src=x onerror=alert(1)> & "co"`
	dev.send("say", "text", hostile, "ok")
	room.waitText("#jotter-list", hostile)
	dev.waitText(`[data-part="state"] tbody tr:first-child td:first-child`, hostile)
	dev.waitText(`[data-part="events"] li:first-child .answer`, `→ Push("lines", "<img src=x onerror=alert(1)> & \"co\"")`)
	dev.waitText(`[data-part="renders"] li:first-child summary:nth-of-type(1) code`, "#jotter-form")
	waitValue(dev, `document.querySelector('[data-part="renders"] li:first-child').textContent.includes('&lt;img src=x')`, true)
	waitValue(dev, `document.querySelectorAll('.inside img').length`, 0)
	dev.send("say", "text", "  ", "invalid: Write something first.")

	t.Run("save", func(t *testing.T) {
		a.edit("jotter.go", "<button>Say it</button>", "<button>Tell everybody</button>")
		room.waitText("#jotter-form button", "Tell everybody")
		room.waitText("#jotter-list", hostile)
		dev.waitBuild("live")
	})
	t.Run("fault", func(t *testing.T) {
		a.edit("jotter.go", `return nil, plugins.Refuse("Write something first.")`, "return nonsense")
		dev.waitBuild("failed")
		waitValue(dev, `document.querySelector('[data-output]').textContent.includes('undefined: nonsense')`, true)
		waitFor(t, "the terminal to show it", func() (string, bool) {
			return a.out.String(), strings.Contains(a.out.String(), "undefined: nonsense")
		})
		dev.send("say", "text", "still here", "ok")
		room.waitText("#jotter-list li", "still here")
		a.edit("jotter.go", "return nonsense", `return nil, plugins.Refuse("Write more.")`)
		dev.waitBuild("live")
		waitValue(dev, `document.querySelector('.words').hidden`, true)
		dev.send("say", "text", " ", "invalid: Write more.")
	})
	t.Run("room", func(t *testing.T) {
		eval[bool](dev, `(f => { f.value = 'kitchen'; f.dispatchEvent(new Event('change')); return true })(document.querySelector('[data-room]'))`)
		dev.waitText(`[data-part="events"]`, "Nothing yet in this room. Do something on the left, or send an event.")
		dev.send("say", "text", "soup", "ok")
		dev.waitText(`[data-part="state"] tbody tr:first-child td:first-child`, "soup")
		room.waitText("#jotter-list li", "still here")
	})
	t.Run("somebody else", func(t *testing.T) {
		me := dev.text(`[data-part="events"] li:first-child .who`)
		if !eval[bool](dev, `document.querySelector('[data-second]').checked`) {
			dev.activate("[data-second]")
		}
		// A browser keeps the two names of this machine apart, and so the two people.
		frame := dev.frame("http://localhost:")
		frame.waitState("connected")
		frame.waitText("#jotter-list li", "soup")
		eval[bool](frame, `(form => { form.elements.text.value = 'from the other'; form.requestSubmit(); return true })(document.querySelector('#jotter-form'))`)
		dev.waitText(`[data-part="events"] li:first-child .answer`, `→ Push("lines", "from the other")`)
		if who := dev.text(`[data-part="events"] li:first-child .who`); who == me || !strings.HasPrefix(who, "User #") {
			t.Errorf("somebody else is %q, and I am %q", who, me)
		}
	})
	room.checkMark()
	dev.checkMark()
	room.waitLive()
}

// The first build fails: the page is there and says why, and shows the feature as soon
// as it is right.
func TestDev_FirstBuildFails(t *testing.T) {
	t.Parallel()
	a := startDev(t, "broken")
	dev := newPerson(t).openDev(a.url)
	a.stop()
	a.edit("main.go", "serve.Main()", "serve.Man()")
	again := author{server: launch(t, "dev", a.dir, "--listen=127.0.0.1:0"), dir: a.dir}
	dev.visit(again.waitSaid(devReady)[1])
	dev.waitBuild("failed")
	waitValue(dev, `document.querySelector('[data-output]').textContent.includes('undefined: serve.Man')`, true)
	again.edit("main.go", "serve.Man()", "serve.Main()")
	dev.waitBuild("live")
	waitValue(dev, `document.querySelector('[data-person=host]').hidden`, false)
}

// TestScreenshots_dev saves what an author sees.
func TestScreenshots_dev(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no folder")
	}
	a := startDev(t, "shopping-list")
	first := newPerson(t).newTab()
	first.visit(a.url)
	first.waitBuild("live")
	for _, what := range []string{"bread", "a dozen <eggs> & milk", "apples, the red ones"} {
		first.send("say", "text", what, "ok")
		first.waitText(`[data-part="state"] tbody tr:first-child td:first-child`, what)
		waitValue(first, `new Promise(done => setTimeout(() => done(true), 600))`, true) // the rate
	}
	first.send("say", "text", " ", "invalid: Write something first.")
	if !eval[bool](first, `document.querySelector('[data-second]').checked`) {
		first.activate("[data-second]")
	}
	waitValue(first, `new Promise(done => setTimeout(() => done(true), 1000))`, true) // the frame
	shots := func(name string) {
		for _, scheme := range []string{"light", "dark"} {
			first.shoot("dev-desktop-"+name+"-"+scheme, 1440, 1000, scheme)
			first.shoot("dev-wide-"+name+"-"+scheme, 2000, 1100, scheme)
			first.shoot("dev-phone-"+name+"-"+scheme, 390, 844, scheme)
		}
	}
	shots("live")
	a.edit("shopping-list.go", `return nil, plugins.Refuse("Write something first.")`, "return nonsense")
	first.waitBuild("failed")
	shots("failed")
}
