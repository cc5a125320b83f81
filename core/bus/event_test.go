package bus_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

func TestBus_Dispatch_wayOfOneClick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		if err := n.Join("home", person("ann")); err != nil {
			t.Fatal(err)
		}
		settle()
		n.wall.take()
		if got := n.do(t, request("e1", "3")); got != (bus.Outcome{Status: bus.OK}) {
			t.Fatalf("outcome = %+v, want ok", got)
		}
		synctest.Wait()
		if got := strip(last(n.wall.take(), "#demo-count")); got != `<p id="demo-count">3</p>` {
			t.Errorf("broadcast %q, want the count of 3", got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">3</p>`) {
			t.Errorf("page has %s, want the count of 3", got)
		}
	})
}

func TestBus_Dispatch_outcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.handle = func(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
			switch ev.Fields.Int("by") {
			case 1:
				return nil, plugins.Refuse("One is not enough.")
			case 2:
				return nil, errors.New("secret detail")
			case 3:
				return []plugins.Mutation{plugins.Set("undeclared", "x")}, nil
			case 4:
				return []plugins.Mutation{plugins.Set("count", "x")}, nil
			case 5:
				return nil, nil
			}
			return []plugins.Mutation{plugins.Add("count", 1)}, nil
		}
		const failed = "Something went wrong with that. Nothing was changed."
		for name, tc := range map[string]struct {
			edit func(*bus.Request)
			want bus.Outcome
		}{
			"OK":               {func(r *bus.Request) {}, bus.Outcome{Status: bus.OK}},
			"no change":        {by("5"), bus.Outcome{Status: bus.OK}},
			"unknown feature":  {func(r *bus.Request) { r.Target = "other#add" }, bus.Outcome{Status: bus.Forbidden, Sentence: "There is nothing here that does that."}},
			"unknown event":    {func(r *bus.Request) { r.Target = "demo#other" }, bus.Outcome{Status: bus.Forbidden, Sentence: "There is nothing here that does that."}},
			"bad room":         {func(r *bus.Request) { r.Room = "a\x00" }, bus.Outcome{Status: bus.Forbidden, Sentence: "There is nothing here that does that."}},
			"no id":            {func(r *bus.Request) { r.ID = "" }, bus.Outcome{Status: bus.Invalid, Sentence: `"id" must be 1 to 64 letters, digits, - and _.`}},
			"missing field":    {func(r *bus.Request) { r.Fields = nil }, bus.Outcome{Status: bus.Invalid, Sentence: `"by" is missing.`}},
			"field too large":  {by("10"), bus.Outcome{Status: bus.Invalid, Sentence: `"by" must be a whole number from -9 to 9.`}},
			"refused":          {by("1"), bus.Outcome{Status: bus.Invalid, Sentence: "One is not enough."}},
			"failed":           {by("2"), bus.Outcome{Status: bus.Failed, Sentence: failed}},
			"undeclared field": {by("3"), bus.Outcome{Status: bus.Failed, Sentence: failed}},
			"wrong kind":       {by("4"), bus.Outcome{Status: bus.Failed, Sentence: failed}},
		} {
			req := request(strings.ReplaceAll(name, " ", "-"), "9")
			tc.edit(&req)
			if d := cmp.Diff(tc.want, n.do(t, req)); d != "" {
				t.Errorf("%s: outcome (-want +got):\n%s", name, d)
			}
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">1</p>`) {
			t.Errorf("page has %s, want only the OK event counted", got)
		}
	})
}

func by(n string) func(*bus.Request) {
	return func(r *bus.Request) { r.Fields = map[string]string{"by": n} }
}

func TestBus_Dispatch_rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		slow := func(user string, i int) bus.Outcome {
			return n.do(t, bus.Request{ID: fmt.Sprint(user, i), Room: "home", Target: "demo#slow", Person: person(user)})
		}
		for i := range 2 {
			if got := slow("ann", i); got.Status != bus.OK {
				t.Fatalf("event %d of the burst: %+v, want ok", i, got)
			}
		}
		if got := slow("ann", 2); got.Status != bus.Busy || got.RetryAfter != time.Second || got.Sentence == "" {
			t.Errorf("event after the burst: %+v, want busy for 1s", got)
		}
		if got := slow("bob", 0); got.Status != bus.OK {
			t.Errorf("another user: %+v, want ok", got)
		}
		<-time.After(time.Second) // of the test's own clock
		if got := slow("ann", 2); got.Status != bus.OK {
			t.Errorf("the same event after a second: %+v, want ok", got)
		}
	})
}

