package core_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/internal/hostile"
	"github.com/global-presence/presence/plugins"
)

// What a feature does costs its own corner and nobody else anything, in either carrier.
// Each attack runs on a server with its bell; all along somebody rings that on a page of
// the same room, and every ring is answered.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	built(t) // once, before the clocks of the subtests
	for _, c := range []carrier{inProcess, inWebAssembly} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			a := newArena(t, c)
			t.Run("loop", func(t *testing.T) { testLoop(t, a) })
			t.Run("render-loop", func(t *testing.T) { testRenderLoop(t, a) })
			t.Run("bomb", func(t *testing.T) { testBomb(t, a) })
			t.Run("panic", func(t *testing.T) { testPanic(t, a) })
			t.Run("render-panic", func(t *testing.T) { testRenderPanic(t, a) })
			t.Run("exit", func(t *testing.T) { testExit(t, a) })
			t.Run("killed", func(t *testing.T) { testKilled(t, a) })
			t.Run("flood", func(t *testing.T) { testFlood(t, a) })
			t.Run("floods", func(t *testing.T) { testFloods(t, a) })
			t.Run("complaints", func(t *testing.T) { testComplaints(t, a) })
			t.Run("html", func(t *testing.T) { testHTML(t, a) })
			t.Run("patches", func(t *testing.T) { testPatches(t, a) })
			t.Run("huge", func(t *testing.T) { testHuge(t, a) })
			t.Run("mutations", func(t *testing.T) { testMutations(t, a) })
			t.Run("probe", func(t *testing.T) { testProbe(t, a) })
			t.Run("slow", func(t *testing.T) { testSlow(t, a) })
			t.Run("too-slow", func(t *testing.T) { testTooSlow(t, a) })
			t.Run("lies", func(t *testing.T) { testLies(t, a) })
			t.Run("nonsense", func(t *testing.T) { testNonsense(t, a) })
			t.Run("changes", func(t *testing.T) { testChanges(t, a) })
			t.Run("exits", func(t *testing.T) { testExits(t, a) })
		})
	}
}

// An event that never ends is given up, and its process killed.
func testLoop(t *testing.T, a *arena) {
	cfg := a.carrier.configFor(t, "hostile")
	cfg.HandleTimeout = 200 * time.Millisecond
	at := a.begin(t, cfg, true)
	at.want(at.send("do", "loop"), bus.Unavailable)
	at.waitLogged("feature restarts", "feature did not answer a call in time")
	at.waitLogged("events not handled", "context deadline exceeded")
	at.recover()
}

// A room that can never be rendered keeps what it showed, and the pauses between the
// starts grow, until the feature behaves.
func testRenderLoop(t *testing.T, a *arena) {
	cfg := a.carrier.configFor(t, "hostile")
	cfg.RenderTimeout = 200 * time.Millisecond
	at := a.begin(t, cfg, true)
	at.want(at.send("be", "calm"), bus.OK)
	at.waitShows("mood: calm")
	at.want(at.send("be", "loop"), bus.OK)
	at.waitRestarts(3)
	if page := at.look(); !strings.Contains(page, "mood: calm") {
		t.Errorf("the page does not show what was rendered last:\n%s", page)
	}
	at.waitLogged("feature restarts", "feature did not answer a call in time")
	at.checkPauses()
	at.recover()
}

// Whoever takes memory without end is stopped while there is plenty.
func testBomb(t *testing.T, a *arena) {
	cfg := a.carrier.configFor(t, "hostile")
	cfg.MemoryLimit = 384 << 20
	at := a.begin(t, cfg, true)
	at.want(at.send("do", "bomb"), bus.Unavailable)
	if a.carrier == inProcess {
		at.waitLogged("feature restarts", "MiB of memory: at most 384 are allowed")
	} else {
		at.waitLogged("feature restarts", "fatal error: out of memory")
	}
	at.recover()
}

// A panic ends the process, and the event is given up after three.
func testPanic(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	tries := 0
	wait(t, "the event to be given up", func() (string, bool) {
		o := at.sendAs(at.room+"-same", "do", "panic")
		if o.Status == bus.OK {
			t.Fatal("the event is answered ok")
		}
		tries++
		at.waitRestarts(tries)
		at.waitNote("") // up: what comes before is answered for a process that is gone
		return string(o.Status), o.Status == bus.Failed
	})
	at.waitRestarts(3)
	at.waitLogged("event given up", "event=do", "tries=3")
	at.waitLogged("feature restarts", "panic: hostile words")
	at.waitLogged("feature writes", "level=ERROR", "panic: hostile words")
	at.checkPauses()
	at.recover()
	if n := len(at.log().of("feature restarts")); n != 3 {
		t.Errorf("%d restarts, want one for each time that the event was tried", n)
	}
}

