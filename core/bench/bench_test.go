package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/bench"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/settings"
	"github.com/global-presence/presence/plugins/process"
)

const token = "a token of the tests"

// startPresence runs a server of ours with the counter until the test ends. It returns
// the addresses of its sockets and of its metrics.
func startPresence(tb testing.TB) (socket, metrics string) {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), nil))
	eng, err := memory.Open(memory.Config{Site: "lhr", Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := core.New(core.Config{
		Engine: eng, Features: []process.Config{{Name: "counter", Args: []string{"feature", "counter"}}},
		Secret: []byte("a secret of the tests"), Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Region: "lhr", Version: "test", Logger: log, APIToken: token, Cable: cable.Config{Compress: 100},
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			tb.Errorf("Run() = %v, want nil", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		if err := eng.Close(); err != nil {
			tb.Error(err)
		}
	})
	waitFor(tb, "the server to be ready", func() bool { return s.Ready() == nil })
	return "ws://" + s.Addr().String() + "/cable", core.URL(s.AdminAddr()) + "/metrics"
}

func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !ok(); <-tick.C {
		if time.Since(began) > patience {
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// checkPhases checks what holds of any run that nothing has disturbed.
func checkPhases(t *testing.T, r *bench.Report, sockets int, oneEach bool) {
	t.Helper()
	if r.Interrupted || r.Connect.Sockets != sockets || r.Connect.PerSecond <= 0 || r.Connect.SlowestMs <= 0 {
		t.Errorf("connected: %+v, want %d sockets and how fast", r.Connect, sockets)
	}
	for _, p := range r.Phases {
		if p.Sockets != sockets || p.SocketsLost != 0 || p.Lost != "" || p.Missing != 0 {
			t.Errorf("%s: %d sockets, %d lost (%s), %d deliveries missing; want all %d and nothing missing", p.Name, p.Sockets, p.SocketsLost, p.Lost, p.Missing, sockets)
		}
		if p.Name == bench.Idle {
			continue
		}
		if p.Published == 0 || p.Deliveries != p.Published*int64(sockets) || p.Messages > p.Deliveries || oneEach && p.Messages != p.Deliveries {
			t.Errorf("%s: %d events, %d messages, %d deliveries; want each at all sockets", p.Name, p.Published, p.Messages, p.Deliveries)
		}
		if q := p.Latency; q == nil || q.P50 <= 0 || q.P99 < q.P50 || q.Max < q.P99 {
			t.Errorf("%s: latency %+v, want some", p.Name, q)
		}
		if q := p.UntilLast; p.Name != bench.Saturation && (q == nil || q.Max > p.Latency.Max*1.001 || q.P50 < p.Latency.P50/1.1) {
			t.Errorf("%s: until the last %+v, want no less than each %+v", p.Name, q, p.Latency)
		}
		if p.DeliveriesASecond <= 0 || math.Abs(p.DeliveriesASecond*p.Seconds-float64(p.Deliveries)) > 1 {
			t.Errorf("%s: %v deliveries a second for %v s, want %d in all", p.Name, p.DeliveriesASecond, p.Seconds, p.Deliveries)
		}
	}
}

func TestRun_Presence(t *testing.T) {
	socket, metrics := startPresence(t)
	var progress bytes.Buffer
	file := filepath.Join(t.TempDir(), "report.json")
	flags := bench.Flags{
		URL: socket, Sockets: 50, Phases: []string{"idle", "rate", "saturation", "click"}, Time: "400ms", Rate: 50, InFlight: 20, Room: "the bench", People: 3,
		Rooms: 1, Size: 200, Token: token, Metrics: metrics, JSON: file,
	}
	var table bytes.Buffer
	if err := flags.Measure(t.Context(), &table, &progress); err != nil {
		t.Fatalf("Measure = %v\n%s", err, progress.String())
	}
	t.Log("\n" + table.String())
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatal(err)
	}
	checkPhases(t, &r, 50, false)
	var names []string
	for _, p := range r.Phases {
		names = append(names, p.Name)
		if p.Server == nil || p.Server.RSSBytes < 1<<20 || p.Server.CPUSeconds < 0 {
			t.Errorf("%s: the server has used %+v, want what its metrics say", p.Name, p.Server)
		}
		if !strings.Contains(table.String(), p.Name) {
			t.Errorf("the table lacks %s", p.Name)
		}
	}
	if d := cmp.Diff(flags.Phases, names); d != "" {
		t.Errorf("phases (-want +got):\n%s", d)
	}
	if published := r.Phases[1].Published; published != 20 {
		t.Errorf("at 50 a second for 400 ms, %d events were published, want 20", published)
	}
	if b := r.Phases[1].BytesAMessage; b < 100 || b > 1000 {
		t.Errorf("a message has %v bytes, want those of a change of the counter", b)
	}
	for _, want := range []string{"connect: 3 people", "connect: 0 of 50 sockets", "idle: ", "saturation: "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("the progress lacks %q:\n%s", want, progress.String())
		}
	}

	// Once more, with a total that is not 0 any more.
	again, err := bench.Run(t.Context(), bench.Config{URL: socket, Sockets: 5, Phases: []string{"click"}, Time: 200 * time.Millisecond, Room: "the bench", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	checkPhases(t, again, 5, false)
}

func TestRun_PresenceRefuses(t *testing.T) {
	socket, _ := startPresence(t)
	cfg := bench.Config{URL: socket, Sockets: 2, Phases: []string{"click"}, Time: 200 * time.Millisecond, Token: "another token of the tests"}
	_, err := bench.Run(t.Context(), cfg)
	if err == nil || !strings.HasPrefix(err.Error(), "publish: ") || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), cfg.Token) {
		t.Errorf("with another token: %v, want an error that tells of 401", err)
	}
	cfg.Phases, cfg.Identifier = []string{"idle"}, `{"channel":"Live","room":"bench","feature":"nothing"}`
	_, err = bench.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "socket ") || !strings.Contains(err.Error(), "unknown feature") {
		t.Errorf("with an unknown feature: %v, want an error with the server's reason", err)
	}
}

// anycableConfig is for a server that is not ours.
func anycableConfig(a *anycable) bench.Config {
	return bench.Config{
		URL: a.url(), Sockets: 50, Time: 300 * time.Millisecond, Rate: 100, InFlight: 8, Identifier: publicStream,
		Publish: a.URL + "/_broadcast", Token: broadcastKey, Size: 150, Headers: []string{"X-Who: me"}, Patience: patience,
	}
}

func TestRun_AnyCable(t *testing.T) {
	a := startAnyCable(t)
	cfg := anycableConfig(a)
	if runtime.GOOS == "linux" {
		cfg.PID = os.Getpid()
	}
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkPhases(t, r, 50, true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Min(a.sizes) != 150 || slices.Max(a.sizes) != 150 {
		t.Errorf("messages have %d to %d bytes, want 150", slices.Min(a.sizes), slices.Max(a.sizes))
	}
	if p := r.Phases[1]; cfg.PID != 0 && (p.Server == nil || p.Server.CPUSeconds <= 0) {
		t.Errorf("rate: the server has used %+v, want what /proc says", p.Server)
	}
}

// A server that stalls is asked no less meanwhile: what was due then is late.
func TestRun_NoCoordinatedOmission(t *testing.T) {
	a := startAnyCable(t)
	const stall = 600 * time.Millisecond
	release := time.Time{}
	a.broadcast = func(n int) {
		a.mu.Lock()
		if n == 2 { // after the first message, which is not measured
			release = time.Now().Add(stall)
		}
		until := release
		a.mu.Unlock()
		if n > 1 {
			<-time.After(time.Until(until))
		}
	}
	cfg := anycableConfig(a)
	cfg.Phases, cfg.Time, cfg.Rate = []string{"rate"}, time.Second, 50
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Of 50 messages 30 were due during the stall, half of these 300 ms before its end.
	if p := r.Phases[0]; p.Published != 50 || p.Latency.P50 < 50 || p.Latency.Max < 590 {
		t.Errorf("%d events, latency %+v; want 50, and a median and a maximum that tell of the stall", p.Published, p.Latency)
	}
}

func TestRun_SocketsLost(t *testing.T) {
	a := startAnyCable(t)
	a.broadcast = func(n int) {
		if n == 10 {
			a.cut(40)
		}
	}
	cfg := anycableConfig(a)
	cfg.Phases = []string{"click", "idle"}
	cfg.Time = 2 * time.Second
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Phases {
		if p.Sockets != 40 || p.SocketsLost != 10 || p.Lost == "" {
			t.Errorf("%s: %d sockets, %d lost, because %q; want 40, 10 and a reason", p.Name, p.Sockets, p.SocketsLost, p.Lost)
		}
	}
	if p := r.Phases[0]; p.Published < 11 {
		t.Errorf("%d clicks; want more than those before 10 sockets were lost", p.Published)
	}
	var table strings.Builder
	if err := r.Tell(&table); err != nil || !strings.Contains(table.String(), "click: 10 sockets are lost; the first: ") {
		t.Errorf("the table does not tell of it, %v:\n%s", err, table.String())
	}
}

func TestRun_Interrupted(t *testing.T) {
	for _, phase := range []string{"connect", "idle", "rate", "saturation", "click"} {
		t.Run(phase, func(t *testing.T) {
			a := startAnyCable(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := anycableConfig(a)
			cfg.Time = time.Minute
			cfg.Phases = []string{phase}
			a.broadcast = func(n int) {
				if n == 5 {
					cancel()
				}
			}
			switch phase {
			case "connect":
				cancel()
				cfg.Phases = []string{"idle"}
			case "idle":
				cfg.Progress = writerFunc(func(line string) {
					if strings.HasPrefix(line, "idle") {
						cancel()
					}
				})
			}
			r, err := bench.Run(ctx, cfg)
			if err != nil || !r.Interrupted || phase != "connect" && len(r.Phases) != 1 {
				t.Fatalf("Run = %+v, %v; want what was measured by then, and that it was interrupted", r, err)
			}
			if phase == "rate" && r.Phases[0].Deliveries == 0 {
				t.Error("nothing of what was measured is told")
			}
			var table strings.Builder
			if err := r.Tell(&table); err != nil || !strings.Contains(table.String(), "Interrupted") {
				t.Errorf("the table does not tell of it, %v:\n%s", err, table.String())
			}
		})
	}
}

// writerFunc is called with what is written.
type writerFunc func(line string)

func (f writerFunc) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}

// add has the counter of the room "bench" go up.
func add(t *testing.T, socket string, by int) {
	t.Helper()
	one := `{"target":"counter#add","fields":{"by":"1"}}`
	body := `{"events":[` + strings.TrimSuffix(strings.Repeat(one+",", by), ",") + `]}`
	url := strings.TrimSuffix(strings.Replace(socket, "ws", "http", 1), "/cable") + "/api/rooms/bench/events"
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", res, err)
		return
	}
	res.Body.Close()
}

// A total that pages have seen when they came is no event of this run.
func TestRun_SyncAgain(t *testing.T) {
	socket, _ := startPresence(t)
	for range 5 {
		r, err := bench.Run(t.Context(), bench.Config{URL: socket, Sockets: 20, Phases: []string{"click"}, Time: 150 * time.Millisecond, Token: token, Sync: true})
		if err != nil {
			t.Fatal(err)
		}
		checkPhases(t, r, 20, false)
	}
}

// Before the first event of a run it is not known what was a delivery.
func TestRun_IdleTotal(t *testing.T) {
	socket, _ := startPresence(t)
	add(t, socket, 1000)
	cfg := bench.Config{URL: socket, Sockets: 3, Phases: []string{"idle"}, Time: 2 * time.Second, Progress: writerFunc(func(line string) {
		if strings.HasPrefix(line, "idle") {
			add(t, socket, 1)
		}
	})}
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Phases[0]; p.Messages != 3 || p.Deliveries != 0 {
		t.Errorf("idle: %d messages, %d deliveries; want 3 and 0", p.Messages, p.Deliveries)
	}
}

func TestRun_Compress(t *testing.T) {
	socket, _ := startPresence(t)
	cfg := bench.Config{URL: socket, Sockets: 10, Phases: []string{"rate", "click"}, Time: 200 * time.Millisecond, Token: token, Sync: true, Compress: true, Identifier: `{"channel":"Live","room":{room}}`}
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkPhases(t, r, 10, false)
	var table strings.Builder
	if err := r.Tell(&table); err != nil || !strings.Contains(table.String(), "messages compressed") {
		t.Errorf("the table does not tell of it, %v:\n%s", err, table.String())
	}
	for _, p := range r.Phases {
		if p.Compressed != p.Messages || p.BytesAMessage <= 0 || p.BytesAMessage >= p.InflatedBytesAMessage {
			t.Errorf("%s: %d of %d messages compressed, %v bytes for %v; want all, and fewer", p.Name, p.Compressed, p.Messages, p.BytesAMessage, p.InflatedBytesAMessage)
		}
	}
	cfg.Compress = false
	if r, err = bench.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if p := r.Phases[0]; p.Compressed != 0 || p.InflatedBytesAMessage != 0 {
		t.Errorf("rate: %d messages compressed; want none that nobody has offered to take", p.Compressed)
	}
}

// Somebody else who publishes would be taken for what is measured.
func TestRun_SomebodyElse(t *testing.T) {
	socket, _ := startPresence(t)
	cfg := bench.Config{URL: socket, Sockets: 3, Phases: []string{"click", "idle"}, Time: 300 * time.Millisecond, Token: token, Progress: writerFunc(func(line string) {
		if strings.HasPrefix(line, "idle") {
			add(t, socket, 1)
		}
	})}
	if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "take another --room") {
		t.Errorf("Run = %v, want an error that says so", err)
	}
}

