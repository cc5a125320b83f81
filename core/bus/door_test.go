package bus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// startDoor is startNode in a region, with a demo feature that hears of who comes and
// goes.
func startDoor(t *testing.T, e engine.Engine, region string) *node {
	t.Helper()
	n := startNode(t, e, func(c *bus.Config) { c.Region = region })
	m := manifest
	m.Joins, m.Leaves = "came", "went"
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: m})
	n.demo.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) { return nil, nil })
	return n
}

// come has people join the room home, each by one tab.
func (n *node) come(t *testing.T, people ...string) {
	t.Helper()
	for _, who := range people {
		if err := n.Join("home", person(who)); err != nil {
			t.Fatal(err)
		}
	}
	settle()
}

// heard returns what the feature heard of who came and went since the last call, sorted.
func (n *node) heard() (all []string) {
	n.demo.mu.Lock()
	defer n.demo.mu.Unlock()
	for _, ev := range n.demo.handled {
		all = append(all, fmt.Sprint(ev.Name, " ", ev.Person.User, " ", ev.Person.Session, " in ", ev.Room))
	}
	n.demo.handled = nil
	slices.Sort(all)
	return all
}

func (n *node) wantHeard(t *testing.T, when, what string, people ...string) {
	t.Helper()
	settle()
	var want []string
	for _, who := range people {
		want = append(want, fmt.Sprint(what, " ", who, " tab-of-", who, " in home"))
	}
	if d := cmp.Diff(want, n.heard()); d != "" {
		t.Errorf("%s the feature heard (-want +got):\n%s", when, d)
	}
}

// TestBus_killed: of those whose sockets were those of a binary that is killed, one other
// binary in the room tells that they have left, after three missed beats: once, and of
// nobody else.
func TestBus_killed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		cable := &away{Engine: e}
		here, other, elsewhere := startDoor(t, e, "lhr"), startDoor(t, e, "ams"), startDoor(t, e, "syd")
		dead := startDoor(t, cable, "iad")
		here.come(t, "ann")
		other.come(t, "bob")
		dead.come(t, "cyd", "dan", "eve")
		dead.Leave("home", "tab-of-eve")
		if err := elsewhere.Join("attic", person("fay")); err != nil {
			t.Fatal(err)
		}
		settle()
		for _, n := range []*node{here, other, elsewhere, dead} {
			n.heard()
		}
		cable.append.Store(true) // so that it says no goodbye
		dead.stop()
		<-time.After(2 * time.Second)
		here.wantHeard(t, "two seconds later", "went")
		<-time.After(3 * time.Second)
		other.wantHeard(t, "in ams, which comes first,", "went", "cyd", "dan")
		here.wantHeard(t, "in lhr", "went")
		elsewhere.wantHeard(t, "where nobody is in the room", "went")
		<-time.After(time.Minute)
		other.wantHeard(t, "a minute later", "went")
	})
}

// TestBus_cutOff: those of a binary that is cut off have left as far as others know, and
// those that are still there have come when it is heard again. When it is the store of all
// that is away, nobody has left.
func TestBus_cutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startEngine(t, memory.Config{})
		cables := map[string]*away{"lhr": {Engine: e}, "iad": {Engine: e}}
		here, there := startDoor(t, cables["lhr"], "lhr"), startDoor(t, cables["iad"], "iad")
		here.come(t, "ann")
		there.come(t, "bob", "cyd")
		settle()
		here.heard()
		cut := func(is bool, codes ...string) {
			for _, code := range codes {
				cables[code].append.Store(is)
			}
		}
		cut(true, "iad")
		<-time.After(5 * time.Second)
		here.wantHeard(t, "while iad is cut off", "went", "bob", "cyd")
		there.Leave("home", "tab-of-cyd")
		cut(false, "iad")
		<-time.After(2 * time.Second)
		here.wantHeard(t, "when iad is back", "came", "bob")

		there.heard()
		cut(true, "lhr", "iad")
		<-time.After(10 * time.Second)
		cut(false, "lhr", "iad")
		<-time.After(10 * time.Second)
		here.wantHeard(t, "after the store was away", "came")
		there.wantHeard(t, "after the store was away", "came")
	})
}

// TestBus_killed_crowd: a whole region that is gone at once is told of to the last one,
// however slow the feature is.
func TestBus_killed_crowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 3000
		e := startEngine(t, memory.Config{})
		cable := &away{Engine: e}
		here, dead := startDoor(t, e, "lhr"), startDoor(t, cable, "iad")
		here.come(t, "ann")
		for i := range crowd {
			if err := dead.Join("home", person(fmt.Sprint("user-", i))); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(2 * time.Second)
		here.heard()
		cable.append.Store(true)
		dead.stop()
		<-time.After(time.Minute)
		settle()
		if got := len(here.heard()); got != crowd {
			t.Errorf("the feature heard of %d, want all %d", got, crowd)
		}
	})
}
