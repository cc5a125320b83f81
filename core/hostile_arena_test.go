package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/core/internal/hostile"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// carrier is what a hostile feature runs in.
type carrier string

const (
	inProcess     carrier = "process"
	inWebAssembly carrier = "wasm"
)

// programs are what the tests of hostile features start.
type programs struct {
	carrier string // the command
	module  string // the hostile feature as a module
	cache   string // of compiled modules
}

// build makes the programs once for all tests.
var build = sync.OnceValues(func() (programs, error) {
	dir := filepath.Join(scratch, "hostile")
	p := programs{carrier: filepath.Join(dir, "carrier"), module: filepath.Join(dir, hostile.Name+".wasm"), cache: filepath.Join(dir, "cache")}
	toModule := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", p.module, "./internal/hostile/plugin")
	toModule.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	for _, cmd := range []*exec.Cmd{toModule, exec.Command("go", "build", "-o", p.carrier, "./internal/hostile/carrier")} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
		}
	}
	return p, nil
})

func built(tb testing.TB) programs {
	tb.Helper()
	p, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// configFor returns what runs the hostile feature, or a raw one: "hostile", or "raw" and
// its file. Its deadlines are long, so that only what never ends misses them, and its
// restarts follow soon.
func (c carrier) configFor(tb testing.TB, args ...string) process.Config {
	tb.Helper()
	p := built(tb)
	cfg := process.Config{Name: hostile.Name, Args: append([]string{"feature"}, args...)}
	if c == inWebAssembly {
		file := p.module
		if len(args) > 1 {
			file = args[1]
		}
		modules, err := carriers.Modules([]string{strings.TrimSuffix(filepath.Base(file), ".wasm")}, filepath.Dir(file), p.cache)
		if err != nil {
			tb.Fatal(err)
		}
		cfg = modules[0]
		cfg.Name = hostile.Name
	}
	cfg.Path = p.carrier
	cfg.StartTimeout = 3 * patience
	cfg.HandleTimeout, cfg.RenderTimeout, cfg.PingInterval = patience, patience, patience
	cfg.BackoffMin, cfg.BackoffMax, cfg.HealthyAfter = backoffMin, backoffMax, time.Hour
	return cfg
}

const backoffMin, backoffMax = 8 * time.Millisecond, 32 * time.Millisecond

// arena is a server with the bell, which must not notice what the hostile feature does,
// one attack after the other.
type arena struct {
	*running
	carrier carrier
	log     *journal
}

// newArena starts a server with nothing but the bell.
func newArena(tb testing.TB, c carrier) *arena {
	tb.Helper()
	a := &arena{carrier: c, log: &journal{}}
	cfg := config(tb)
	cfg.Logger = slog.New(slog.NewJSONHandler(a.log, nil))
	well := bellConfig()
	// However busy the machine is: what this is about is not its speed.
	well.StartTimeout, well.HandleTimeout, well.RenderTimeout, well.PingInterval = patience, patience, patience, patience
	cfg.Features = []process.Config{well}
	a.running = startServer(tb, cfg)
	a.get(tb, core.URL(a.Addr())) // for the cookie
	return a
}

// attack is the hostile feature in a room of its own in which somebody rings the bell
// all the time.
type attack struct {
	tb    testing.TB
	arena *arena
	room  string
	since int // of the log
	ids   atomic.Int64
	ring  *ringer
}

// begin adds the hostile feature and waits until the page shows it, unless it is not to
// come up. When the test ends, the bell must have answered all along.
func (a *arena) begin(tb testing.TB, cfg process.Config, comesUp bool) *attack {
	tb.Helper()
	room := strings.ToLower(strings.ReplaceAll(tb.Name(), "/", "-")) // none has the same
	at := &attack{tb: tb, arena: a, room: room, since: a.log.len()}
	a.get(tb, at.page()) // the room
	at.ring = a.startRinging(tb, at.room)
	if err := a.AddFeature(cfg); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(at.end)
	if comesUp {
		at.waitShows("mood: ")
	}
	return at
}

// end takes the hostile feature off and checks that nobody else was hurt.
func (at *attack) end() {
	at.tb.Helper()
	a := at.arena
	at.ring.waitMore(10) // after, or amid, all that the test did
	a.RemoveFeature(hostile.Name)
	rung := at.ring.stop()
	wait(at.tb, fmt.Sprint("the page to show that the bell was rung ", rung, " times"), func() (string, bool) {
		page := a.get(at.tb, at.page()) // of a second ago when the machine is busy
		return page, strings.Contains(page, fmt.Sprintf(">rung %d</p>", rung))
	})
	told := a.features(at.tb)
	if i := slices.IndexFunc(told, func(f web.FeatureState) bool { return f.Name == "bell" }); i < 0 || !told[i].Up || told[i].Restarts > 0 {
		at.tb.Errorf("of the features the admin address tells %+v: want the bell up, never restarted", told)
	}
	if at.tb.Failed() {
		at.tb.Logf("the log of the server, of the attack:\n%s", at.log())
	}
}

func (at *attack) page() string { return core.URL(at.arena.Addr()) + plugins.RoomPage(at.room) }

// send has an event happen, as of a person of its own, and returns what became of it.
func (at *attack) send(event, how string) bus.Outcome {
	at.tb.Helper()
	return at.sendAs(fmt.Sprintf("%s-%d", at.room, at.ids.Add(1)), event, how)
}

func (at *attack) sendAs(id, event, how string) bus.Outcome {
	at.tb.Helper()
	ctx, cancel := context.WithTimeout(at.tb.Context(), 2*patience)
	defer cancel()
	return at.arena.Do(ctx, bus.Request{
		ID: id, Room: at.room, Target: hostile.Name + "#" + event,
		Fields: map[string]string{"how": how}, Person: plugins.Person{User: "somebody", Region: "lhr"},
	})
}

// want reports an outcome that is another.
func (at *attack) want(o bus.Outcome, status bus.Status) {
	at.tb.Helper()
	if o.Status != status {
		at.tb.Errorf("the event is answered %q %s, want %q", o.Status, o.Sentence, status)
	}
}

// recover has the feature behave and waits until the page shows it. One that dies of every
// render takes an event in the moment before, or not at all: so it is tried all the time.
func (at *attack) recover() {
	at.tb.Helper()
	how := fmt.Sprint("well-", at.ids.Add(1))
	began := time.Now()
	for o := at.send("be", how); o.Status != bus.OK; o = at.send("be", how) {
		if time.Since(began) > 3*patience {
			at.tb.Fatalf("waited %v for the feature to take an event again; last saw %s", 3*patience, o.Status)
		}
		time.Sleep(time.Millisecond)
	}
	at.waitShows("mood: " + how)
	at.waitNote("")
}

// replace has the honest program take the place of what runs, and waits until that is on
// the page.
func (at *attack) replace() {
	at.tb.Helper()
	if err := at.arena.ReplaceFeature(at.tb.Context(), at.arena.carrier.configFor(at.tb, "hostile")); err != nil {
		at.tb.Fatal(err)
	}
	at.recover()
}

// look returns the page of the room, which has to be whole but for the hostile corner.
func (at *attack) look() string {
	at.tb.Helper()
	page := at.arena.get(at.tb, at.page())
	for _, want := range []string{`id="bell"`, `id="bell-rings"`, ">rung ", `id="page_rest-bell"`, "</main>", "</html>"} {
		if !strings.Contains(page, want) {
			at.tb.Fatalf("the page lacks %s:\n%s", want, page)
		}
	}
	if n := strings.Count(page, `id="bell-rings"`); n != 1 || note(page, "bell") != "" {
		at.tb.Fatalf("the page shows the bell %d times, and says of it %q", n, note(page, "bell"))
	}
	if strings.Contains(page, hostile.Evil) {
		at.tb.Fatalf("the page has %s:\n%s", hostile.Evil, page)
	}
	return page
}

var notes = regexp.MustCompile(`<p [^>]*\bid="page_rest-([a-z]+)"[^>]*>([^<]*)</p>`)

// note returns what the host says of a feature on a page.
func note(page, feature string) string {
	for _, m := range notes.FindAllStringSubmatch(page, -1) {
		if m[1] == feature {
			return html.UnescapeString(m[2])
		}
	}
	return "no such corner"
}

// What the host says of a feature.
const (
	resting = "Resting, back in a moment."
	unshown = "This part can't be shown right now."
)

func (at *attack) waitNote(want string) {
	at.tb.Helper()
	wait(at.tb, fmt.Sprintf("the corner to say %q", want), func() (string, bool) {
		got := note(at.look(), hostile.Name)
		return got, got == want
	})
}

func (at *attack) waitShows(want string) {
	at.tb.Helper()
	wait(at.tb, "the page to show "+want, func() (string, bool) {
		page := at.look()
		return page, strings.Contains(page, want)
	})
}

// state is what the admin address tells of the hostile feature.
func (at *attack) state() web.FeatureState {
	at.tb.Helper()
	for _, f := range at.arena.features(at.tb) {
		if f.Name == hostile.Name {
			return f
		}
	}
	at.tb.Fatal("the admin address does not tell of the hostile feature")
	return web.FeatureState{}
}

// waitRestarts waits until the feature was started again that often.
func (at *attack) waitRestarts(n int) {
	at.tb.Helper()
	wait(at.tb, fmt.Sprint(n, " restarts"), func() (string, bool) {
		st := at.state()
		return fmt.Sprintf("%+v", st), st.Restarts >= n
	})
}

// log returns what the log has of the hostile feature since the attack began.
func (at *attack) log() records {
	var all records
	for _, line := range at.arena.log.after(at.since) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			at.tb.Fatalf("log: %v: %s", err, line)
		}
		if r["feature"] == hostile.Name {
			all = append(all, r)
		}
	}
	return all
}

