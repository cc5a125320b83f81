package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// backend is an event "add" of a service.
func backend(id, by string) bus.Request {
	r := request(id, by)
	r.Backend = true
	return r
}

func TestBus_DoAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		var reqs []bus.Request
		want := make([]bus.Outcome, 0, 1000)
		for i := range 1000 {
			r, o := backend(fmt.Sprint("event-", i), "1"), bus.Outcome{Status: bus.OK}
			switch i {
			case 10:
				r.Fields["by"], o = "10", bus.Outcome{Status: bus.Invalid, Sentence: `"by" must be a whole number from -9 to 9.`}
			case 20:
				r.Target, o = "demo#other", bus.Outcome{Status: bus.Forbidden, Sentence: `There is no event "demo#other"; those of demo are add, slow.`}
			case 30:
				r.ID = "event-0" // again
			}
			reqs, want = append(reqs, r), append(want, o)
		}
		for range 2 { // the second time everything is known
			if d := cmp.Diff(want, n.DoAll(t.Context(), reqs)); d != "" {
				t.Fatalf("outcomes (-want +got):\n%s", d)
			}
			if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">997</p>`) {
				t.Errorf("page has %s, want 997 events counted, as soon as they are answered", got)
			}
		}
		n.demo.mu.Lock()
		defer n.demo.mu.Unlock()
		last := -1
		for _, ev := range n.demo.handled {
			var i int
			if _, err := fmt.Sscanf(ev.ID, "event-%d", &i); err != nil || i <= last {
				t.Fatalf("event %q was handled after number %d", ev.ID, last)
			}
			last = i
		}
	})
}

func TestBus_DoAll_noRateOfPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		for i := range 10 { // a person may send two at once
			req := bus.Request{ID: fmt.Sprint(i), Room: "home", Target: "demo#slow", Person: person("ann"), Backend: true}
			if got := n.do(t, req); got.Status != bus.OK {
				t.Fatalf("event %d: %+v, want ok", i, got)
			}
		}
		got := n.do(t, bus.Request{ID: "own", Room: "home", Target: "demo#slow", Person: person("ann")})
		if got.Status != bus.OK {
			t.Errorf("an event of the person's own: %+v, want ok: the service has spent nothing of theirs", got)
		}
	})
}

func TestBus_DoAll_contextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		release := make(chan struct{})
		n.demo.setHandle(func(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
			<-release
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var reqs []bus.Request
		for i := range 600 { // more than are on their way at once
			reqs = append(reqs, backend(fmt.Sprint("event-", i), "1"))
		}
		for i, o := range n.DoAll(ctx, reqs) {
			if o.Status != bus.Unavailable {
				t.Fatalf("outcome %d is %+v, want unavailable", i, o)
			}
		}
		close(release)
	})
}

// Services are told what there is.
func TestBus_DoAll_unknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		req := backend("one", "1")
		req.Target = "dem#add"
		want := bus.Outcome{Status: bus.Forbidden, Sentence: `There is no feature "dem"; there are demo.`}
		if o := n.do(t, req); o != want {
			t.Errorf("outcome: %+v, want %+v", o, want)
		}
	})
}
