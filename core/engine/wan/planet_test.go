package wan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
)

// fixed is a planet whose links all take 100 ms and whose resyncs take up to one
// second.
func fixed(t *testing.T, cfg wan.Config) *wan.Planet {
	t.Helper()
	if cfg.Sites == nil {
		cfg.Sites = three
	}
	cfg.Delay = func(string, string) time.Duration { return 100 * time.Millisecond }
	cfg.Jitter = -1
	return start(t, cfg)
}

func TestNew_config(t *testing.T) {
	_, err := wan.New(wan.Config{
		Sites:   []wan.Site{{Name: "lhr"}, {Name: "lhr"}, {}},
		Backlog: -1, LogEntries: -1, LateWake: -1, Repeat: 2, LoseWake: -1,
	})
	if err == nil {
		t.Fatal("New = nil, want an error")
	}
	for _, want := range []string{"named twice", "no name", "backlog", "log entries", "late wake", "repeat", "lose wake"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New = %q, which does not tell of %q", err, want)
		}
	}
	if _, err := wan.New(wan.Config{}); err == nil {
		t.Error("New without sites = nil, want an error")
	}
	p, err := wan.New(wan.Config{Sites: three})
	if err != nil || p.Store("nowhere") != nil || p.Store("lhr") == nil {
		t.Errorf("New = %v; Store(nowhere) = %v, Store(lhr) = %v", err, p.Store("nowhere"), p.Store("lhr"))
	}
}

func TestPlanet_delay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, wan.Config{Sites: three, Jitter: -1})
		here, there := follow(t, p.Store("lhr")), follow(t, p.Store("syd"))
		write(t, p.Store("lhr"), set("light", "on"))
		synctest.Wait()
		if got := here.take(); !slices.Equal(got, []string{"lhr"}) {
			t.Errorf("woken for %v at home, want lhr at once", got)
		}
		pass(130500*time.Microsecond - time.Nanosecond)
		if got := values(t, p.Store("syd"), "lhr", "light"); got != "" {
			t.Errorf("light is %q in Sydney before the delay is over", got)
		}
		pass(time.Nanosecond)
		if got := values(t, p.Store("syd"), "lhr", "light"); got != "on" {
			t.Errorf("light is %q in Sydney when the delay is over, want on", got)
		}
		if got := there.take(); !slices.Equal(got, []string{"lhr"}) {
			t.Errorf("woken for %v in Sydney, want lhr", got)
		}
	})
}

