package core_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// bell is a feature that counts how often it was rung.
type bell struct{}

func (bell) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "bell", Title: "Bell", Style: "p { order: 1 }",
		State:  []plugins.Field{{Name: "rings", Kind: plugins.Counter}},
		Events: []plugins.EventType{{Name: "ring", Rate: 1000}},
	}
}

func (bell) Handle(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Add("rings", 1)}, nil
}

func (bell) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	return []plugins.Fragment{{ID: "bell-rings", HTML: `<p id="bell-rings">rung ` + strconv.FormatInt(v.State.Counters["rings"], 10) + `</p>`}}, nil
}

// bellConfig starts this test binary as the bell.
func bellConfig() process.Config {
	return process.Config{Name: "bell", Args: []string{"feature", "bell"}}
}

// wait polls until look is satisfied.
func wait(tb testing.TB, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	waitFor(tb, patience, what, look)
}

func waitFor(tb testing.TB, long time.Duration, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	began := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(pause*3/2, 100*time.Millisecond) {
		saw, ok := look()
		if ok {
			return
		}
		if time.Since(began) > long {
			tb.Fatalf("waited %v for %s; last saw %.5000s", long, what, saw)
		}
		time.Sleep(pause) // a look costs the server something
	}
}

// follow opens a socket that follows the room home, or one feature of it, and returns
// what reads the operations that it gets.
func (r *running) follow(tb testing.TB, only string) (read func() string) {
	tb.Helper()
	home, err := url.Parse(core.URL(r.Addr()))
	if err != nil {
		tb.Fatal(err)
	}
	header := http.Header{"Origin": {home.String()}}
	for _, c := range r.client.Jar.Cookies(home) {
		header.Add("Cookie", c.String())
	}
	dialer := websocket.Dialer{Subprotocols: []string{"actioncable-v1-json"}, HandshakeTimeout: patience}
	ws, _, err := dialer.DialContext(tb.Context(), "ws://"+home.Host+"/cable", header)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ws.Close() })
	identifier := `{"channel":"Live","room":"home"}`
	if only != "" {
		identifier = `{"channel":"Live","room":"home","feature":"` + only + `"}`
	}
	if err := ws.WriteJSON(map[string]string{"command": "subscribe", "identifier": identifier}); err != nil {
		tb.Fatal(err)
	}
	read = func() string {
		tb.Helper()
		_ = ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
		for {
			_, frame, err := ws.ReadMessage()
			if err != nil {
				tb.Fatalf("read a frame: %v", err)
			}
			if s := string(frame); !strings.Contains(s, `"type":"ping"`) && !strings.Contains(s, `"type":"welcome"`) {
				return s
			}
		}
	}
	if s := read(); !strings.Contains(s, "confirm_subscription") {
		tb.Fatalf("subscribe is answered with %s", s)
	}
	return read
}

// until reads frames until one holds want, and returns all.
func until(read func() string, want string) string {
	var all strings.Builder
	for {
		frame := read()
		all.WriteString(frame)
		if strings.Contains(frame, want) {
			return all.String()
		}
	}
}

