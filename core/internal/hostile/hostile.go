// Package hostile is a feature that does what it must not, as far as it is asked to: in
// one call of Handle, or in every Render of a room until it is told to be well again.
// The tests of package core run it next to a feature that must not notice, as a process
// and as a module for WebAssembly. It is good for nothing else.
package hostile

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// Name is the feature's name.
const Name = "hostile"

// Evil is in everything that must not get to a page.
const Evil = "evil()"

// The fields of its state.
const (
	mood = "mood" // what Render is to do in the room
	seen = "seen" // what it has found of the machine
)

// Feature is the feature.
type Feature struct{}

var _ plugins.Feature = Feature{}

// Manifest implements [plugins.Feature]. It is an honest one.
func (Feature) Manifest() plugins.Manifest {
	how := []plugins.Param{{Name: "how", Type: plugins.Text}}
	return plugins.Manifest{
		Name: Name, Title: "Hostile",
		State: []plugins.Field{{Name: mood, Kind: plugins.Register}, {Name: seen, Kind: plugins.Register}},
		Events: []plugins.EventType{
			{Name: "do", Fields: how, Rate: 1000}, // in this call
			{Name: "be", Fields: how, Rate: 1000}, // in every Render of the room, from now on
		},
	}
}

// Handle implements [plugins.Feature].
func (Feature) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	how := ev.Fields.Text("how")
	if ev.Name == "be" {
		return []plugins.Mutation{plugins.Set(mood, how)}, nil
	}
	switch how {
	case "undeclared field":
		return []plugins.Mutation{plugins.Set("no_such_field", Evil)}, nil
	case "field of another feature":
		return []plugins.Mutation{plugins.Add("rings", 1000)}, nil
	case "field of another feature by its address":
		return []plugins.Mutation{plugins.Add("bell/rings", 1000), plugins.Add("home:bell:rings", 1000)}, nil
	case "another kind":
		return []plugins.Mutation{plugins.Add(mood, 1)}, nil
	case "unknown operation":
		return []plugins.Mutation{{Field: mood, Op: 99, Value: Evil}}, nil
	case "too large a value":
		return []plugins.Mutation{plugins.Set(mood, strings.Repeat(Evil, plugins.MaxValueSize))}, nil
	case "too many mutations":
		return make([]plugins.Mutation, 100_000), nil
	case "signal to nowhere":
		return []plugins.Mutation{plugins.Signal("nowhere", Evil), plugins.SignalAs("nowhere", "k", Evil)}, nil
	case "new words":
		return nil, errors.New(ev.ID + " " + strings.Repeat("is not what I like to do ", 1<<10))
	case "nothing":
		return nil, nil
	}
	if address, ok := strings.CutPrefix(how, "probe "); ok {
		return []plugins.Mutation{plugins.Set(seen, probe(address))}, nil
	}
	misbehave(how)
	return nil, nil
}

// Render implements [plugins.Feature].
func (Feature) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	how := v.State.Registers[mood].Value
	p := plugins.Fragment{
		ID:   "hostile-mood",
		HTML: `<p id="hostile-mood">mood: ` + plugins.EscapeHTML(how) + `</p>`,
	}
	html := func(inner string) []plugins.Fragment {
		return []plugins.Fragment{{ID: p.ID, HTML: `<div id="hostile-mood">` + inner + `</div>`}}
	}
	patch := func(ops ...dom.Operation) []plugins.Fragment {
		p.Patch = ops
		return []plugins.Fragment{p}
	}
	switch how {
	case "10 MB fragment":
		return html(strings.Repeat("<b>"+Evil+"</b>", 10<<20/len("<b>"+Evil+"</b>"))), nil
	case "1 MB fragment":
		return html(strings.Repeat("<b>"+Evil+"</b>", 1<<20/len("<b>"+Evil+"</b>"))), nil
	case "20 MB fragment":
		return html(strings.Repeat("<b>"+Evil+"</b>", 20<<20/len("<b>"+Evil+"</b>"))), nil
	case "too many fragments":
		return many(plugins.MaxFragments+1, func(int) plugins.Audience { return plugins.Audience{} }), nil
	case "fragments for too many people":
		return many(50_000, func(i int) plugins.Audience { return plugins.Audience{User: "u" + strconv.Itoa(i)} }), nil
	case "script":
		return html("<script>" + Evil + "</script>"), nil
	case "script in a drawing":
		return html("<svg><script>" + Evil + "</script></svg>"), nil
	case "handler":
		return html(`<img src="x" onerror="` + Evil + `">`), nil
	case "address with script":
		return html(`<a href="&#106;avascript:` + Evil + `">press</a>`), nil
	case "style attribute":
		return html(`<p style="position:fixed;inset:0;background:url(//evil()/)">` + Evil + `</p>`), nil
	case "style element":
		return html(`<style>* { display: none } /* ` + Evil + ` */</style>`), nil
	case "frame":
		return html(`<iframe srcdoc="` + Evil + `"></iframe>`), nil
	case "end of its corner":
		return html(`</div></div></section><h1>` + Evil + `</h1><div>`), nil
	case "id of another feature":
		return html(`<p id="bell-rings">` + Evil + `</p>`), nil
	case "fragment of another feature":
		return []plugins.Fragment{{ID: "bell-rings", HTML: `<p id="bell-rings">` + Evil + `</p>`}}, nil
	case "event of another feature":
		return html(`<button data-live="load->bell#ring" title="` + Evil + `">press</button>`), nil
	case "patch of another feature":
		return patch(dom.SetProperty("#bell-rings", "textContent", Evil)), nil
	case "patch of the page":
		return patch(dom.Remove("main"), dom.SetProperty("#hostile-mood", "textContent", Evil)), nil
	case "patch with a handler":
		return patch(dom.SetAttribute("#hostile-mood", "onclick", Evil)), nil
	case "patch with script":
		return patch(dom.InsertAdjacentHTML("#hostile-mood", dom.BeforeEnd, `<img src=x onerror="`+Evil+`">`)), nil
	case "patch that presses":
		return patch(dom.DispatchEvent("#hostile-mood", "click", dom.Object(dom.Nested("evil", dom.Texts(Evil))))), nil
	case "not UTF-8":
		return html("\xff\xfe" + Evil), nil
	case "error":
		return nil, errors.New("no: I'd rather not: " + Evil)
	}
	misbehave(how)
	return []plugins.Fragment{p, {
		ID:   "hostile-seen",
		HTML: `<pre id="hostile-seen">` + plugins.EscapeHTML(v.State.Registers[seen].Value) + `</pre>`,
	}}, nil
}

