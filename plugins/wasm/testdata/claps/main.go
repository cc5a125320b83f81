// Command claps is a feature with html/template, as a guest: the size of an ordinary
// one.
package main

import (
	"context"
	"runtime"
	"unsafe"

	"github.com/global-presence/presence/plugins/internal/claps"
	"github.com/global-presence/presence/plugins/internal/wire"
)

var (
	feature = wire.Answers{Feature: claps.Claps{}, SDK: "test"}
	input   []byte
	output  []byte
)

func main() {}

//go:wasmexport presence_abi_version
func version() int32 { return 1 }

//go:wasmexport presence_buffer
func buffer(size int32) int32 {
	if int(size) > cap(input) {
		input = make([]byte, size)
	}
	input = input[:size]
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport presence_manifest
func manifest() int64 { return give(feature.Describe(context.Background())) }

//go:wasmexport presence_handle
func handle(_, _ int32) int64 { return give(feature.Handle(context.Background(), input)) }

//go:wasmexport presence_render
func render(_, _ int32) int64 { return give(feature.Render(context.Background(), input)) }

func give(answer []byte, err error) int64 {
	if err != nil {
		panic(err)
	}
	output = answer
	runtime.Gosched()
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | int64(len(output))
}