// TestBus_Dispatch_once: a repeated event is answered like the first try and runs
// once, whether the first is under way, done, or was done by a process that has
// been replaced.
func TestBus_Dispatch_once(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	release := make(chan struct{})
	func() {
		e, err := memory.Open(memory.Config{File: file})
		if err != nil {
			t.Fatal(err)
		}
		stopEngine := running(t, e.Run)
		n := startNode(t, e)
		n.demo.handle = func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
			<-release
			return add(ctx, ev, s)
		}
		var wg sync.WaitGroup
		var answered atomic.Int32
		for range 10 {
			wg.Add(1)
			n.Dispatch(request("e1", "1"), func(o bus.Outcome) {
				defer wg.Done()
				if o.Status == bus.OK {
					answered.Add(1)
				}
			})
		}
		close(release)
		wg.Wait()
		if got := answered.Load(); got != 10 {
			t.Errorf("%d of 10 tries were answered ok", got)
		}
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Errorf("a try after the answer: %+v, want ok", got)
		}
		other := request("e1", "1")
		other.Person = person("bob")
		if got := n.do(t, other); got.Status != bus.OK {
			t.Errorf("the same id of another user: %+v, want ok", got)
		}
		if got := len(n.demo.handled); got != 2 {
			t.Errorf("%d events were handled, want ann's and bob's", got)
		}
		n.stop()
		stopEngine()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}()

	n := startNode(t, startEngine(t, memory.Config{File: file}))
	waitPage(t, n, `<p id="demo-count">2</p>`)
	// The log is read in order, so that e1 was seen before this event.
	if got := n.do(t, request("e2", "1")); got.Status != bus.OK {
		t.Fatalf("an event after the restart: %+v", got)
	}
	if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
		t.Errorf("a try after the restart: %+v, want ok", got)
	}
	waitPage(t, n, `<p id="demo-count">3</p>`)
	if got := len(n.demo.handled); got != 1 {
		t.Errorf("%d events were handled after the restart, want only e2", got)
	}
}

func waitPage(t *testing.T, n *node, want string) {
	t.Helper()
	waitFor(t, want, func() bool { return strings.Contains(strip(n.page(t)), want) })
}

// away is an engine that can be made to fail.
type away struct {
	engine.Engine
	ready, append atomic.Bool // true: fails
}

func (a *away) Ready() error {
	if a.ready.Load() {
		return engine.ErrUnavailable
	}
	return a.Engine.Ready()
}

func (a *away) Append(ctx context.Context, b engine.Batch) (id state.ID, err error) {
	if a.append.Load() {
		return id, engine.ErrUnavailable
	}
	return a.Engine.Append(ctx, b)
}

func TestBus_Dispatch_storeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &away{Engine: startEngine(t, memory.Config{})}
		n := startNode(t, e)
		want := bus.Outcome{Status: bus.Unavailable, Sentence: "It can't be saved yet, but is kept."}
		e.ready.Store(true)
		if got := n.do(t, request("e1", "1")); got != want {
			t.Errorf("store not ready: %+v, want %+v", got, want)
		}
		e.ready.Store(false)
		e.append.Store(true)
		if got := n.do(t, request("e1", "1")); got != want {
			t.Errorf("store fails: %+v, want %+v", got, want)
		}
		e.append.Store(false)
		if got := n.do(t, request("e1", "1")); got.Status != bus.OK {
			t.Errorf("store back, same event: %+v, want ok", got)
		}
		if got := strip(n.page(t)); !strings.Contains(got, `<p id="demo-count">1</p>`) {
			t.Errorf("page has %s, want the event counted once", got)
		}
	})
}

func TestBus_Run_answersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, startEngine(t, memory.Config{}))
		n.demo.handle = func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		outcomes := make(chan bus.Outcome, 100)
		for i := range 100 {
			n.Dispatch(request(fmt.Sprint("e", i), "1"), func(o bus.Outcome) { outcomes <- o })
		}
		n.stop()
		for range 100 {
			if o := <-outcomes; o.Status == bus.OK {
				t.Fatalf("outcome %+v of an event that was not taken", o)
			}
		}
		if got := n.do(t, request("late", "1")); got.Status != bus.Unavailable {
			t.Errorf("an event after the end: %+v, want unavailable", got)
		}
	})
}

// TestBus_Dispatch_sees: what one event changed is in the state that the next one
// of the same feature is handled with.
func TestBus_Dispatch_sees(t *testing.T) {
	n := startNode(t, startEngine(t, memory.Config{}))
	var behind atomic.Int64
	n.demo.handle = func(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
		if s.Counters["count"] != ev.Fields.Int("by")-1 {
			behind.Add(1)
		}
		return []plugins.Mutation{plugins.Add("count", 1)}, nil
	}
	for i := range 9 {
		n.do(t, request(fmt.Sprint("e", i), fmt.Sprint(i+1)))
	}
	if got := behind.Load(); got > 0 {
		t.Errorf("%d of 9 events were handled with an old state", got)
	}
}