func many(n int, audience func(i int) plugins.Audience) []plugins.Fragment {
	fragments := make([]plugins.Fragment, n)
	for i := range fragments {
		id := "hostile-" + strconv.Itoa(i)
		fragments[i] = plugins.Fragment{ID: id, HTML: `<p id="` + id + `">` + Evil + `</p>`, Audience: audience(i)}
	}
	return fragments
}

// kept is what a bomb has taken.
var kept [][]byte

// misbehave does what costs others when nobody stops it. Of a word that it does not know
// it does nothing.
func misbehave(how string) {
	switch how {
	case "loop":
		for { //nolint:staticcheck // that is the point
		}
	case "bomb":
		for {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 1 << 10 {
				b[i] = 1
			}
			kept = append(kept, b)
			// A gigabyte a second as a process, lest the machine of the tests is short
			// of memory before the host's next look; a module's sleep takes no time.
			time.Sleep(time.Millisecond)
		}
	case "panic":
		panic("hostile words")
	case "exit":
		os.Exit(3)
	case "flood":
		for i := range 50_000 {
			fmt.Fprintln(os.Stderr, "a line of a flood,", i)
			fmt.Fprintln(os.Stdout, "a line of another,", i)
		}
		fmt.Fprint(os.Stderr, strings.Repeat("without an end ", 1<<20/15))
		fmt.Fprintln(os.Stderr)
	case "flood and panic":
		for i := range 2000 {
			fmt.Fprintln(os.Stderr, "a line of a flood,", i)
		}
		panic("hostile words")
	case "wait":
		fmt.Fprintln(os.Stderr, "hostile waits")
		if runtime.GOOS == "wasip1" { // where a sleep takes no time
			misbehave("loop")
		}
		time.Sleep(time.Hour)
	case "slow":
		slow()
	}
}

// slow takes a second, or as long as a module on a common machine needs to count that
// far: it has no clock to look at.
func slow() {
	if runtime.GOOS != "wasip1" {
		time.Sleep(time.Second)
		return
	}
	n := uint32(1)
	for range 1_000_000_000 {
		n = n*1664525 + 1013904223
	}
	if n == 0 {
		fmt.Fprintln(os.Stderr, "so it is not left out")
	}
}

// probe tries to reach what is outside, and an address where somebody listens, and says
// what it got, one line each.
func probe(address string) string {
	var b strings.Builder
	say := func(what string, got any) { fmt.Fprintf(&b, "%s=%v\n", what, got) }
	_, err := os.ReadFile("/proc/self/status")
	say("file", err == nil)
	_, err = os.ReadDir("/")
	say("folder", err == nil)
	var names []string
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		names = append(names, name)
		if strings.Contains(value, "secret of the host") {
			say("secret", value)
		}
	}
	say("environment", strings.Join(names, ","))
	say("arguments", len(os.Args))
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	say("network", err == nil)
	say("time", time.Now().UTC().Format(time.RFC3339Nano))
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never an error
	say("random", hex.EncodeToString(random))
	return b.String()
}
