package wasm_test

import (
	"encoding/binary"
	"slices"
)

// tiny is a guest of a few bytes, assembled by hand. The zero value of all fields but
// version and memory makes a guest that answers nothing, correctly.
type tiny struct {
	version int32       // what presence_abi_version returns
	memory  uint64      // pages
	buffer  int32       // what presence_buffer returns
	answer  int64       // what all other exports return
	imports [][2]string // of functions without parameters and results
	without []string    // exports to leave out
	wrong   []string    // exports to make functions without parameters and results
	table   []byte      // the content of the table section, if any
	start   []byte      // the body of _initialize, if any

	bodies map[string][]byte // of exports that do more than return a constant
	data   []byte            // what lies in memory at dataAt
}

// dataAt is where the data of a tiny guest begins.
const dataAt = 1024

const (
	opCall, opConst32, opConst64, opUnreachable, opEnd = 0x10, 0x41, 0x42, 0x00, 0x0b

	typeI32, typeI64 = 0x7f, 0x7e
)

// The types of functions, by their number in the type section.
var tinyTypes = [][]byte{
	{0x60, 0, 0},                            // 0: ()
	{0x60, 0, 1, typeI32},                   // 1: () -> i32
	{0x60, 1, typeI32, 1, typeI32},          // 2: (i32) -> i32
	{0x60, 0, 1, typeI64},                   // 3: () -> i64
	{0x60, 2, typeI32, typeI32, 1, typeI64}, // 4: (i32, i32) -> i64
}

func (t tiny) bytes() []byte {
	type function struct {
		export string
		kind   byte
		body   []byte
	}
	answer := sleb([]byte{opConst64}, t.answer)
	all := []function{
		{"presence_abi_version", 1, sleb([]byte{opConst32}, int64(t.version))},
		{"presence_buffer", 2, sleb([]byte{opConst32}, int64(t.buffer))},
		{"presence_manifest", 3, answer},
		{"presence_handle", 4, answer},
		{"presence_render", 4, answer},
	}
	if t.start != nil {
		all = append(all, function{"_initialize", 0, t.start})
	}
	var imports, declared, exports, code [][]byte
	for _, i := range t.imports {
		imports = append(imports, append(append(name(i[0]), name(i[1])...), 0, 0))
	}
	for _, f := range all {
		if slices.Contains(t.without, f.export) {
			continue
		}
		if slices.Contains(t.wrong, f.export) {
			f.kind, f.body = 0, nil
		}
		if body, ok := t.bodies[f.export]; ok {
			f.body = body
		}
		index := byte(len(imports) + len(declared))
		declared = append(declared, []byte{f.kind})
		exports = append(exports, append(name(f.export), 0, index))
		body := append(append([]byte{0}, f.body...), opEnd)
		code = append(code, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	}
	if !slices.Contains(t.without, "memory") {
		exports = append(exports, append(name("memory"), 2, 0))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = section(out, 1, vector(tinyTypes))
	if len(imports) > 0 {
		out = section(out, 2, vector(imports))
	}
	out = section(out, 3, vector(declared))
	if t.table != nil {
		out = section(out, 4, t.table)
	}
	out = section(out, 5, vector([][]byte{binary.AppendUvarint([]byte{0}, t.memory)}))
	out = section(out, 7, vector(exports))
	out = section(out, 10, vector(code))
	if t.data != nil {
		segment := append(sleb([]byte{0, opConst32}, dataAt), opEnd)
		segment = append(binary.AppendUvarint(segment, uint64(len(t.data))), t.data...)
		out = section(out, 11, vector([][]byte{segment}))
	}
	return out
}

func section(out []byte, id byte, content []byte) []byte {
	out = binary.AppendUvarint(append(out, id), uint64(len(content)))
	return append(out, content...)
}

func vector(items [][]byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(items))), slices.Concat(items...)...)
}

func name(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

// sleb appends a signed LEB128.
func sleb(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
