package wasm_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/wasm"
)

// The bytes in the package comment are what the host sends and what a guest answers.
func TestExample(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(doc), "// # Example\n")
	if !ok {
		t.Fatal("doc.go has no example")
	}
	line := regexp.MustCompile(`(?m)^//\t *((?:[0-9a-f]{2} )*[0-9a-f]{2})  `)
	read := func(text string) []byte {
		var b []byte
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			part, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, part...)
		}
		return b
	}
	before, after, _ := strings.Cut(example, "The answer is")
	in, want := read(before), read(after)

	sent, err := wire.Handle([]plugins.Event{{Name: "clap", Room: "home", Time: time.Unix(0, 0)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(in, sent) {
		t.Errorf("the input in doc.go is\n% x\nand the host sends\n% x", in, sent)
	}
	if size := regexp.MustCompile(`presence_buffer\((\d+)\)`).FindStringSubmatch(example)[1]; size != strconv.Itoa(len(in)) {
		t.Errorf("doc.go calls presence_buffer(%s); want %d", size, len(in))
	}
	m := open(t, wasm.Config{Bytes: guest(t, "steady")})
	got, err := m.Handle(t.Context(), in)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the answer is\n% x, %v\nand in doc.go\n% x", got, err, want)
	}
}
