package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// TestBus_sites: every region learns the round trips between all, through the logs.
func TestBus_sites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 120*time.Millisecond, "iad", "lhr", "syd")
		for _, r := range world["syd"].roads {
			r.delay.Store(int64(150 * time.Millisecond)) // slower to get there than back
		}
		var nodes []*node
		for _, site := range []string{"iad", "lhr", "syd"} {
			nodes = append(nodes, startAt(t, world[site]))
		}
		<-time.After(12 * time.Second)
		settle()
		ms := func(to string, rtt int) plugins.Ping {
			return plugins.Ping{To: to, RTT: time.Duration(rtt) * time.Millisecond}
		}
		want := []plugins.Site{
			{Name: "iad", Region: "iad", Pings: []plugins.Ping{ms("lhr", 240), ms("syd", 270)}},
			{Name: "lhr", Region: "lhr", Pings: []plugins.Ping{ms("iad", 240), ms("syd", 270)}},
			{Name: "syd", Region: "syd", Pings: []plugins.Ping{ms("iad", 270), ms("lhr", 270)}},
		}
		for i, n := range nodes {
			if diff := cmp.Diff(want, n.sites()); diff != "" {
				t.Errorf("%s is told (-want +got):\n%s", want[i].Name, diff)
			}
		}
	})
}

// TestBus_sites_quiet: round trips that hardly change cost no renders, and those that
// do cost one every five seconds at most.
func TestBus_sites_quiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 50*time.Millisecond, "lhr", "syd")
		here := startAt(t, world["lhr"])
		startAt(t, world["syd"])
		<-time.After(30 * time.Second)
		settle()
		before := here.demo.renders()
		<-time.After(5 * time.Minute)
		if got := here.demo.renders() - before; got != 0 {
			t.Errorf("%d renders in five minutes in which nothing changed", got)
		}
		world["lhr"].roads[0].delay.Store(int64(58 * time.Millisecond)) // 8 % of the round trip
		<-time.After(time.Minute)
		if got := here.demo.renders() - before; got != 0 {
			t.Errorf("%d renders for a change of 8 %%", got)
		}
		for i := range 60 { // 51 % up and down
			world["lhr"].roads[0].delay.Store(int64(time.Duration(50+50*(i%20/10)) * time.Millisecond))
			<-time.After(time.Second)
		}
		settle()
		if got := here.demo.renders() - before; got < 4 || got > 13 {
			t.Errorf("%d renders in a minute of ups and downs, want some, one in five seconds at most", got)
		}
	})
}

// TestBus_sites_cutOff: a site that stops beating is told of as cut off, with the
// moment at which it was last heard, and as there when it is back.
func TestBus_sites_cutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 100*time.Millisecond, "lhr", "syd")
		here, there := startAt(t, world["lhr"]), startAt(t, world["syd"])
		<-time.After(20 * time.Second)
		setCut(world["lhr"], world["syd"], true)
		cut := time.Now()
		<-time.After(2 * time.Second)
		if got := here.sites(); len(got) != 2 || !got[1].CutOff.IsZero() {
			t.Errorf("two seconds after the cut: %+v, want no word of it", got)
		}
		<-time.After(3 * time.Second)
		settle()
		got := here.sites()
		if len(got) != 2 || !got[0].CutOff.IsZero() || got[1].Pings != nil {
			t.Fatalf("five seconds after the cut: %+v, want syd cut off", got)
		}
		since := got[1].CutOff
		if since.Location() != time.UTC || !since.Equal(since.Truncate(time.Second)) || since.After(cut) || cut.Sub(since) > 3*time.Second {
			t.Errorf("cut off since %v, want the last second before %v, in UTC", since, cut)
		}
		if got := there.sites(); len(got) != 2 || got[0].CutOff.IsZero() {
			t.Errorf("syd is told %+v, want lhr cut off", got)
		}
		renders := here.demo.renders()
		<-time.After(time.Minute)
		settle()
		// One render more takes the old round trip to syd away.
		if got := here.sites(); !got[1].CutOff.Equal(since) || got[0].Pings != nil || here.demo.renders() > renders+1 {
			t.Errorf("a minute later %+v, after %d more renders; want syd cut off since %v and one", got, here.demo.renders()-renders, since)
		}
		setCut(world["lhr"], world["syd"], false)
		settle()
		if got := here.sites(); !got[1].CutOff.IsZero() {
			t.Errorf("after healing: %+v, want syd heard", got)
		}
		<-time.After(12 * time.Second)
		settle()
		want := []plugins.Ping{{To: "syd", RTT: 200 * time.Millisecond}}
		if diff := cmp.Diff(want, here.sites()[0].Pings); diff != "" {
			t.Errorf("round trips after healing (-want +got):\n%s", diff)
		}
	})
}