// waitLogged waits for a record with that message, all of want in its attributes.
func (at *attack) waitLogged(msg string, want ...string) record {
	at.tb.Helper()
	var found record
	wait(at.tb, fmt.Sprintf("the log to say %q with %q", msg, want), func() (string, bool) {
		all := at.log().of(msg)
		i := slices.IndexFunc(all, func(r record) bool {
			text := r.String()
			return !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(text, w) })
		})
		if i < 0 {
			return fmt.Sprint(all), false
		}
		found = all[i]
		return "", true
	})
	return found
}

// checkPauses sees to it that the waits between starts grow as they should: none first,
// then twice as long each time, up to the most, less up to half by chance.
func (at *attack) checkPauses() {
	at.tb.Helper()
	want := time.Duration(0)
	for i, r := range at.log().of("feature restarts") {
		pause := time.Duration(r["pause"].(float64))
		if pause > want || pause < want/2 {
			at.tb.Errorf("pause %d is %v, want %v to %v", i, pause, want/2, want)
		}
		want = min(max(backoffMin, 2*want), backoffMax)
	}
}

// pid is the process of the feature's last start.
func (at *attack) pid() int {
	at.tb.Helper()
	starts := at.log().of("feature started")
	if len(starts) == 0 {
		at.tb.Fatal("the feature was never started")
	}
	pid, err := strconv.Atoi(fmt.Sprint(starts[len(starts)-1]["pid"]))
	if err != nil {
		at.tb.Fatal(err)
	}
	return pid
}

