package e2e_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins/process"
)

// startCore runs a server in this process, to which the test may add features of the
// program, and returns its address.
func startCore(t *testing.T, names ...string) (s *core.Server, url string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	eng, err := memory.Open(memory.Config{Site: "lhr", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := core.Config{Engine: eng, Secret: []byte("a secret of the tests"), Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Region: "lhr", Logger: log}
	for _, name := range names {
		cfg.Features = append(cfg.Features, own(t, name))
	}
	if s, err = core.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		if err := eng.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
	waitFor(t, "the server to be ready", func() (string, bool) {
		if err := s.Ready(); err != nil {
			return err.Error(), false
		}
		return "", true
	})
	return s, core.URL(s.Addr())
}

// own starts a feature of the program.
func own(t testing.TB, name string) process.Config {
	t.Helper()
	return process.Config{Name: name, Path: program(t), Args: featureArgs(t, name), StartTimeout: patience}
}

// sections is the expression for the features of a page, in order.
const sections = `[...document.querySelectorAll('main > section')].map(e => e.id).join(' ')`

// TestFeature_added: a feature that is added while people look is on their pages, with
// its style, and works; it goes as quietly as it came, and a page that was away
// meanwhile is put right. Nothing is loaded again.
func TestFeature_added(t *testing.T) {
	t.Parallel()
	s, url := startCore(t, "lightbulb")
	link := startProxy(t, s.Addr().String())
	here, away := newPerson(t).open(url), newPerson(t).open(link.url)
	here.mark()
	away.mark()
	const isStyled = `getComputedStyle(document.querySelector('#counter-total') ?? document.body).fontSize !== getComputedStyle(document.body).fontSize`
	waitValue(here, sections, "lightbulb")

	if err := s.AddFeature(own(t, "counter")); err != nil {
		t.Fatal(err)
	}
	for _, tab := range []*tab{here, away} {
		tab.waitCount(0)
		waitValue(tab, sections, "lightbulb counter")
		waitValue(tab, isStyled, true)
		tab.waitText("#page_title-counter", "Counter")
	}
	here.click(addOne)
	away.waitCount(1)
	here.waitIdle()

	link.refuse(true)
	link.cut()
	away.waitState("disconnected")
	s.RemoveFeature("counter")
	waitValue(here, sections, "lightbulb")
	link.refuse(false)
	away.waitLive()
	waitValue(away, sections, "lightbulb")

	link.refuse(true)
	link.cut()
	away.waitState("disconnected")
	if err := s.AddFeature(own(t, "counter")); err != nil {
		t.Fatal(err)
	}
	here.waitCount(1)
	link.refuse(false)
	away.waitLive()
	away.waitCount(1)
	waitValue(away, sections, "lightbulb counter")
	waitValue(away, isStyled, true)
	away.click(takeOne)
	here.waitCount(0)
	for _, tab := range []*tab{here, away} {
		tab.checkMark()
		tab.waitText("[data-live-message]", "")
	}
}

// TestFeature_added_frame: the frame of a feature that is removed says so, shows it again
// when it is back, and nothing of others.
func TestFeature_added_frame(t *testing.T) {
	t.Parallel()
	s, url := startCore(t, "lightbulb")
	if err := s.AddFeature(own(t, "counter")); err != nil {
		t.Fatal(err)
	}
	frame := newPerson(t).newTab()
	frame.visit(url + "/embed/home/counter")
	frame.waitState("connected")
	frame.waitCount(0)
	frame.mark()
	s.RemoveFeature("counter")
	frame.waitText("main", "This is not here any more.")
	if err := s.AddFeature(own(t, "ticker")); err != nil {
		t.Fatal(err)
	}
	if err := s.AddFeature(own(t, "counter")); err != nil {
		t.Fatal(err)
	}
	frame.waitCount(0)
	frame.waitText("[data-live-message]", "")
	waitValue(frame, sections, "counter")
	frame.checkMark()
}
