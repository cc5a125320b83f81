// Command steady is the feature "claps", as a guest without any library: the ABI of
// package wasm, written out.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o steady.wasm .
package main

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"unsafe"
)

var (
	input  []byte // where the host writes
	output []byte // what it reads next; a variable, so that it is still there when it does
)

// A reactor's main never runs.
func main() {}

//go:wasmexport presence_abi_version
func version() int32 { return 1 }

//go:wasmexport presence_buffer
func buffer(size int32) int32 {
	if int(size) > cap(input) {
		input = make([]byte, size)
	}
	input = input[:size]
	runtime.Gosched()
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport presence_manifest
func manifest() int64 {
	field := text(nil, 1, "total")
	field = append(field, 2<<3, 2) // a counter
	event := text(nil, 1, "clap")
	m := text(text(nil, 1, "claps"), 2, "Applause")
	m = text(text(m, 4, string(field)), 5, string(event))
	return give(text(nil, 1, string(m)))
}

//go:wasmexport presence_handle
func handle(_, _ int32) int64 {
	mutation := text(nil, 1, "total")
	mutation = append(mutation, 2<<3, 3, 4<<3, 2) // op: add; delta: 1, as sint64
	var outcomes []byte
	ok := fields(input, func(number int, value []byte) bool {
		if number == 1 { // an event
			outcomes = text(outcomes, 1, string(text(nil, 1, string(mutation))))
			return fields(value, func(int, []byte) bool { return true })
		}
		return true
	})
	if !ok {
		return give(malformed())
	}
	return give(text(nil, 2, string(outcomes)))
}

//go:wasmexport presence_render
func render(_, _ int32) int64 {
	total := uint64(0)
	ok := fields(input, func(number int, state []byte) bool {
		return number != 3 || fields(state, func(number int, counter []byte) bool {
			return number != 2 || fields(counter, func(number int, value []byte) bool {
				if number == 2 {
					total, _ = binary.Uvarint(value)
				}
				return true
			})
		})
	})
	if !ok {
		return give(malformed())
	}
	fragment := text(nil, 1, "claps-total")
	fragment = text(fragment, 2, `<output id="claps-total">`+strconv.FormatInt(int64(total), 10)+`</output>`)
	return give(text(nil, 3, string(text(nil, 1, string(fragment)))))
}

// malformed is an Answer with an Error.
func malformed() []byte {
	return text(nil, 4, string(text([]byte{1 << 3, 1}, 2, "malformed input")))
}

// give returns pointer and length of an answer.
func give(answer []byte) int64 {
	output = answer
	// Without it the collector of a Go guest never gets its turn, and the memory of
	// the instance grows until it is full.
	runtime.Gosched()
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | int64(len(output))
}

// text appends a field of the wire type 2: a string or a message.
func text(b []byte, number int, value string) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// fields calls f with every field of a message; a number comes as its varint. It
// reports whether the message is well formed and f was content with all of it.
func fields(b []byte, f func(number int, value []byte) bool) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 {
			return false
		}
		b = b[n:]
		size := uint64(0)
		switch tag & 7 {
		case 0:
			if _, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			size = uint64(n)
		case 1:
			size = 8
		case 2:
			if size, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			b = b[n:]
		case 5:
			size = 4
		default:
			return false
		}
		if size > uint64(len(b)) || !f(int(tag>>3), b[:size]) {
			return false
		}
		b = b[size:]
	}
	return true
}