// kill ends that process, without a chance to say anything.
func (at *attack) kill() {
	at.tb.Helper()
	p, err := os.FindProcess(at.pid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		at.tb.Fatal(err)
	}
}

// record is one line of a log, records are several.
type (
	record  map[string]any
	records []record
)

// String returns the attributes as people read them.
func (r record) String() string {
	var b strings.Builder
	for k, v := range r {
		fmt.Fprintf(&b, "%s=%v\n", k, v)
	}
	return b.String()
}

func (rs records) of(msg string) records {
	return slices.DeleteFunc(slices.Clone(rs), func(r record) bool { return r[slog.MessageKey] != msg })
}

// String returns the records, one a line, but not all of many.
func (rs records) String() string {
	const most = 60
	var b strings.Builder
	for i, r := range rs {
		if i >= most/2 && i < len(rs)-most/2 {
			if i == most/2 {
				b.WriteString("...\n")
			}
			continue
		}
		line, _ := json.Marshal(r) // it came from JSON
		fmt.Fprintf(&b, "%.2000s\n", line)
	}
	fmt.Fprintf(&b, "(%d records)", len(rs))
	return b.String()
}

// journal keeps the lines of a log.
type journal struct {
	mu    sync.Mutex
	lines [][]byte
}

// Write implements io.Writer; slog's handler writes a line a call.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, bytes.Clone(b))
	return len(b), nil
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.lines)
}

