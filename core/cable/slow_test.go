package cable_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

func waitFor(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// metric returns a metric's value, by name and label.
func metric(tb testing.TB, g prometheus.Gatherer, want string) (value float64) {
	tb.Helper()
	families, err := g.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if name == want {
				value = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return value
}

// TestSlow_Thousand has a thousand readers on real sockets that stop reading, among
// some that go on: those get everything in order, the others are told too_slow and
// counted, and what they held is gone.
func TestSlow_Thousand(t *testing.T) {
	const slow, fast, outbox = 1000, 5, 64
	registry := prometheus.NewRegistry()
	s := startServer(t, cable.Config{
		MaxSessions: slow + fast, Outbox: outbox, OutboxBytes: 1 << 30, Registerer: registry,
		PeerTimeout: time.Hour, WriteTimeout: time.Hour, // so that nothing else ends them
	})
	for range slow {
		c := open(t, s, "")
		c.join("home")
		// The kernel takes megabytes for a reader that has stopped, unless it is told
		// to take little.
		if err := c.ws.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	var readers sync.WaitGroup
	var done atomic.Int64
	var last atomic.Int64 // message
	last.Store(-1)
	seen := make([]atomic.Int64, fast)
	for i := range fast {
		c := open(t, s, "")
		c.join("home")
		readers.Go(func() {
			for n := 0; ; n++ {
				var got int
				if f := c.next(); len(f.Message) == 0 {
					t.Errorf("frame %.80s, want message %d", f.raw, n)
					return
				} else if _, err := fmt.Sscanf(string(f.Message), `"%d`, &got); err != nil || got != n {
					t.Errorf("message %.20s, want %d", f.Message, n)
					return
				}
				seen[i].Store(int64(n))
				if int64(n) == last.Load() {
					done.Add(1)
					return
				}
			}
		})
	}
	padding := strings.Repeat("x", 60_000)
	n := int64(0)
	for deadline := time.Now().Add(4 * patience); metric(t, registry, "presence_outbox_overflows_total") < slow; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("%v sessions were too slow, want %d", metric(t, registry, "presence_outbox_overflows_total"), slow)
		}
		for i := range seen { // no faster than those who read
			waitFor(t, "the others to read", func() bool { return t.Failed() || n-seen[i].Load() < outbox/2 })
		}
		s.Broadcast(cable.Stream{Room: "home"}, fmt.Appendf(nil, `"%d %s"`, n, padding))
	}
	last.Store(n)
	s.Broadcast(cable.Stream{Room: "home"}, fmt.Appendf(nil, `"%d"`, n))
	readers.Wait()
	if done.Load() != fast {
		t.Errorf("%d of %d readers got everything", done.Load(), fast)
	}
	waitFor(t, "the slow to be gone", func() bool { return metric(t, registry, "presence_sessions") == fast })
	if got := metric(t, registry, "presence_sessions_closed_total too_slow"); got != slow {
		t.Errorf("%v sessions closed as too_slow, want %d", got, slow)
	}
}

// TestSlow_Memory: what readers that have stopped make the server keep is shared.
func TestSlow_Memory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions, messages, size = 200, 200, 10_000
		s := runServer(t, cable.Config{MaxSessions: sessions, OutboxBytes: 1 << 30})
		var pages []*client
		for range sessions {
			c := pipe(t, s, plugins.Person{User: "u"})
			c.next()
			c.join("home")
			pages = append(pages, c)
		}
		before := heap()
		for range messages {
			s.Broadcast(cable.Stream{Room: "home"}, text(size))
		}
		synctest.Wait() // all are writing the first, and the rest waits
		const most = messages*size*2 + sessions*(messages*64+32<<10)
		if grown := heap() - before; grown > most {
			t.Errorf("%d sessions that wait for %d messages of %d bytes hold %d bytes, want at most %d", sessions, messages, size, grown, most)
		}
		for _, c := range pages {
			c.ws.Close()
		}
	})
}

