package cable_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// synced is a call of Handler.Sync: when, since the test began, and with which
// revision of the fragment a.
type synced struct {
	At  time.Duration
	Rev string
}

func syncs(calls chan synced) *fake {
	start := time.Now()
	return &fake{sync: func(_ *cable.Session, _ string, shown cable.Shown, _ func(...dom.Operation)) {
		calls <- synced{time.Since(start), shown.Revs["a"]}
	}}
}

func (c *client) sync(room, rev string) {
	c.tb.Helper()
	c.command("message", identifier(room), map[string]any{"action": "sync", "frags": map[string]string{"a": rev}})
}

func wantSyncs(t *testing.T, calls chan synced, want ...synced) {
	t.Helper()
	synctest.Wait()
	var got []synced
	for len(calls) > 0 {
		got = append(got, <-calls)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("syncs (-want +got):\n%s", diff)
	}
}

// wait lets time pass on the test's own clock, while the page reads.
func (c *client) wait(d time.Duration) {
	c.tb.Helper()
	for end := time.Now().Add(d); time.Until(end) > 0; {
		if err := c.ws.NetConn().SetReadDeadline(end); err != nil {
			c.tb.Fatal(err)
		}
		if _, err := c.ws.NetConn().Read(make([]byte, 4096)); err != nil && time.Until(end) > 0 {
			c.tb.Fatalf("read while waiting: %v", err)
		}
	}
	if err := c.ws.NetConn().SetReadDeadline(time.Time{}); err != nil {
		c.tb.Fatal(err)
	}
	synctest.Wait()
}

// TestSync_SharedAddress has two pages behind one address come back at once.
func TestSync_SharedAddress(t *testing.T) {
	s := startServer(t, cable.Config{AddressRate: 1, AddressBurst: 1, Handler: &fake{
		sync: func(_ *cable.Session, _ string, _ cable.Shown, reply func(...dom.Operation)) {
			reply(dom.SetTitle("now"))
		},
	}})
	for range 2 {
		c := open(t, s, "")
		c.join("home")
		c.sync("home", "old")
		c.wantMessage(`{"cableReady":true,"version":"5.0.6","operations":[{"operation":"setTitle","title":"now"}]}`)
	}
}

// TestSync_Delayed sends many at once: those beyond the burst wait, and only the
// newest is handed on.
func TestSync_Delayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan synced, 10)
		s := runServer(t, cable.Config{MaxSubscriptions: 1, Handler: syncs(calls)})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		for _, rev := range []string{"1", "2", "3", "4", "5"} {
			c.sync("home", rev)
		}
		wantSyncs(t, calls, synced{0, "1"}, synced{0, "2"})
		c.wait(5 * time.Second)
		c.sync("home", "6") // after the wait one may be sent as before
		wantSyncs(t, calls, synced{500 * time.Millisecond, "5"}, synced{5 * time.Second, "6"})
		c.ws.Close()
	})
}

// TestSync_Unsubscribe takes a waiting one back, and its place too.
func TestSync_Unsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan synced, 10)
		s := runServer(t, cable.Config{MaxSubscriptions: 1, Handler: syncs(calls)})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		for _, rev := range []string{"1", "2", "old"} {
			c.sync("home", rev)
		}
		wantSyncs(t, calls, synced{0, "1"}, synced{0, "2"})
		c.command("unsubscribe", identifier("home"))
		c.join("home")
		c.sync("home", "new")
		c.wait(5 * time.Second)
		wantSyncs(t, calls, synced{500 * time.Millisecond, "new"})
		c.ws.Close()
	})
}

func TestSync_SessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan synced, 10)
		s := runServer(t, cable.Config{MaxSubscriptions: 1, Handler: syncs(calls)})
		c := pipe(t, s, plugins.Person{User: "u"})
		c.next()
		c.join("home")
		for _, rev := range []string{"1", "2", "3"} {
			c.sync("home", rev)
		}
		wantSyncs(t, calls, synced{0, "1"}, synced{0, "2"})
		c.ws.Close()
		<-time.After(5 * time.Second) // of the test's own clock
		wantSyncs(t, calls)
	})
}

// TestSync_OneCallAtATime has a delayed sync fall due while the Handler is busy
// with the same session. It runs on the real clock, since the other one stands
// still while something waits for a mutex.
func TestSync_OneCallAtATime(t *testing.T) {
	var busy atomic.Bool
	overlaps := make(chan bool, 3)
	s := startServer(t, cable.Config{MaxSubscriptions: 1, Handler: &fake{
		event: func(_ *cable.Session, _ string, _ cable.Event, done func(cable.Ack)) {
			busy.Store(true)
			<-time.After(700 * time.Millisecond) // the sync is due after 500
			busy.Store(false)
			done(cable.Ack{Status: cable.OK})
		},
		sync: func(*cable.Session, string, cable.Shown, func(...dom.Operation)) { overlaps <- busy.Load() },
	}})
	c := open(t, s, "")
	c.join("home")
	for _, rev := range []string{"1", "2", "3"} {
		c.sync("home", rev)
	}
	c.command("message", identifier("home"), click(nil))
	for n := range 3 {
		if <-overlaps {
			t.Errorf("sync %d came while an event was handled", n)
		}
	}
}
