package cable_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins/dom"
)

// TestServer_BroadcastAudience sends to each kind of stream and sees who gets it.
func TestServer_BroadcastAudience(t *testing.T) {
	sessions := make(chan *cable.Session, 10)
	s := startServer(t, cable.Config{Handler: &fake{
		join: func(s *cable.Session, _ string) error { sessions <- s; return nil },
	}})
	ann1, ann2, bob, away := open(t, s, "ann"), open(t, s, "ann"), open(t, s, "bob"), open(t, s, "ann")
	ann1.join("home")
	ann1ID := (<-sessions).ID()
	ann2.join("home")
	bob.join("home")
	away.join("elsewhere")

	for _, c := range []struct {
		to   cable.Stream
		want []*client
	}{
		{cable.Stream{Room: "home"}, []*client{ann1, ann2, bob}},
		{cable.Stream{Room: "home", User: "ann"}, []*client{ann1, ann2}},
		{cable.Stream{Room: "home", Session: ann1ID}, []*client{ann1}},
		{cable.Stream{Room: "home", User: "ann", Session: ann1ID}, []*client{ann1}},
		{cable.Stream{Room: "home", User: "bob", Session: ann1ID}, nil},
		{cable.Stream{Room: "elsewhere", Session: ann1ID}, nil},
		{cable.Stream{Room: "home", User: "nobody"}, nil},
		{cable.Stream{Room: "home", Session: "nobody"}, nil},
		{cable.Stream{Room: "nowhere"}, nil},
		{cable.Stream{}, nil},
	} {
		s.Broadcast(c.to, []byte(`"this"`))
		for _, page := range c.want {
			page.wantMessage(`"this"`)
		}
	}
	// Whoever got more than it should has it before this.
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`"end"`))
	s.Broadcast(cable.Stream{Room: "elsewhere"}, []byte(`"end"`))
	for _, page := range []*client{ann1, ann2, bob, away} {
		page.wantMessage(`"end"`)
	}
}

// TestServer_NothingBeforeConfirm broadcasts all the time while pages come and go:
// the first frame of each subscription is its confirm, what follows has no hole,
// and nothing comes after the unsubscribe has been done.
func TestServer_NothingBeforeConfirm(t *testing.T) {
	s := startServer(t, cable.Config{Outbox: 1 << 16})
	stop, wanted := make(chan struct{}), make(chan struct{}, 8)
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-wanted:
				s.Broadcast(cable.Stream{Room: "home"}, fmt.Append(nil, n))
				s.Broadcast(cable.Stream{Room: "home", User: "u"}, fmt.Append(nil, `"mine"`))
			}
		}
	})
	var pages sync.WaitGroup
	for range 4 {
		c := open(t, s, "u")
		pages.Go(func() {
			for range 25 {
				c.command("subscribe", identifier("home"))
				c.wantConfirm(identifier("home"))
				last := -1
				for range 20 {
					select {
					case wanted <- struct{}{}:
					default: // it is behind already
					}
					f := c.next()
					var n int
					if string(f.Message) == `"mine"` {
						continue
					}
					if _, err := fmt.Sscan(string(f.Message), &n); err != nil {
						t.Errorf("frame = %s, want a number", f.raw)
						return
					}
					if last >= 0 && n != last+1 {
						t.Errorf("message %d after %d", n, last)
					}
					last = n
				}
				c.command("unsubscribe", identifier("home"))
				c.command("subscribe", "marker") // rejected: says that the unsubscribe is done
				for c.next().Type != "reject_subscription" {
				}
			}
		})
	}
	pages.Wait()
	close(stop)
	publisher.Wait()
}

// TestServer_SameOrderForAll has several publishers at once.
func TestServer_SameOrderForAll(t *testing.T) {
	const publishers, messages = 4, 50
	s := startServer(t, cable.Config{})
	var pages []*client
	for range 3 {
		c := open(t, s, "")
		c.join("home")
		pages = append(pages, c)
	}
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for n := range messages {
				s.Broadcast(cable.Stream{Room: "home"}, fmt.Appendf(nil, `"%d %d"`, p, n))
			}
		})
	}
	all.Wait()
	var orders [3]strings.Builder
	for i, c := range pages {
		for range publishers * messages {
			orders[i].Write(c.next().Message)
		}
	}
	if orders[0].String() != orders[1].String() || orders[0].String() != orders[2].String() {
		t.Error("sessions saw broadcasts in different orders")
	}
}

