package regions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/features/regions"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/markup"
)

func TestFeature_Render(t *testing.T) {
	here := func(groups ...plugins.Group) plugins.State {
		return plugins.State{Presence: map[string][]plugins.Group{"people": groups}}
	}
	// The land is in the first file only: it is the same in all of them.
	changed := []plugins.Change{{Field: "people", Group: "lhr"}}
	for _, tt := range []struct {
		name string
		view plugins.View
	}{
		{"empty", plugins.View{}},
		{"one", plugins.View{Changes: changed, State: here(plugins.Group{Key: "lhr", People: 1, Tabs: 2})}},
		{"onePlace", plugins.View{Changes: changed, State: here(plugins.Group{Key: "lhr", People: 2, Tabs: 2})}},
		{"many", plugins.View{Changes: changed, State: here(
			plugins.Group{Key: "gru", People: 1, Tabs: 1},
			plugins.Group{Key: "lhr", People: 3, Tabs: 4},
			plugins.Group{Key: "syd"},                      // everybody left
			plugins.Group{Key: "zzz", People: 9, Tabs: 30}, // not on the map
		)}},
		{"hostile", plugins.View{Changes: changed, State: here(plugins.Group{Key: `"><script>`, People: 1, Tabs: 1})}},
		{"unchanged", plugins.View{Changes: []plugins.Change{}, State: here(plugins.Group{Key: "lhr", People: 1, Tabs: 2})}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden.Render(t, tt.name, regions.New(), tt.view) })
	}
}

func TestFeature_Render_sites(t *testing.T) {
	site := func(name string, pings ...plugins.Ping) plugins.Site {
		return plugins.Site{Name: name, Region: name[:min(len(name), 3)], Pings: pings}
	}
	ping := func(to string, us int) plugins.Ping {
		return plugins.Ping{To: to, RTT: time.Duration(us) * time.Microsecond}
	}
	silent := site("syd")
	silent.CutOff = time.Date(2026, 11, 24, 12, 4, 5, 0, time.UTC)
	var many []plugins.Site
	for i := range 100 {
		s := plugins.Site{Name: fmt.Sprintf("site-of-a-long-name-number-%03d", i), Region: "lhr"}
		for k := range 100 {
			s.Pings = append(s.Pings, ping(fmt.Sprintf("site-of-a-long-name-number-%03d", k), 12_345_678))
		}
		many = append(many, s)
	}
	many[97] = plugins.Site{Name: "yyz", Region: "yyz", CutOff: silent.CutOff}
	changed := []plugins.Change{{Field: "sites"}}
	for _, tt := range []struct {
		name  string
		sites []plugins.Site
	}{
		{"sitesNone", nil},
		{"sitesOne", []plugins.Site{site("lhr")}},
		{"sitesFirst", []plugins.Site{site("iad"), site("lhr")}}, // no round trip is known yet
		{"sites", []plugins.Site{
			site("iad", ping("lhr", 74_512), ping("lhr-2", 74_900), ping("syd", 201_000)),
			site("lhr", ping("iad", 74_499), ping("lhr-2", 612), ping("syd", 9_960)),
			site("lhr-2", ping("iad", 75_000), ping("lhr", 9_940), ping("gone", 1)),
			silent,
		}},
		{"sitesHostile", []plugins.Site{site(`"><script>`, ping("<b>", 1000)), site("<b>")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			view := plugins.View{Changes: changed, State: plugins.State{Sites: map[string][]plugins.Site{"sites": tt.sites}}}
			golden.Render(t, tt.name, regions.New(), view)
		})
	}
	t.Run("Many", func(t *testing.T) {
		view := plugins.View{Feature: "regions", Room: "home", Changes: changed, State: plugins.State{Sites: map[string][]plugins.Site{"sites": many}}}
		got, err := regions.New().Render(t.Context(), view)
		if err != nil || len(got) != 1 || markup.Fragments("regions", got) != nil {
			t.Fatalf("Render of 100 sites: %d fragments, %v, %v", len(got), err, markup.Fragments("regions", got))
		}
		if !strings.Contains(got[0].HTML, "65 more sites are not shown.") {
			t.Errorf("nothing says that sites are left out:\n%s", got[0].HTML)
		}
		if !strings.Contains(got[0].HTML, "<code>yyz</code>") || strings.Count(got[0].HTML, "<tr>") != 1+35 {
			t.Errorf("%d rows, want 35 and the names, and yyz, which is cut off, among them", strings.Count(got[0].HTML, "<tr>"))
		}
		t.Logf("%d bytes", len(got[0].HTML))
	})
}

func TestFeature_Handle(t *testing.T) {
	if _, err := regions.New().Handle(t.Context(), plugins.Event{Name: "join"}, plugins.State{}); err == nil {
		t.Error("Handle(join) = nil, want an error: there are no events")
	}
}