func testRenderPanic(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("be", "calm"), bus.OK)
	at.waitShows("mood: calm")
	at.want(at.send("be", "panic"), bus.OK)
	at.waitRestarts(6)
	if page := at.look(); !strings.Contains(page, "mood: calm") {
		t.Errorf("the page does not show what was rendered last:\n%s", page)
	}
	at.waitLogged("feature restarts", "panic: hostile words")
	at.checkPauses()
	at.recover()
}

func testExit(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("do", "exit"), bus.Unavailable)
	if a.carrier == inProcess {
		at.waitLogged("feature restarts", "exit status 3")
	} else {
		at.waitLogged("feature restarts", "presence_handle: the guest exited with code 3")
	}
	at.recover()
}

// A process that is killed amid a call has its event answered, not lost.
func testKilled(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	answered := make(chan bus.Outcome, 1)
	go func() { answered <- at.send("do", "wait") }()
	at.waitLogged("feature writes", "hostile waits")
	at.kill()
	select {
	case o := <-answered:
		at.want(o, bus.Unavailable)
	case <-time.After(patience):
		t.Fatal("the event was never answered")
	}
	at.waitLogged("feature restarts", "signal: killed")
	at.recover()
}

// A flood of output is counted, and logged in its beginning alone.
func testFlood(t *testing.T, a *arena) {
	began := time.Now()
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("do", "flood"), bus.OK)
	wait(t, "the log to say that lines are missing", func() (string, bool) {
		at.want(at.send("do", "flood"), bus.OK)
		log := at.log()
		said := len(log.of("feature writes too much")) > 0 || // or the carrier says so
			strings.Contains(fmt.Sprint(log[max(0, len(log)-20):]), "lines dropped: the guest prints too much")
		return fmt.Sprint(log), said
	})
	checkFlood(t, at, 2, began)
	if st := at.state(); !st.Up || st.Restarts > 0 {
		t.Errorf("the feature is %+v, want it up, never restarted", st)
	}
	at.recover()
}

// checkFlood compares what the feature has written to the log with what it may, in so
// many streams.
func checkFlood(t *testing.T, at *attack, streams int, began time.Time) {
	t.Helper()
	allowed := streams * (1000 + int(50*time.Since(began).Seconds()+1))
	lines := at.log().of("feature writes")
	if n := len(lines); n > allowed || n < 100 {
		t.Errorf("the log has %d lines of the feature, want 100 to %d", n, allowed)
	}
	for _, r := range lines {
		if n := len(fmt.Sprint(r["line"])); n > 8<<10 {
			t.Errorf("a line of the log has %d bytes of the feature", n)
		}
	}
}

// A feature that floods and dies, again and again, has no new beginning with each start.
func testFloods(t *testing.T, a *arena) {
	began := time.Now()
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("be", "flood and panic"), bus.OK)
	at.waitRestarts(4)
	at.waitLogged("feature restarts", "panic: hostile words")
	checkFlood(t, at, 1, began)
	if first := at.log().of("feature writes")[0]; first["line"] != "a line of a flood, 0" {
		t.Errorf("the first line of the feature is %v: not what it wrote first before it died", first)
	}
	at.recover()
}

// A feature that fails with every event, each time in other words, is not worth a line
// each time.
func testComplaints(t *testing.T, a *arena) {
	began := time.Now()
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	for range 50 {
		at.want(at.send("do", "new words"), bus.Failed)
	}
	wait(t, "the log to say how much it does not", func() (string, bool) {
		at.want(at.send("do", "new words"), bus.Failed)
		all := at.log().of("event failed")
		return fmt.Sprint(all), strings.Contains(fmt.Sprint(all[len(all)-1]), "unsaid=")
	})
	all := at.log().of("event failed")
	if n, most := len(all), 20+int(time.Since(began).Seconds())+1; n > most {
		t.Errorf("%d lines of failures, want at most %d", n, most)
	}
	for _, r := range all {
		if n := len(fmt.Sprint(r["err"])); n > 2100 {
			t.Errorf("an error of %d bytes in the log", n)
		}
	}
	at.recover()
}