// TestBus_sites_gone: a site that was silent for a day is told of no more.
func TestBus_sites_gone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 100*time.Millisecond, "lhr", "syd")
		minutes := func(c *bus.Config) { c.Beat = time.Minute } // to be quick
		here, there := startAt(t, world["lhr"], minutes), startAt(t, world["syd"], minutes)
		<-time.After(10 * time.Minute)
		there.stop()
		<-time.After(23*time.Hour + 30*time.Minute)
		settle()
		if got := here.sites(); len(got) != 2 || got[1].CutOff.IsZero() {
			t.Errorf("after 23 hours: %+v, want syd cut off", got)
		}
		<-time.After(time.Hour)
		settle()
		if got := here.sites(); len(got) != 1 || got[0].Name != "lhr" || !got[0].CutOff.IsZero() {
			t.Errorf("after a day: %+v, want lhr alone", got)
		}
	})
}

// TestBus_sites_restart: what a binary reads of the time before it started does not
// bring a silent site back, and says since when it is silent.
func TestBus_sites_restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 100*time.Millisecond, "lhr", "syd")
		there := startAt(t, world["syd"])
		<-time.After(time.Minute)
		there.stop()
		stopped := time.Now()
		<-time.After(5 * time.Minute)
		here := startAt(t, world["lhr"])
		<-time.After(10 * time.Second)
		settle()
		told := here.told()
		if len(told) == 0 {
			t.Fatal("told nothing")
		}
		for _, sites := range told {
			if len(sites) == 0 {
				continue // not known yet
			}
			if len(sites) != 2 || sites[1].CutOff.IsZero() || stopped.Sub(sites[1].CutOff).Abs() > 2*time.Second {
				t.Errorf("told %+v, want syd cut off since about %v", sites, stopped.UTC())
			}
		}
		if got := strip(here.page(t)); !strings.Contains(got, ">1 people<") {
			t.Errorf("page has %s, want ann of this binary alone", got)
		}
	})
}

// TestBus_sites_several: two sites of one region, one of which has two binaries.
func TestBus_sites_several(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := startWorld(t, 10*time.Millisecond, "lhr", "lhr-2")
		here, twin := startAt(t, world["lhr"]), startAt(t, world["lhr"])
		other := startAt(t, world["lhr-2"])
		<-time.After(12 * time.Second)
		settle()
		trip := func(to string) []plugins.Ping { return []plugins.Ping{{To: to, RTT: 20 * time.Millisecond}} }
		want := []plugins.Site{
			{Name: "lhr", Region: "lhr", Pings: trip("lhr-2")},
			{Name: "lhr-2", Region: "lhr", Pings: trip("lhr")},
		}
		for name, n := range map[string]*node{"one": here, "twin": twin, "other": other} {
			if diff := cmp.Diff(want, n.sites()); diff != "" {
				t.Errorf("%s is told (-want +got):\n%s", name, diff)
			}
		}
		twin.stop()
		<-time.After(20 * time.Second)
		settle()
		if diff := cmp.Diff(want, other.sites()); diff != "" {
			t.Errorf("after the twin has gone (-want +got):\n%s", diff)
		}
	})
}