// TestLatest_Lagging has a page that lags: it gets the newest of each fragment and
// all that has no key, nothing older after something newer, and is not cut off however
// much of the same it lacks.
func TestLatest_Lagging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		s := runServer(t, cable.Config{Outbox: 8, Registerer: registry})
		page := pipe(t, s, plugins.Person{User: "ann"})
		page.next()
		page.join("home")
		send := func(stream cable.Stream, key string, n int) {
			stream.Room = "home"
			s.BroadcastLatest(stream, key, fmt.Appendf(nil, `"%s %d"`, stream.User+key, n))
			synctest.Wait()
		}
		everybody, ann := cable.Stream{}, cable.Stream{User: "ann"}
		send(everybody, "", 0) // is being written
		for n := range 1000 {
			send(everybody, "light", n)
			send(ann, "light", n) // the same key of another audience
			if n%500 == 0 {
				send(everybody, "", n)
			}
			send(everybody, "count", n)
		}
		for _, want := range []string{" 0", " 0", " 500", "light 999", "annlight 999", "count 999"} {
			page.wantMessage(`"` + want + `"`)
		}
		if got := metric(t, registry, "presence_frames_superseded_total"); got != 3*999 {
			t.Errorf("%v frames superseded, want %d", got, 3*999)
		}
		for n := range 9 {
			send(everybody, "", n)
		}
		send(everybody, "", 9)
		page.wantDisconnect(`{"type":"disconnect","reason":"too_slow","reconnect":true}`)
		page.ws.Close()
	})
}

// TestLatest_Sockets has pages on real sockets that read now and then: what they see
// of a fragment only ever gets newer, its newest arrives, and what has no key is whole.
func TestLatest_Sockets(t *testing.T) {
	const pages, messages = 4, 3000
	registry := prometheus.NewRegistry()
	s := startServer(t, cable.Config{
		Registerer: registry, Outbox: messages, OutboxBytes: 1 << 30,
		PeerTimeout: time.Hour, WriteTimeout: time.Hour,
	})
	var clients []*client
	for range pages {
		c := open(t, s, "")
		c.join("home")
		clients = append(clients, c)
	}
	padding := strings.Repeat("x", 10_000)
	for n := range messages {
		s.BroadcastLatest(cable.Stream{Room: "home"}, "light", fmt.Appendf(nil, `"light %d %s"`, n, padding))
		if n%10 == 0 {
			s.Broadcast(cable.Stream{Room: "home"}, fmt.Appendf(nil, `"event %d"`, n/10))
		}
	}
	waitFor(t, "some to lag", func() bool { return metric(t, registry, "presence_frames_superseded_total") > 0 })
	for _, c := range clients {
		light, event := -1, 0
		for light < messages-1 {
			var what string
			var n int
			f := c.next()
			if _, err := fmt.Sscanf(string(f.Message), `"%s %d`, &what, &n); err != nil {
				t.Fatalf("frame %.80s: %v", f.raw, err)
			}
			if what == "light" {
				if n <= light {
					t.Fatalf("light %d after %d", n, light)
				}
				light = n
			} else if n != event {
				t.Fatalf("event %d, want %d", n, event)
			} else {
				event++
			}
		}
		if event != messages/10 {
			t.Errorf("%d events before the last light, want %d", event, messages/10)
		}
	}
}

// TestLatest_Kernel has a page that stops reading for a while: what it then reads
// before the newest is little, since the kernel keeps no more for it.
func TestLatest_Kernel(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel is told to keep little on Linux only")
	}
	const messages, size = 1500, 10_000
	registry := prometheus.NewRegistry()
	s := startServer(t, cable.Config{Registerer: registry, PeerTimeout: time.Hour, WriteTimeout: time.Hour})
	c := open(t, s, "")
	if err := c.ws.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.join("home")
	padding := strings.Repeat("x", size)
	for n := range messages {
		s.BroadcastLatest(cable.Stream{Room: "home"}, "light", fmt.Appendf(nil, `"light %d %s"`, n, padding))
	}
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`"end"`))
	// All have been given to it when one without a key has been counted.
	waitFor(t, "the last", func() bool { return metric(t, registry, "presence_deliveries_total") == messages+1 })
	read := 0
	for string(c.next().Message) != `"end"` {
		read++
	}
	if most := 1 << 20 / size; read > most {
		t.Errorf("%d of %d messages were kept for a page that had stopped, want at most %d", read, messages, most)
	}
	t.Logf("%d of %d messages were kept", read, messages)
}