// refusal is a mood whose fragments are refused, and what the log says of it.
type refusal struct{ mood, want string }

// HTML that would do something to the page gets nowhere.
func testHTML(t *testing.T, a *arena) {
	testRefusals(t, a, []refusal{
		{"script", "element <script> is not allowed"},
		{"script in a drawing", "element <script> is not allowed"},
		{"handler", "attribute onerror of <img> is a handler"},
		{"address with script", "attribute href of <a> is a script or data address"},
		{"style attribute", "attribute style of <p> is refused"},
		{"style element", "element <style> is not allowed"},
		{"frame", "element <iframe> is not allowed"},
		{"end of its corner", "end tag </div> has no start tag"},
		{"id of another feature", `id "bell-rings" does not start with "hostile-"`},
		{"fragment of another feature", `fragment "bell-rings": id does not start with "hostile-"`},
		{"not UTF-8", "not UTF-8"},
		{"error", "I'd rather not"},
	})
}

func testPatches(t *testing.T, a *arena) {
	testRefusals(t, a, []refusal{
		{"patch of another feature", "the element is not hostile's"},
		{"patch of the page", "want one that changes one element, named by its id"},
		{"patch with a handler", "the page runs no inline handlers"},
		{"patch with script", "attribute onerror of <img> is a handler"},
		{"patch that presses", "would be as if everybody had done it"},
	})
}

// testRefusals sees to it that what a feature renders is refused, that its corner says so
// and keeps what was there, and that it is shown again when it is right.
func testRefusals(t *testing.T, a *arena, refusals []refusal) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	for i, r := range refusals {
		before := fmt.Sprint("calm ", i)
		at.want(at.send("be", before), bus.OK)
		at.waitShows("mood: " + before)
		at.want(at.send("be", r.mood), bus.OK)
		at.waitNote(unshown)
		at.waitLogged("feature not rendered", r.want)
		at.waitShows("mood: " + before)
	}
	if st := at.state(); !st.Up || st.Restarts > 0 {
		t.Errorf("the feature is %+v, want it up, never restarted", st)
	}
	at.recover()
}

// Too much is refused, or more than a module has memory for.
func testHuge(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	for _, r := range []struct{ mood, want, inModule string }{
		{"1 MB fragment", "bytes of HTML: at most 32768 are allowed", ""},
		{"10 MB fragment", "bytes of HTML: at most 32768 are allowed", "out of memory"},
		{"20 MB fragment", "bytes are more than the 16777216 allowed", "out of memory"},
		{"too many fragments", "more than 256 fragments for the same people", ""},
		{"fragments for too many people", "50000 fragments: at most 4096 are allowed", ""},
	} {
		before := "before " + r.mood
		at.want(at.send("be", before), bus.OK)
		at.waitShows("mood: " + before)
		at.want(at.send("be", r.mood), bus.OK)
		if a.carrier == inWebAssembly && r.inModule != "" {
			at.waitLogged("feature restarts", r.inModule)
		} else {
			at.waitLogged("feature not rendered", r.want)
			at.waitNote(unshown)
		}
		at.waitShows("mood: " + before)
		at.recover()
	}
}

// Changes of what is not its own, or not declared, are refused whole. There is no way to
// name another feature or another room: what a mutation changes is the event's.
func testMutations(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("be", "calm"), bus.OK)
	for _, m := range []struct{ how, want string }{
		{"undeclared field", `mutation of "no_such_field": the manifest declares no such field`},
		{"field of another feature", `mutation of "rings": the manifest declares no such field`},
		{"field of another feature by its address", `mutation of "bell/rings": the manifest declares no such field`},
		{"another kind", `mutation of "mood": operation 3 does not fit kind 1`},
		{"unknown operation", `mutation of "mood": operation 99 does not fit kind 1`},
		{"too large a value", `mutation of "mood": value of`},
		{"too many mutations", "100000 mutations: at most 64 are allowed"},
		{"signal to nowhere", `mutation of "nowhere": the manifest declares no such field`},
	} {
		at.want(at.send("do", m.how), bus.Failed)
		at.waitLogged("event failed", m.want)
	}
	at.waitShows("mood: calm")
	at.want(at.send("do", "nothing"), bus.OK)
	if st := at.state(); !st.Up || st.Restarts > 0 {
		t.Errorf("the feature is %+v, want it up, never restarted", st)
	}
	at.recover()
}

