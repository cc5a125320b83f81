package wasmtest

import (
	"encoding/binary"
	"slices"
)

// Constant is a guest of a few bytes that gives the same answers whatever it is asked,
// right ones or not.
type Constant struct {
	// Manifest, Handle and Render are what the exports of those names answer.
	Manifest, Handle, Render []byte

	// Traps makes it end in _initialize, before anything else.
	Traps bool
}

// Opcodes and types of the WebAssembly specification.
const (
	unreachable, end, const32, const64 = 0x00, 0x0b, 0x41, 0x42

	typeI32, typeI64 = 0x7f, 0x7e
)

// Module returns the guest's module.
//
// Its memory holds the answers, one after the other, and after them, from a page's
// begin, room of a page for input.
func (c Constant) Module() []byte {
	const page = 64 << 10
	var data []byte
	place := func(answer []byte) []byte {
		at := int64(len(data))
		data = append(data, answer...)
		return signed([]byte{const64}, at<<32|int64(len(answer)))
	}
	manifest, handle, render := place(c.Manifest), place(c.Handle), place(c.Render)
	pages := uint64(len(data)+page-1) / page

	type function struct {
		name string
		typ  byte // its number in the type section
		code []byte
	}
	functions := []function{
		{"presence_abi_version", 1, signed([]byte{const32}, 1)},
		{"presence_buffer", 2, signed([]byte{const32}, int64(pages*page))},
		{"presence_manifest", 3, manifest},
		{"presence_handle", 4, handle},
		{"presence_render", 4, render},
	}
	if c.Traps {
		functions = append(functions, function{"_initialize", 0, []byte{unreachable}})
	}
	exports := [][]byte{append(counted([]byte("memory")), 2, 0)}
	var types, bodies [][]byte
	for i, f := range functions {
		types = append(types, []byte{f.typ})
		exports = append(exports, append(counted([]byte(f.name)), 0, byte(i)))
		bodies = append(bodies, counted(slices.Concat([]byte{0}, f.code, []byte{end})))
	}
	section := func(id byte, content []byte) []byte { return append([]byte{id}, counted(content)...) }
	return slices.Concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vector(
			[]byte{0x60, 0, 0},
			[]byte{0x60, 0, 1, typeI32},
			[]byte{0x60, 1, typeI32, 1, typeI32},
			[]byte{0x60, 0, 1, typeI64},
			[]byte{0x60, 2, typeI32, typeI32, 1, typeI64},
		)),
		section(3, vector(types...)),
		section(5, vector(binary.AppendUvarint([]byte{0}, pages+1))),
		section(7, vector(exports...)),
		section(10, vector(bodies...)),
		section(11, vector(slices.Concat([]byte{0, const32, 0, end}, counted(data)))),
	)
}

func vector(items ...[]byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(items))), slices.Concat(items...)...)
}

// counted returns b after its length.
func counted(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

// signed appends v as signed LEB128.
func signed(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