// TestServer_SameOrderForTabs has several publishers to a room, a user in it and
// the whole of it in turns: a user's tabs agree.
func TestServer_SameOrderForTabs(t *testing.T) {
	const publishers, messages = 4, 5000
	s := startServer(t, cable.Config{Outbox: 1 << 20, OutboxBytes: 1 << 30})
	var orders [2][]string
	var all sync.WaitGroup
	for i := range orders {
		c := open(t, s, "ann")
		c.join("home")
		all.Go(func() {
			for range publishers * messages {
				f, err := c.read()
				if err != nil {
					t.Errorf("read frame: %v", err)
					return
				}
				orders[i] = append(orders[i], string(f.Message))
			}
		})
	}
	for p := range publishers {
		stream := cable.Stream{Room: "home"}
		if p > 0 {
			stream.User = "ann"
		}
		all.Go(func() {
			for n := range messages {
				s.Broadcast(stream, fmt.Appendf(nil, `"%d %d"`, p, n))
			}
		})
	}
	all.Wait()
	for n := range min(len(orders[0]), len(orders[1])) {
		if orders[0][n] != orders[1][n] {
			t.Fatalf("message %d: one tab got %s, the other %s", n, orders[0][n], orders[1][n])
		}
	}
}

// TestServer_LargeMessage crosses the sizes at which a frame's header changes.
func TestServer_LargeMessage(t *testing.T) {
	s := startServer(t, cable.Config{})
	c := open(t, s, "")
	c.join("home")
	overhead := len(`{"identifier":,"message":}`) + len(encode(t, identifier("home")))
	for _, size := range []int{125, 126, 127, 0xFFFE, 0xFFFF, 0x10000, 200_000} {
		message := `"` + strings.Repeat("x", size-overhead-2) + `"`
		s.Broadcast(cable.Stream{Room: "home"}, []byte(message))
		if f := c.next(); len(f.raw) != size || string(f.Message) != message {
			t.Errorf("frame of %d bytes, want %d", len(f.raw), size)
		}
	}
}

func TestServer_Metrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	left := make(chan struct{}, 2)
	cfg := cable.Config{
		Registerer: registry, Outbox: 4,
		Handler: &fake{leave: func(*cable.Session, string) { left <- struct{}{} }},
	}
	startServer(t, cfg) // a second one shares the metrics
	s := startServer(t, cfg)
	c := open(t, s, "")
	c.join("home")
	s.Broadcast(cable.Stream{Room: "home"}, []byte(`1`))
	c.wantMessage("1")
	c.write("garbage")
	c.join("other")
	wantMetrics(t, registry, map[string]float64{
		"presence_sessions": 1, "presence_subscriptions": 2, "presence_deliveries_total": 1,
		"presence_session_events_total": 0, "presence_outbox_overflows_total": 0, "presence_frames_superseded_total": 0,
		"presence_compressions_total": 0, "presence_compression_seconds_total": 0, "presence_compression_input_bytes_total": 0, "presence_compression_saved_bytes_total": 0,
		"presence_frames_refused_total malformed": 1,
	})
	c.ws.Close()
	<-left
	<-left
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, registry, map[string]float64{
		"presence_sessions": 0, "presence_subscriptions": 0, "presence_deliveries_total": 1,
		"presence_session_events_total": 0, "presence_outbox_overflows_total": 0, "presence_frames_superseded_total": 0,
		"presence_compressions_total": 0, "presence_compression_seconds_total": 0, "presence_compression_input_bytes_total": 0, "presence_compression_saved_bytes_total": 0,
		"presence_frames_refused_total malformed": 1, "presence_sessions_closed_total lost": 1,
	})
}

// wantMetrics compares all metrics, by name and labels.
func wantMetrics(t *testing.T, g prometheus.Gatherer, want map[string]float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestServer_BroadcastFeature: a page that shows one feature gets its messages and
// those of the host, and no others.
func TestServer_BroadcastFeature(t *testing.T) {
	shown := make(chan cable.Shown, 1)
	s := startServer(t, cable.Config{Handler: &fake{
		sync: func(_ *cable.Session, _ string, of cable.Shown, _ func(...dom.Operation)) { shown <- of },
	}})
	all, lamp := open(t, s, "ann"), open(t, s, "ann")
	all.join("home")
	const only = `{"channel":"Live","room":"home","feature":"lamp"}`
	lamp.command("subscribe", only)
	lamp.wantConfirm(only)
	lamp.command("message", only, map[string]any{"action": "sync", "frags": map[string]string{}})
	if of := <-shown; of.Feature != "lamp" {
		t.Errorf("sync of the feature %q, want lamp", of.Feature)
	}
	for _, to := range []cable.Stream{{Room: "home"}, {Room: "home", User: "ann"}} {
		for _, feature := range []string{"lamp", "clock", ""} {
			to.Feature = feature
			s.Broadcast(to, []byte(`"`+feature+`"`))
		}
		for _, want := range []string{"lamp", "clock", ""} {
			all.wantMessage(`"` + want + `"`)
		}
		for _, want := range []string{"lamp", ""} {
			lamp.wantMessage(`"` + want + `"`)
		}
	}
	lamp.command("subscribe", `{"channel":"Live","room":"home","feature":"nope"}`)
	if f := lamp.next(); f.Type != "reject_subscription" || f.Reason != "unknown feature" {
		t.Errorf("frame = %s, want a reject of a feature that there is not", f.raw)
	}
}