// A module finds nothing outside. A process finds the machine, but not the host's
// secrets: its environment holds what go-plugin needs.
func testProbe(t *testing.T, a *arena) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	var found [2]map[string]string
	for i := range found {
		at.want(at.send("do", "probe "+ln.Addr().String()), bus.OK)
		page := at.look()
		_, text, _ := strings.Cut(page, `id="hostile-seen"`)
		_, text, _ = strings.Cut(text, ">")
		text, _, _ = strings.Cut(text, "</pre>")
		found[i] = map[string]string{}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			found[i][name] = value
		}
	}
	want := map[string]string{
		"file": "false", "folder": "false", "network": "false", "environment": "", "arguments": "0",
		"time": "2022-01-01T00:00:00Z", "random": found[0]["random"],
	}
	if a.carrier == inProcess {
		want = map[string]string{"file": "true", "folder": "true", "network": "true", "arguments": "3"}
		for name := range strings.SplitSeq(found[0]["environment"], ",") {
			if !strings.HasPrefix(name, "PLUGIN_") && name != "PRESENCE_FEATURE" && name != "GORACE" {
				t.Errorf("the process has %s in its environment", name)
			}
		}
		if found[0]["random"] == found[1]["random"] {
			t.Errorf("a process is without randomness: %v", found)
		}
	}
	for name, value := range want {
		if got, there := found[1][name]; !there || got != value {
			t.Errorf("it found %s=%q, want %q", name, got, value)
		}
	}
	if secret, there := found[0]["secret"]; there {
		t.Errorf("it found %q", secret)
	}
	at.recover()
}

// One that takes a second for everything makes nobody wait but those who ask it.
func testSlow(t *testing.T, a *arena) {
	at := a.begin(t, a.carrier.configFor(t, "hostile"), true)
	at.want(at.send("be", "calm"), bus.OK)
	at.waitShows("mood: calm")
	at.want(at.send("be", "slow"), bus.OK)
	at.want(at.send("do", "slow"), bus.OK)
	at.waitShows("mood: slow")
	at.waitNote("")
	if st := at.state(); !st.Up || st.Restarts > 0 {
		t.Errorf("the feature is %+v, want it up, never restarted", st)
	}
	at.recover()
}

// One that is too slow for its deadlines is taken for hung.
func testTooSlow(t *testing.T, a *arena) {
	cfg := a.carrier.configFor(t, "hostile")
	cfg.HandleTimeout = 400 * time.Millisecond
	at := a.begin(t, cfg, true)
	wait(t, "a restart", func() (string, bool) {
		o := at.send("do", "slow")
		st := at.state()
		return fmt.Sprintf("%v %+v", o, st), st.Restarts > 0
	})
	if r := fmt.Sprint(at.waitLogged("feature restarts")); !strings.Contains(r, "in time") && !strings.Contains(r, "in a row") {
		t.Errorf("it restarts for another reason than its slowness: %s", r)
	}
	at.recover()
}

// A manifest that is wrong keeps the feature from the page; the next version may do.
func testLies(t *testing.T, a *arena) {
	for _, lie := range lies {
		t.Run(strings.ReplaceAll(lie.name, " ", "-"), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lie.wasm")
			writeRaw(t, a.carrier, file, hostile.Raw{Manifest: lie.manifest})
			at := a.begin(t, a.carrier.configFor(t, "raw", file), false)
			r := at.waitLogged("feature restarts", lie.want...)
			if n := len(fmt.Sprint(r["err"])); n > 16<<10 {
				t.Errorf("the log has an error of %d bytes", n)
			}
			at.waitNote(resting)
			at.want(at.send("do", "nothing"), bus.Unavailable)
			at.checkPauses()
			if st := at.state(); st.Up || len(st.LastError) > 16<<10 {
				t.Errorf("the feature is up: %t, with an error of %d bytes", st.Up, len(st.LastError))
			}
			if lie.name == "nothing" {
				at.replace()
			}
		})
	}
}

