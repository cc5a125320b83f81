package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/global-presence/presence/core/engine/memory"
)

// TestBus_Follow: of a room of which people look at one feature alone, that is rendered,
// and the others when somebody looks at them, as they are by then.
func TestBus_Follow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		clock := n.addClock(t)
		if err := n.Bus.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		demos, clocks := 0, 0
		wantRendered := func(when string, demo, other bool) {
			t.Helper()
			settle()
			was, wasOther := demos, clocks
			if demos, clocks = n.demo.renders(), clock.renders(); demos > was != demo || clocks > wasOther != other {
				t.Errorf("%s: demo was rendered: %t, clock: %t; want %t and %t", when, demos > was, clocks > wasOther, demo, other)
			}
		}
		wantRendered("somebody is there and looks at nothing", false, false)
		n.Follow("home", "clock")
		wantRendered("clock is looked at", false, true)
		n.do(t, request("e1", "1"))
		n.do(t, request("e2", "2"))
		if _, err := n.Page(t.Context(), "home", "clock", person("bob")); err != nil {
			t.Error(err)
		}
		for i := range 3 * 128 { // more than one render is told of at once
			p := person(fmt.Sprint("guest-", i))
			if err := n.Bus.Join("home", p); err != nil {
				t.Fatal(err)
			}
			settle()
			n.Bus.Leave("home", p.Session)
		}
		wantRendered("the count of demo has changed, people came and went, and bob opened clock", false, false)
		n.wall.take()
		n.Follow("home", "")
		before := n.demo.renders()
		wantRendered("all is looked at", true, false)
		if got := n.demo.renders() - before; got != 1 {
			t.Errorf("%d renders of all, want one", got)
		}
		shown := ""
		for _, m := range n.wall.take() {
			for _, op := range m.ops {
				html, _ := op["html"].(string)
				shown += strip(html)
			}
		}
		if want := `<p id="demo-count">3</p>`; !strings.Contains(shown, want) {
			t.Errorf("broadcast %q, want %s", shown, want)
		}
		n.Follow("home", "demo")
		n.Unfollow("home", "")
		n.do(t, request("e3", "1"))
		wantRendered("demo is looked at, and its count has changed", true, false)
		n.Unfollow("home", "demo")
		n.do(t, request("e4", "1"))
		wantRendered("nobody looks at demo any more", false, false)
	})
}