func TestPlanet_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, wan.Config{Sites: three, Jitter: 5, Seed: 3})
		var want []string
		for i := range 50 {
			w, err := p.Store("lhr").Write(t.Context(), site.Write{Batch: engine.Batch{Events: []string{fmt.Sprint(i)}}})
			if err != nil {
				t.Fatalf("Write: %v", err)
			}
			want = append(want, w.ID.String())
			pass(time.Millisecond)
		}
		pass(5 * time.Second)
		for _, name := range []string{"iad", "syd"} {
			var got []string
			for _, r := range read(t, p.Store(name), "lhr") {
				got = append(got, r.ID.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("log of lhr in %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestPlanet_cutAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fixed(t, wan.Config{})
		lhr, syd := p.Store("lhr"), p.Store("syd")
		woken := follow(t, syd)
		links := health(t, syd).Links
		write(t, lhr, add("c", 1))
		pass(50 * time.Millisecond) // it is half-way
		p.Cut("lhr", "syd")
		write(t, lhr, add("c", 1))
		write(t, syd, set("light", "on"))
		pass(time.Second)
		if got := values(t, syd, "lhr", "c"); got != "" {
			t.Errorf("c = %q behind a cut", got)
		}
		if got := values(t, p.Store("iad"), "lhr", "c"); got != "2" {
			t.Errorf("c = %q on the other side, want 2", got)
		}
		h := health(t, syd)
		if h.Synced || h.Missing != "no link from lhr" || h.Links == links {
			t.Errorf("health = %+v behind a cut", h)
		}
		waiting := map[string]int{}
		for _, l := range p.Links() {
			waiting[l.From+l.To] = l.Waiting
			if l.Cut != (l.From != "iad" && l.To != "iad") {
				t.Errorf("link %+v: cut is wrong", l)
			}
		}
		if diff := cmp.Diff(map[string]int{"iadlhr": 0, "iadsyd": 0, "lhriad": 0, "lhrsyd": 2, "sydiad": 0, "sydlhr": 1}, waiting); diff != "" {
			t.Errorf("waiting (-want +got):\n%s", diff)
		}
		woken.take()

		p.Heal("lhr", "syd")
		pass(200 * time.Millisecond) // there and back
		if got := values(t, syd, "lhr", "c"); got != "2" {
			t.Errorf("c = %q after healing, want 2", got)
		}
		if got := values(t, lhr, "syd", "light"); got != "on" {
			t.Errorf("light is %q after healing, want on", got)
		}
		if got := woken.take(); !slices.Equal(got, []string{"lhr", "lhr"}) {
			t.Errorf("woken for %v after healing, want two writes of lhr", got)
		}
		if again := health(t, syd); !again.Synced || again.Links == h.Links || again.Links == links {
			t.Errorf("health = %+v after healing", again)
		}
	})
}

func TestPlanet_CutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fixed(t, wan.Config{})
		p.CutOff("syd")
		p.CutOff("lhr")
		p.Rejoin("syd")
		write(t, p.Store("syd"), set("light", "on"))
		pass(time.Second)
		if got := values(t, p.Store("iad"), "syd", "light"); got != "on" {
			t.Errorf("light is %q in iad after syd rejoined, want on", got)
		}
		if got := values(t, p.Store("lhr"), "syd", "light"); got != "" {
			t.Errorf("light is %q in lhr, which is still cut off", got)
		}
		p.Rejoin("lhr")
		pass(time.Second)
		if got := values(t, p.Store("lhr"), "syd", "light"); got != "on" {
			t.Errorf("light is %q in lhr after it rejoined, want on", got)
		}
	})
}

func TestPlanet_overflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fixed(t, wan.Config{Backlog: 3})
		lhr, syd := p.Store("lhr"), p.Store("syd")
		woken := follow(t, syd)
		p.Cut("lhr", "syd")
		for range 5 {
			write(t, lhr, add("c", 1))
		}
		pass(time.Second)
		p.Heal("lhr", "syd")
		pass(200 * time.Millisecond)
		h := health(t, syd)
		if got := values(t, syd, "lhr", "c"); got != "" || h.Synced || h.Missing != "sync from lhr" {
			t.Errorf("c = %q, health = %+v when the link reads as up, want nothing yet", got, h)
		}
		write(t, lhr, set("light", "on")) // follows the resync
		pass(time.Second)
		if got := values(t, syd, "lhr", "c"); got != "5" {
			t.Errorf("c = %q after the resync, want 5", got)
		}
		if got := values(t, syd, "lhr", "light"); got != "on" {
			t.Errorf("light is %q after the resync, want on", got)
		}
		if got := woken.take(); !slices.Equal(got, []string{"lhr"}) {
			t.Errorf("woken for %v, want the write after the resync alone", got)
		}
		if h := health(t, syd); !h.Synced {
			t.Errorf("health = %+v after the resync", h)
		}
	})
}