// Answers that are no answers are refused, one by one or with the process.
func testNonsense(t *testing.T, a *arena) {
	for _, tc := range []struct {
		name              string
		handled, rendered []byte
		restarts          bool // or the one event fails
		want              string
	}{
		{"broken", garbage, garbage, true, "stream broke"},
		{"broken inside", message(nil).bytes(answerOutcomes, []byte{0x0a, 0x7f}), message(nil).bytes(answerFragments, []byte{0x0a, 0x7f}), false, "answer"},
		{"nothing", nil, nil, false, "got an answer of another kind"},
		{"the other kind", shown("x"), outcomes(1), false, "got an answer of another kind"},
		{"too many", outcomes(1000), shown("x"), false, "got 1000 outcomes for 1 events"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "nonsense.wasm")
			writeRaw(t, a.carrier, file, hostile.Raw{Manifest: honest, Handled: tc.handled, Rendered: tc.rendered})
			at := a.begin(t, a.carrier.configFor(t, "raw", file), false)
			if tc.restarts {
				at.waitRestarts(3)
				at.waitLogged("feature restarts", tc.want)
				at.checkPauses()
			} else {
				wait(t, "the event to fail", func() (string, bool) {
					o := at.sendAs(at.room+"-same", "do", "nothing")
					return string(o.Status), o.Status == bus.Failed
				})
				at.waitLogged("events not handled", tc.want)
			}
			if tc.restarts {
				at.replace()
			}
		})
	}
}

// One that is another at its next start is taken for what it says then, and with a digest
// not at all.
func testChanges(t *testing.T, a *arena) {
	file := filepath.Join(t.TempDir(), "changes.wasm")
	first := hostile.Raw{Manifest: honest, Handled: outcomes(1), Rendered: shown("first")}
	second := hostile.Raw{
		Manifest: described(hostile.Name, "Another", withField("mood", kindCounter), withEvent("say", int(plugins.Text), "what")),
		Handled:  outcomes(1), Rendered: shown("second"),
	}
	writeRaw(t, a.carrier, file, first)
	cfg := a.carrier.configFor(t, "raw", file)
	if a.carrier == inWebAssembly {
		cfg.Args = append(cfg.Args, "--digest", digest(t, file))
	}
	at := a.begin(t, cfg, true)
	at.waitShows("mood: first")
	at.want(at.send("do", "nothing"), bus.OK)

	writeRaw(t, a.carrier, file, second)
	at.kill()
	if a.carrier == inWebAssembly { // started with the digest of the first
		at.waitLogged("feature restarts", "changes.wasm: SHA-256 is ")
		at.waitNote(resting)
		at.waitShows("mood: first")
		writeRaw(t, a.carrier, file, first)
		at.waitNote("")
	} else {
		at.waitShows("mood: second")
		at.waitShows(">Another</h2>")
		at.want(at.send("do", "nothing"), bus.Forbidden)
		writeRaw(t, a.carrier, file, first)
		at.kill()
	}
	at.waitShows("mood: first")
	at.waitShows(">Hostile</h2>")
	wait(t, "the event to be taken again", func() (string, bool) {
		o := at.send("do", "nothing")
		return string(o.Status), o.Status == bus.OK
	})
}

// One that ends at its start rests for as long as it does, however often that is.
func testExits(t *testing.T, a *arena) {
	cfg := a.carrier.configFor(t, "hostile")
	exits := 10 // each start of this binary takes its time
	want := "_initialize: "
	file := filepath.Join(t.TempDir(), "exits.wasm")
	if a.carrier == inProcess {
		const shell = "/bin/sh"
		if _, err := os.Stat(shell); err != nil {
			t.Skip(err)
		}
		exits, want = 100, "exit status 3"
		cfg.Args = []string{"-c", `echo start >>"$1"; [ -e "$1.well" ] && exec "$2" feature hostile; exit 3`, "sh", file, cfg.Path}
		cfg.Path = shell
	} else {
		trap(t, file)
		cfg = a.carrier.configFor(t, "raw", file)
	}
	at := a.begin(t, cfg, false)
	waitFor(t, 3*patience, fmt.Sprint(exits, " restarts"), func() (string, bool) {
		at.look() // whole, each time
		at.waitNote(resting)
		st := at.state()
		return fmt.Sprintf("%+v", st), st.Restarts >= exits
	})
	at.waitLogged("feature restarts", want)
	at.checkPauses()
	at.want(at.send("do", "nothing"), bus.Unavailable)
	if a.carrier == inProcess {
		replaceFile(t, file+".well", nil)
	} else {
		b, err := os.ReadFile(built(t).module)
		if err != nil {
			t.Fatal(err)
		}
		replaceFile(t, file, b)
	}
	at.recover()
}
