package core_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/internal/hostile"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/wasm/wasmtest"
)

// writeRaw puts a raw feature where its process, or its module's carrier, reads it at its
// start.
func writeRaw(tb testing.TB, c carrier, path string, r hostile.Raw) {
	tb.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		tb.Fatal(err)
	}
	if c == inWebAssembly {
		b = wasmtest.Constant{Manifest: r.Manifest, Handle: r.Handled, Render: r.Rendered}.Module()
	}
	replaceFile(tb, path, b)
}

// replaceFile writes a file that others see whole or not.
func replaceFile(tb testing.TB, path string, b []byte) {
	tb.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

// message is a message of feature.proto while it is made.
type message []byte

// bytes appends a field that is a text or a message.
func (m message) bytes(number int, b []byte) message {
	m = binary.AppendUvarint(m, uint64(number)<<3|2)
	return append(binary.AppendUvarint(m, uint64(len(b))), b...)
}

func (m message) text(number int, s string) message { return m.bytes(number, []byte(s)) }

// number appends a field that is a number.
func (m message) number(number, n int) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(number)<<3), uint64(n))
}

// The numbers of feature.proto.
const (
	describeManifest = 1

	manifestName, manifestTitle, manifestState, manifestEvents = 1, 2, 4, 5

	fieldName, fieldKind                  = 1, 2
	eventName, eventFields                = 1, 2
	paramName, paramType, paramChoices    = 1, 2, 6
	answerOutcomes, answerFragments       = 2, 3
	outcomesOutcome, fragmentsFragment    = 1, 1
	fragmentID, fragmentHTML              = 1, 2
	kindRegister, kindCounter, typeChoice = 1, 2, 4
)

// described returns a DescribeResponse with a manifest of that name and title, and with
// what more appends to it.
func described(name, title string, more ...func(message) message) []byte {
	m := message(nil).text(manifestName, name).text(manifestTitle, title)
	for _, add := range more {
		m = add(m)
	}
	return message(nil).bytes(describeManifest, m)
}

func withField(name string, kind int) func(message) message {
	return func(m message) message {
		return m.bytes(manifestState, message(nil).text(fieldName, name).number(fieldKind, kind))
	}
}

// withEvent declares an event with fields that have the type of that number.
func withEvent(name string, typ int, fields ...string) func(message) message {
	return func(m message) message {
		event := message(nil).text(eventName, name)
		for _, f := range fields {
			event = event.bytes(eventFields, message(nil).text(paramName, f).number(paramType, typ))
		}
		return m.bytes(manifestEvents, event)
	}
}

// shown returns an Answer with one fragment that says so, and outcome one with an outcome
// without mutations.
func shown(text string) []byte {
	f := message(nil).text(fragmentID, "hostile-mood").text(fragmentHTML, `<p id="hostile-mood">mood: `+text+`</p>`)
	return message(nil).bytes(answerFragments, message(nil).bytes(fragmentsFragment, f))
}

func outcomes(n int) []byte {
	all := message(nil)
	for range n {
		all = all.bytes(outcomesOutcome, nil)
	}
	return message(nil).bytes(answerOutcomes, all)
}

// honest is a DescribeResponse that the host has nothing against.
var honest = described(hostile.Name, "Hostile", withField("mood", kindRegister), withEvent("do", int(plugins.Text), "how"))

// garbage is the begin of a field of 250 million bytes.
var garbage = []byte{0x12, 0xff, 0xff, 0xff, 0x7f, 0x01}

// lies are manifests that no host takes, and what the log says of each.
var lies = []struct {
	name     string
	manifest []byte
	want     []string
}{
	{"the name of another", described("bell", "Bell"), []string{`the process is feature "bell", want "hostile"`}},
	{"nothing", nil, []string{`name ""`, `title ""`}},
	{"nonsense", garbage, []string{"read manifest: it ends in the middle of a field"}},
	{"a thousand fields", described(hostile.Name, "Hostile", func(m message) message {
		for i := range 1000 {
			m = withField(fmt.Sprint("f", i), kindRegister)(m)
		}
		return m
	}), []string{"1000 state fields: want at most 64"}},
	{"unknown kinds", described(hostile.Name, "Hostile", withField("mood", 99), withEvent("do", 98, "how")), []string{
		`state field "mood": unknown kind 99`, `event "do": field "how": unknown type 98`,
	}},
	{"names without end", described(strings.Repeat("n", 512<<10), strings.Repeat("t", 256<<10)), []string{`name "nnnnnn`, `title "tttttt`}},
	{"more than there is room for", described(strings.Repeat("n", 8<<20), "Hostile"), []string{"at most 1048576 are allowed"}},
	{"faults without end", described(hostile.Name, "Hostile", func(m message) message {
		choice := message(nil).text(paramName, "BAD NAME").number(paramType, typeChoice)
		for range 60 {
			choice = choice.text(paramChoices, "twice")
		}
		event := message(nil).text(eventName, "BAD EVENT")
		for range 32 {
			event = event.bytes(eventFields, choice)
		}
		return slices.Concat(m, slices.Repeat(message(nil).bytes(manifestEvents, event), 64))
	}), []string{`event "BAD EVENT": want`, "and 124941 more"}},
}

// trap writes a module that ends before it has said what it is.
func trap(tb testing.TB, path string) {
	tb.Helper()
	replaceFile(tb, path, wasmtest.Constant{Traps: true}.Module())
}

// digest is the SHA-256 of a file, in hexadecimal.
func digest(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}