// TestBus_sites_flood: of the many binaries of a site one is answered, the first by
// name.
func TestBus_sites_flood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const binaries = 200
		world := startWorld(t, time.Millisecond, "lhr", "syd")
		startNode(t, world["lhr"])
		owner := map[string]string{}
		var mu sync.Mutex
		answered := map[string]int{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = world["lhr"].Engine.Tail(ctx, engine.Positions{}, func(ds []engine.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				for _, d := range ds {
					if d.Beat == nil {
						continue
					}
					if len(d.Beat.Heard) > 1 {
						t.Errorf("a beat answers %d others of one site", len(d.Beat.Heard))
					}
					for _, h := range d.Beat.Heard {
						answered[owner[h.ID]]++
					}
				}
				return nil
			})
		}()
		for range 60 {
			var wg sync.WaitGroup
			for i := range binaries {
				wg.Go(func() {
					name := fmt.Sprint("b", i)
					id, err := world["syd"].Append(t.Context(), engine.Batch{Binary: name, Beat: &engine.Beat{Region: "syd"}})
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					owner[id.String()] = name
				})
			}
			wg.Wait()
			<-time.After(time.Second)
		}
		cancel()
		<-done
		if len(answered) != 1 || answered["b0"] < 10 || answered["b0"] > 12 {
			t.Errorf("answered %v in a minute, want b0 once in five seconds", answered)
		}
	})
}

// TestBus_beat: what beats cost in the log of a planet of twelve regions with
// three binaries each: one binary of each tells its round trips, once in five beats.
func TestBus_beat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		const regions = 12
		for i := range regions {
			names = append(names, fmt.Sprintf("r%02d", i))
		}
		world := startWorld(t, 40*time.Millisecond, names...)
		for _, name := range names {
			for range 3 {
				startNode(t, world[name], func(c *bus.Config) { c.Region = name })
			}
		}
		<-time.After(22 * time.Second)
		var beats, tell, size int
		ctx, cancel := context.WithCancel(t.Context())
		_ = world["r00"].Engine.Tail(ctx, engine.Positions{}, func(ds []engine.Delivery) error {
			for _, d := range ds[len(ds)/2:] {
				if b, err := d.Encode(); err == nil && d.Beat != nil {
					beats, size = beats+1, size+len(b)
					if d.Beat.Heard == nil && d.Beat.Pings == nil {
						continue
					}
					tell++
					if len(d.Beat.Heard) != regions-1 || len(d.Beat.Pings) != regions-1 || !slices.IsSortedFunc(d.Beat.Pings, func(a, b engine.Ping) int { return strings.Compare(a.Site, b.Site) }) {
						t.Errorf("a beat with %d answers and %d round trips, want %d of each", len(d.Beat.Heard), len(d.Beat.Pings), regions-1)
					}
				}
			}
			cancel()
			return nil
		})
		t.Logf("%d bytes a beat, %d of %d tell", size/max(beats, 1), tell, beats)
		if tell == 0 || tell > beats/10 || size/beats > 150 {
			t.Errorf("%d beats, %d of which tell, of %d bytes together; want one in fifteen to tell, and 150 bytes a beat at most", beats, tell, size)
		}
	})
}

// TestBus_Join_skewed: members of a site whose clock is an hour behind are shown to
// a binary that has just started.
func TestBus_Join_skewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := map[string]*place{
			"lhr": {Engine: startEngine(t, memory.Config{Site: "lhr"})},
			"syd": {Engine: startEngine(t, memory.Config{Site: "syd", Now: func() time.Time { return time.Now().Add(-time.Hour) }})},
		}
		world["lhr"].roads = []*road{{from: world["syd"].Engine}} // syd hears nobody, so it keeps its own time
		startAt(t, world["syd"])
		<-time.After(time.Minute)
		here := startNode(t, world["lhr"])
		<-time.After(2 * time.Second)
		settle()
		if got := strip(here.page(t)); !strings.Contains(got, ">1 people<") {
			t.Errorf("page has %s, want ann of syd", got)
		}
	})
}
