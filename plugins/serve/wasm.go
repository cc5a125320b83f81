//go:build wasip1

package serve

import (
	"context"
	"runtime"
	"slices"
	"unsafe"

	"github.com/global-presence/presence/plugins/internal/wire"
)

// Main does nothing: the host calls what a module exports, and never its main.
func Main() {}

// abiVersion is the version of the exports below; plugins/wasm says what each of them
// takes and returns.
const abiVersion = 1

// input and output are what the host writes and reads. They keep it from the garbage
// collector until the next call.
var input, output []byte

//go:wasmexport presence_abi_version
func abi() int32 { return abiVersion }

//go:wasmexport presence_buffer
func buffer(size int32) unsafe.Pointer {
	if cap(input) < int(size) || cap(input) > maxKept {
		input = make([]byte, max(int(size), minBuffer))
	}
	return unsafe.Pointer(unsafe.SliceData(input))
}

const (
	minBuffer = 4 << 10
	maxKept   = 1 << 20 // a larger buffer is not kept for the next call
)

//go:wasmexport presence_manifest
func manifest() int64 {
	out, err := answers().Describe(context.Background())
	if err != nil {
		panic(err) // the manifest is wrong: a text that is not UTF-8
	}
	return give(out)
}

//go:wasmexport presence_handle
func handle(_ unsafe.Pointer, size int32) int64 {
	out, _ := answers().Handle(context.Background(), taken(size)) // it has no errors
	return give(out)
}

//go:wasmexport presence_render
func render(_ unsafe.Pointer, size int32) int64 {
	out, _ := answers().Render(context.Background(), taken(size)) // it has no errors
	return give(out)
}

// taken returns the input for good: the host writes the next one over it.
func taken(size int32) []byte { return slices.Clone(input[:size]) }

// sdk is what people are told of the library. The version of its module would bring
// package fmt with it.
var sdk = "Go SDK, " + runtime.Version()

func answers() wire.Answers { return wire.Answers{Feature: registered(), SDK: sdk} }

// give hands bytes to the host: where they are and how many, in one number.
//
// The garbage collector of a module works only while goroutines are scheduled. Without
// the call here the memory of one that never waits would only grow.
func give(out []byte) int64 {
	output = out
	runtime.Gosched()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(out)))
	return int64(at)<<32 | int64(len(out))
}