func (j *journal) after(n int) [][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines[n:])
}

// ringer is a page on which somebody rings the bell again and again: each time as soon
// as the time before was answered, and a moment has passed.
type ringer struct {
	tb   testing.TB
	ws   *websocket.Conn
	room string
	id   string // of the subscription
	pace time.Duration
	done chan struct{} // closed when the last ring was answered
	quit chan struct{}

	rung    atomic.Int64
	mu      sync.Mutex
	took    []time.Duration // each; guarded by mu
	stopped sync.Once
}

// startRinging opens a socket to a room.
func (r *running) startRinging(tb testing.TB, room string) *ringer {
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
	p := &ringer{
		tb: tb, ws: ws, room: room, id: `{"channel":"Live","room":"` + room + `"}`, pace: 25 * time.Millisecond,
		done: make(chan struct{}), quit: make(chan struct{}),
	}
	p.command("subscribe", nil)
	go p.work()
	tb.Cleanup(func() { p.stop() })
	return p
}

func (p *ringer) command(name string, data any) {
	f := map[string]any{"command": name, "identifier": p.id}
	if data != nil {
		b, _ := json.Marshal(data) // texts and numbers
		f["data"] = string(b)
	}
	_ = p.ws.SetWriteDeadline(time.Now().Add(patience)) // a write would fail as well
	if err := p.ws.WriteJSON(f); err != nil {
		p.tb.Errorf("socket: %v", err)
	}
}

func (p *ringer) work() {
	defer close(p.done)
	tick := time.NewTicker(p.pace)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
		}
		id := fmt.Sprintf("ring-%s-%05d", p.room, p.rung.Load())
		began := time.Now()
		p.command("message", map[string]any{
			"action": "event", "v": 1, "id": id, "tabId": "t", "target": "bell#ring", "event": "click", "formData": "",
		})
		status := p.await(id)
		if status != "ok" {
			p.tb.Errorf("ring %s is answered %q, want ok", id, status)
			return
		}
		p.mu.Lock()
		p.took = append(p.took, time.Since(began))
		p.mu.Unlock()
		p.rung.Add(1)
	}
}

// await reads frames until one answers an event. None may hold what the hostile feature
// wants on the page.
func (p *ringer) await(id string) (status string) {
	_ = p.ws.SetReadDeadline(time.Now().Add(patience)) // a read would fail as well
	for {
		_, frame, err := p.ws.ReadMessage()
		if err != nil {
			return err.Error()
		}
		if bytes.Contains(frame, []byte(hostile.Evil)) {
			p.tb.Errorf("a page was told %.500s", frame)
		}
		var f struct {
			Message struct {
				Operations []struct {
					Operation, Name string
					Detail          struct{ ID, Status string }
				}
			}
		}
		// A ping's message is a number.
		if json.Unmarshal(frame, &f) != nil {
			continue
		}
		for _, op := range f.Message.Operations {
			if op.Name == "live:ack" && op.Detail.ID == id {
				return op.Detail.Status
			}
		}
	}
}

// waitMore waits until the bell was rung n times more.
func (p *ringer) waitMore(n int64) {
	p.tb.Helper()
	from := p.rung.Load()
	wait(p.tb, "the bell to be rung", func() (string, bool) {
		got := p.rung.Load() - from
		return fmt.Sprint(got, " times"), got >= n
	})
}

// stop closes the page and returns how often the bell was rung.
func (p *ringer) stop() int64 {
	p.stopped.Do(func() {
		close(p.quit)
		<-p.done
		p.ws.Close()
	})
	return p.rung.Load()
}