// A feature that is added while the server runs is on the pages that are open, in its
// own frame, at the admin address, and is gone when it is removed: page, process and
// metrics. What it knew is there when it comes back.
func TestServer_AddFeature(t *testing.T) {
	s := startServer(t, config(t))
	before := children()
	home, admin := core.URL(s.Addr()), core.URL(s.AdminAddr())
	s.get(t, home) // for the cookie
	whole, lampOnly := s.follow(t, ""), s.follow(t, "lamp")

	for round, rung := range []string{"rung 0", "rung 1"} {
		if err := s.AddFeature(bellConfig()); err != nil {
			t.Fatal(err)
		}
		if err := s.AddFeature(bellConfig()); err == nil || !strings.Contains(err.Error(), `"bell"`) {
			t.Errorf("adding it again = %v, want an error that names it", err)
		}
		told := until(whole, rung)
		for _, want := range []string{"insertAdjacentHtml", `id=\"bell\"`, `#page_title-bell`} {
			if !strings.Contains(told, want) {
				t.Errorf("round %d: an open page was not told %s but\n%s", round, want, told)
			}
		}
		wait(t, "the bell on a new page", func() (string, bool) {
			body := s.get(t, home)
			return body, strings.Contains(body, rung) && strings.Contains(body, ">Bell</h2>") && strings.Contains(body, `id="lamp"`)
		})
		if body := s.get(t, home+"/embed/home/bell"); !strings.Contains(body, rung) || strings.Contains(body, `id="lamp"`) {
			t.Errorf("round %d: its frame is\n%s", round, body)
		}
		if told := s.features(t); len(told) != 2 || told[1].Name != "bell" || told[1].Title != "Bell" || !told[1].Up {
			t.Errorf("round %d: the admin address tells of %+v", round, told)
		}
		if body := s.get(t, admin+"/metrics"); !strings.Contains(body, `presence_plugin_up{feature="bell"} 1`) {
			t.Errorf("round %d: the metrics lack the bell", round)
		}
		if res, err := s.client.PostForm(home+"/rooms/home/bell/ring", nil); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("round %d: ring = %v, %v", round, res, err)
		} else {
			read(t, res)
		}

		s.RemoveFeature("bell")
		s.RemoveFeature("bell")
		until(whole, `"operation":"remove","selector":"#bell"`)
		if body := s.get(t, home); strings.Contains(body, `"bell`) || !strings.Contains(body, `id="lamp"`) {
			t.Errorf("round %d: the page after it went is\n%s", round, body)
		}
		if body := s.get(t, home+"/embed/home/bell"); !strings.Contains(body, "This is not here any more.") {
			t.Errorf("round %d: its frame after it went is\n%s", round, body)
		}
		if told := s.features(t); len(told) != 1 {
			t.Errorf("round %d: the admin address still tells of %+v", round, told)
		}
		if body := s.get(t, admin+"/metrics"); strings.Contains(body, `feature="bell"`) {
			t.Errorf("round %d: the metrics still have the bell:\n%s", round, body)
		}
		if _, err := os.Stat("/proc/self/stat"); err == nil {
			wait(t, "the bell's process to end", func() (string, bool) {
				n := len(children())
				return strconv.Itoa(n) + " children", n == len(before)
			})
		}
	}

	res, err := s.client.PostForm(home+"/rooms/home/lamp/set", url.Values{"on": {"true"}})
	if err != nil {
		t.Fatal(err)
	}
	read(t, res)
	if told := until(lampOnly, "bright"); strings.Contains(told, "#bell") {
		t.Errorf("the frame of the lamp was told of the bell:\n%s", told)
	}
}

// features returns what the admin address tells.
func (r *running) features(tb testing.TB) []web.FeatureState {
	tb.Helper()
	var told struct{ Features []web.FeatureState }
	if body := r.get(tb, core.URL(r.AdminAddr())+"/features"); json.Unmarshal([]byte(body), &told) != nil {
		tb.Fatalf("GET /features = %s", body)
	}
	return told.Features
}

// A feature that is added and cannot run rests, and makes nothing else unready.
func TestServer_AddFeature_broken(t *testing.T) {
	s := startServer(t, config(t))
	if err := s.AddFeature(process.Config{Name: "broken", Path: "/nowhere"}); err != nil {
		t.Fatal(err)
	}
	wait(t, "its error", func() (string, bool) {
		told := s.features(t)
		i := slices.IndexFunc(told, func(f web.FeatureState) bool { return f.Name == "broken" })
		if i < 0 {
			return "no such feature", false
		}
		return told[i].LastError, !told[i].Up && strings.Contains(told[i].LastError, "nowhere")
	})
	if body := s.get(t, core.URL(s.Addr())); !strings.Contains(body, "Resting") || !strings.Contains(body, ">dark</p>") {
		t.Errorf("the page is\n%s", body)
	}
	if body := s.get(t, core.URL(s.AdminAddr())+"/readyz"); body != "ready\n" {
		t.Errorf("GET /readyz = %q, want ready", body)
	}
	if err := s.AddFeature(process.Config{Name: "worse", Checksum: []byte("short"), StopTimeout: -1}); err == nil ||
		!strings.Contains(err.Error(), "checksum") || !strings.Contains(err.Error(), "stop timeout") {
		t.Errorf("AddFeature with two faults = %v, want both", err)
	}
	s.RemoveFeature("broken")
	if told := s.features(t); len(told) != 1 {
		t.Errorf("after it was removed there are %+v", told)
	}
}

// Features that come and go before Run, and after it, are no trouble.
func TestServer_AddFeature_outsideRun(t *testing.T) {
	s, err := core.New(config(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.AddFeature(bellConfig()); err != nil {
			t.Fatal(err)
		}
		s.RemoveFeature("bell")
	}
	if err := s.AddFeature(bellConfig()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: patience}
	wait(t, "the bell", func() (string, bool) {
		res, err := client.Get(core.URL(s.Addr()))
		if err != nil {
			return err.Error(), false
		}
		body := read(t, res)
		return body, strings.Contains(body, "rung 0")
	})
	transport.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	s.RemoveFeature("bell")
	if err := s.AddFeature(bellConfig()); err != nil {
		t.Errorf("AddFeature after Run = %v, want nil", err)
	}
}