// TestPlanet_rollback: a full resync puts a peer's older copy over a site's own newer
// keys, where the peer's clock is ahead or the write was on its way when the link
// broke. It is what the engine's repair is for.
func TestPlanet_rollback(t *testing.T) {
	for _, tt := range []struct {
		name string
		skew time.Duration // of the peer
		late time.Duration // from one write to the next
		want string
	}{
		{"peer an hour ahead", time.Hour, time.Second, "1"},
		{"write younger than the delay", 0, 50 * time.Millisecond, "1"},
		{"good clocks", 0, time.Second, "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := fixed(t, wan.Config{Backlog: 1, Sites: []wan.Site{{Name: "lhr"}, {Name: "syd", Skew: tt.skew}}})
				lhr, syd := p.Store("lhr"), p.Store("syd")
				first := write(t, lhr, add("c", 1))
				pass(tt.late)
				write(t, lhr, add("c", 1))
				pass(100*time.Millisecond - min(tt.late, 100*time.Millisecond)) // first has arrived
				p.Cut("lhr", "syd")
				for range 3 {
					write(t, syd, set("busy", "x"))
				}
				pass(time.Second)
				p.Heal("lhr", "syd")
				pass(2 * time.Second)
				if got := values(t, lhr, "lhr", "c"); got != tt.want {
					t.Errorf("c = %q at home after the resync, want %s", got, tt.want)
				}
				if got := read(t, lhr, "lhr"); tt.want == "1" && (len(got) != 1 || got[0].ID != first.ID) {
					t.Errorf("log = %v, want the first entry alone", got)
				}
			})
		})
	}
}

func TestPlanet_Restart(t *testing.T) {
	for _, tt := range []struct {
		disk bool
		want string // of its own keys when the links read as up
	}{{false, ""}, {true, "1"}} {
		t.Run(fmt.Sprintf("disk %t", tt.disk), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := fixed(t, wan.Config{})
				lhr, syd := p.Store("lhr"), p.Store("syd")
				woken := follow(t, lhr)
				write(t, lhr, set("own", "1"))
				write(t, syd, set("other", "1"))
				pass(time.Second)
				before := health(t, lhr)
				woken.take()
				p.Restart("lhr", tt.disk, time.Second)
				write(t, syd, set("other", "2"))
				if _, err := lhr.Write(t.Context(), site.Write{}); !errors.Is(err, engine.ErrUnavailable) {
					t.Errorf("Write while it is down = %v, want ErrUnavailable", err)
				}
				if _, err := lhr.Health(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
					t.Errorf("Health while it is down = %v, want ErrUnavailable", err)
				}
				pass(time.Second)
				if got := woken.take(); !slices.Equal(got, []string{""}) {
					t.Errorf("woken for %q when it is back, want any", got)
				}
				pass(200 * time.Millisecond)
				h := health(t, lhr)
				if got := values(t, lhr, "lhr", "own"); got != tt.want || h.Synced || h.Incarnation == before.Incarnation {
					t.Errorf("own = %q, health = %+v when the links read as up", got, h)
				}
				if h.Missing != "sync from iad, sync from syd" {
					t.Errorf("missing = %q", h.Missing)
				}
				pass(time.Second)
				if h := health(t, lhr); !h.Synced {
					t.Errorf("health = %+v after the resyncs", h)
				}
				for of, want := range map[string]string{"lhr": "1", "syd": "2"} {
					name := map[string]string{"lhr": "own", "syd": "other"}[of]
					if got := values(t, lhr, of, name); got != want {
						t.Errorf("%s = %q after the resyncs, want %s", name, got, want)
					}
				}
				if got := woken.take(); len(got) != 0 {
					t.Errorf("woken for %q by resyncs, want silence", got)
				}
			})
		})
	}
}

// TestPlanet_Restart_inDoubt: who is writing when a server is killed gets no answer,
// and either outcome happens.
func TestPlanet_Restart_inDoubt(t *testing.T) {
	outcomes := map[int]bool{}
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			p := start(t, wan.Config{Sites: three[:1], WriteTime: 10 * time.Millisecond, Seed: seed})
			s := p.Store("iad")
			var (
				wg  sync.WaitGroup
				err error
			)
			wg.Go(func() {
				_, err = s.Write(context.Background(), site.Write{Batch: engine.Batch{Changes: []engine.Change{set("a", "1")}}})
			})
			synctest.Wait()
			pass(3750 * time.Microsecond)
			p.Restart("iad", true, time.Second)
			wg.Wait()
			if !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("Write = %v, want ErrUnavailable", err)
			}
			pass(time.Second)
			outcomes[len(read(t, s, "iad"))] = true
		})
	}
	if !outcomes[0] || !outcomes[1] {
		t.Errorf("outcomes = %v, want both", outcomes)
	}
}

