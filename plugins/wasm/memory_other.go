//go:build !unix

package wasm

func reserve(size int) ([]byte, func([]byte)) { return heap(size) }
