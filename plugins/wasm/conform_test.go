package wasm_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/wasm"
)

func TestConform(t *testing.T) {
	for name, calls := range map[string]int{"steady": wasm.ConformCalls, "claps": wasm.ConformCalls / 5} {
		t.Run(name, func(t *testing.T) {
			if err := wasm.ConformFor(t.Context(), wasm.Config{Bytes: guest(t, name), CacheDir: cacheDir}, calls); err != nil {
				t.Error(err)
			}
		})
	}
}

// constant is a guest that answers the same to whatever it is asked: nothing happened,
// and here is a letter. It conforms but for input that is no message.
func constant(tb testing.TB) tiny {
	tb.Helper()
	manifest, err := wire.Describe(wire.Description{Manifest: plugins.Manifest{Name: "constant", Title: "Constant"}})
	if err != nil {
		tb.Fatal(err)
	}
	outcomes := []byte{2<<3 | 2, 0}
	fragments, err := wire.Fragments([]plugins.Fragment{{ID: "constant-p", HTML: `<p id="constant-p">a</p>`}})
	if err != nil {
		tb.Fatal(err)
	}
	t := tiny{version: 1, memory: 1, buffer: 4096, bodies: map[string][]byte{
		"presence_buffer": enlarge,
	}}
	for export, answer := range map[string][]byte{"presence_manifest": manifest, "presence_handle": outcomes, "presence_render": fragments} {
		t.bodies[export] = sleb([]byte{opConst64}, int64(dataAt+len(t.data))<<32|int64(len(answer)))
		t.data = append(t.data, answer...)
	}
	return t
}

// enlarge returns the address 4096 for the buffer and makes the memory large enough
// for 1 MiB, once: where it has one page, it grows by 32.
var enlarge = []byte{
	0x3f, 0, opConst32, 1, 0x46, 0x04, 0x40, // memory.size, i32.const 1, i32.eq, if
	opConst32, 32, 0x40, 0, 0x1a, opEnd, // i32.const 32, memory.grow, drop, end
	opConst32, 0x80, 0x20, // i32.const 4096
}

func TestConform_Faults(t *testing.T) {
	lax := constant(t)

	wobble := constant(t)
	letter := int64(dataAt + bytes.Index(wobble.data, []byte("a</p>")))
	more := sleb([]byte{opConst32}, letter)
	more = sleb(append(more, opConst32), letter)
	more = append(more, 0x2d, 0, 0, opConst32, 1, 0x6a, 0x3a, 0, 0) // i32.load8_u, i32.const 1, i32.add, i32.store8
	wobble.bodies["presence_render"] = append(more, wobble.bodies["presence_render"]...)

	leak := constant(t)
	grow := []byte{opConst32, 1, 0x40, 0, 0x1a} // i32.const 1, memory.grow, drop
	leak.bodies["presence_handle"] = append(grow, leak.bodies["presence_handle"]...)
	for _, tc := range []struct {
		name   string
		module []byte
		want   []string
	}{
		{"NoGuest", tiny{version: 1, memory: 1, without: []string{"presence_render"}}.bytes(), []string{"no export presence_render"}},
		{"Buffer", tiny{version: 1, memory: 1, buffer: 60000}.bytes(), []string{"buffer of 1048576 bytes: presence_buffer: it gave"}},
		{"Manifest", guest(t, "hostile"), []string{"presence_manifest: "}},
		{"Empty", tiny{version: 1, memory: 33}.bytes(), []string{"presence_manifest: manifest of \"\""}},
		{"Lax", lax.bytes(), []string{
			"presence_handle of a field longer than the message: answered", "presence_render of a state that is cut off: answered",
		}},
		{"Wobble", wobble.bytes(), []string{"presence_render of view: answered", "and the same input later, in instance 1,"}},
		{"Leak", leak.bytes(), []string{"memory grew from", "it leaks"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := wasm.ConformFor(t.Context(), wasm.Config{Bytes: tc.module, CacheDir: cacheDir}, 400)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Conform: %v; want it to say %q", err, want)
				}
			}
		})
	}
}