// TestPlanet_removed: what was removed comes back from a peer that still has it.
func TestPlanet_removed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fixed(t, wan.Config{Backlog: 1, Sites: three[:2]})
		iad, lhr := p.Store("iad"), p.Store("lhr")
		join := engine.Change{Cell: cellOfMember("tab-1", false)}
		write(t, iad, join)
		pass(time.Second)
		p.CutOff("lhr")
		write(t, iad, engine.Change{Cell: cellOfMember("tab-1", true)})
		if got := len(load(t, iad, "iad")); got != 0 {
			t.Fatalf("%d members after the leave, want none", got)
		}
		for range 2 {
			write(t, lhr, set("busy", "x"))
		}
		p.Rejoin("lhr")
		pass(2 * time.Second)
		if got := len(load(t, iad, "iad")); got != 1 {
			t.Errorf("%d members after the resync, want the one who left", got)
		}
	})
}

func TestPlanet_wakeups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writes = 400
		p := start(t, wan.Config{Sites: three[:1], LoseWake: 0.25, Repeat: 0.1, LateWake: 100 * time.Millisecond, Seed: 7})
		w := follow(t, p.Store("iad"))
		for range writes {
			write(t, p.Store("iad"), set("a", "1"))
		}
		synctest.Wait()
		if got := len(w.take()); got > writes/20 {
			t.Errorf("%d wake-ups at once, want most of them late", got)
		}
		pass(100 * time.Millisecond)
		if got, want := len(w.take()), writes*75*110/100/100; got < want*9/10 || got > want*11/10 {
			t.Errorf("%d wake-ups, want about %d", got, want)
		}
		if last := slices.Max(w.at); last > 100*time.Millisecond {
			t.Errorf("a wake-up after %v, want none later than 100 ms", last)
		}
	})
}

func TestPlanet_repeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fixed(t, wan.Config{Repeat: 1, LogEntries: 3})
		for i := range 5 {
			write(t, p.Store("lhr"), add("c", 1), push("words", fmt.Sprint(i), 2))
		}
		pass(time.Second)
		syd := p.Store("syd")
		if c, words := values(t, syd, "lhr", "c"), values(t, syd, "lhr", "words"); c != "5" || words != "3 4" {
			t.Errorf("c = %q, words = %q after repeats; want 5 and 3 4", c, words)
		}
		if diff := cmp.Diff(read(t, p.Store("lhr"), "lhr"), read(t, syd, "lhr")); diff != "" || len(read(t, syd, "lhr")) != 3 {
			t.Errorf("log (-home +copy):\n%s", diff)
		}
	})
}

// TestPlanet_seed: the same seed and the same schedule move the same things at the
// same moments; another seed does not.
func TestPlanet_seed(t *testing.T) {
	run := func(seed uint64) (moments []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := start(t, wan.Config{Sites: three, Seed: seed, Jitter: 1, LoseWake: 0.2, Repeat: 0.2, LateWake: 30 * time.Millisecond, Backlog: 4})
			w := follow(t, p.Store("syd"))
			for i := range 30 {
				write(t, p.Store("lhr"), add("c", 1))
				pass(10 * time.Millisecond)
				write(t, p.Store("iad"), add("c", 1))
				switch i {
				case 5:
					p.CutOff("syd")
				case 15:
					p.Rejoin("syd")
				}
			}
			pass(5 * time.Second)
			moments = w.at
		})
		return moments
	}
	first := run(1)
	if len(first) == 0 {
		t.Fatal("nobody was woken")
	}
	if diff := cmp.Diff(first, run(1)); diff != "" {
		t.Errorf("wake-ups of the same seed (-first +again):\n%s", diff)
	}
	if cmp.Equal(first, run(2)) {
		t.Error("wake-ups of another seed are the same")
	}
}