func TestFlags_Wrong(t *testing.T) {
	good := func() bench.Flags {
		return bench.Flags{
			URL: "ws://127.0.0.1:8080/cable", Sockets: 10, Phases: []string{"idle"}, Time: "10s", Rate: 20, InFlight: 64, Room: "bench", People: 1, Rooms: 1, Size: 200,
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(*bench.Flags)
		want  []string // beginnings of lines
	}{
		{"URL", func(f *bench.Flags) { f.URL = "http://127.0.0.1/cable" }, []string{`URL is "http://127.0.0.1/cable"; want that of the socket`}},
		{"Time", func(f *bench.Flags) { f.Time = "10" }, []string{`--time is "10"; want a time with its unit`}},
		{"Token", func(f *bench.Flags) { f.Phases = []string{"idle", "click"} }, []string{`--token is ""; want the server's --api-token`}},
		{"Identifier", func(f *bench.Flags) { f.Publish = "http://127.0.0.1/_broadcast" }, []string{`--identifier is ""; want the JSON of a subscription`}},
		{"Many", func(f *bench.Flags) { f.Rate, f.Time = 100_000, "10m" }, []string{`--rate is "100000"; want at most 5000000 messages in --time 10m0s, and these are 60000000`}},
		{"JSON", func(f *bench.Flags) { f.JSON = "/nowhere/report.json" }, []string{`--json is "/nowhere/report.json"; want a file that can be written`}},
		{"Empty", func(f *bench.Flags) { *f = bench.Flags{URL: f.URL, Time: "0s", Token: "x"} }, []string{
			"--sockets is empty", "--phases is empty", "--time is empty", "--rate is empty", "--in-flight is empty", "--room is empty", "--people is empty", "--rooms is empty", "--size is empty",
		}},
		{"All", func(f *bench.Flags) {
			*f = bench.Flags{
				URL: "x", Sockets: -1, Phases: []string{"idle", "sleep"}, Time: "1h", Rate: -1, InFlight: -1, Room: "a\x00", People: -1, Identifier: "bench",
				Rooms: -1, Sync: true, Storm: -1, Publish: "x", Body: "x", Size: -1, Header: []string{"x"}, Sources: []string{"x"}, PID: 1 << 30, Metrics: "x",
			}
		}, []string{
			"URL is ", `--sockets is "-1"; want 1 to 250000`, `--phases is "sleep"; want some of idle,rate,saturation,click`, `--time is "1h0m0s"; want 100ms to 10m`,
			"--rate is ", "--in-flight is ", "--room is ", "--rooms is ", "--sync is ", "--storm is ", "--people is ", "--identifier is ", "--publish is ", "--body is ", "--size is ", "--header is ", "--sources is ", "--metrics is ", "--pid is ",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := good()
			tt.spoil(&f)
			err := f.Measure(t.Context(), io.Discard, io.Discard)
			if _, ok := err.(settings.UsageError); !ok { //nolint:errorlint // it is returned as it is
				t.Fatalf("Measure = %v, want a UsageError", err)
			}
			got := strings.Split(err.Error(), "\n")
			ok := len(got) == len(tt.want)
			for i := range min(len(got), len(tt.want)) {
				ok = ok && strings.HasPrefix(got[i], tt.want[i])
			}
			if !ok {
				t.Errorf("Measure = %q, want %q", got, tt.want)
			}
		})
	}
}
