package demo_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// entry is what people did at a site: an event a name.
func entry(site string, ms int64, events ...string) engine.Delivery {
	return engine.Delivery{Entry: engine.Entry{Site: site, ID: state.ID{MS: ms}, Events: events}}
}

func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := demo.NewJournal("iad", "lhr", "syd")
		want := func(from, to string, sent, waiting int, took time.Duration) {
			t.Helper()
			if s, w, d := j.Flow(from, to); s != sent || w != waiting || d != took {
				t.Errorf("%s to %s: %d sent, %d waiting, %v; want %d, %d, %v", from, to, s, w, d, sent, waiting, took)
			}
		}
		changed := func(want bool) {
			t.Helper()
			if got := j.Changed(); got != want {
				t.Errorf("changed: %v, want %v", got, want)
			}
		}

		j.Read("iad", entry("iad", 1), entry("lhr", 1))
		changed(false) // beats are nothing that people did
		j.Read("iad", entry("iad", 2, "a", "b"))
		changed(true)
		want("iad", "lhr", 2, 2, 0)
		want("iad", "syd", 2, 2, 0)
		want("lhr", "iad", 0, 0, 0)
		if got := j.Leaving("iad"); got != 2 {
			t.Errorf("%d events leave, want 2", got)
		}

		time.Sleep(39 * time.Millisecond)
		j.Read("lhr", entry("iad", 1), entry("iad", 2, "a", "b"))
		changed(true)
		want("iad", "lhr", 2, 0, 39*time.Millisecond)
		want("iad", "syd", 2, 2, 0)
		j.Read("lhr", entry("iad", 2, "a", "b"))
		changed(false) // again

		// What is put back was counted when it was new.
		restored := entry("iad", 3, "a", "b")
		restored.Restores = true
		j.Read("iad", restored)
		want("iad", "lhr", 2, 0, 39*time.Millisecond)

		// Whoever missed entries for ever has their state by other ways.
		j.Read("syd", engine.Delivery{Entry: engine.Entry{Site: "iad", ID: state.ID{MS: 4}}, Gap: true})
		changed(true)
		want("iad", "syd", 2, 0, 0)
		if n := j.Leaving("iad"); n != 0 || j.Kept() != 0 {
			t.Errorf("%d events leave and %d entries are kept, want none", n, j.Kept())
		}

		// A reader may be told before the site itself.
		j.Read("lhr", entry("syd", 7, "c"))
		j.Read("iad", entry("syd", 7, "c"))
		j.Read("syd", entry("syd", 7, "c"))
		want("syd", "lhr", 1, 0, 0)
		if j.Kept() != 0 {
			t.Errorf("%d entries are kept, want none", j.Kept())
		}

		// What waited for a cut to heal says nothing of how far it is.
		j.Read("iad", entry("iad", 5, "e"))
		time.Sleep(10 * time.Second)
		j.Open("iad", "lhr")
		j.Read("iad", entry("iad", 6, "f"))
		time.Sleep(41 * time.Millisecond)
		j.Read("lhr", entry("iad", 5, "e"))
		want("iad", "lhr", 4, 1, 0)
		j.Read("lhr", entry("iad", 6, "f"))
		want("iad", "lhr", 4, 0, 41*time.Millisecond)
		j.Read("syd", entry("iad", 6, "f"))

		j.Read("iad", entry("gru", 1, "d"))
		changed(true) // of syd's
		j.Read("iad", entry("gru", 2, "d"))
		changed(false) // no site of the demo
	})
}
