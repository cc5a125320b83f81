//go:build unix

package wasm

import "syscall"

// reserve returns size bytes of zeroes that the system fills in as they are touched,
// and what gives them back.
func reserve(size int) ([]byte, func([]byte)) {
	if size == 0 {
		return heap(size)
	}
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return heap(size)
	}
	// It fails only for bytes that Mmap did not return.
	return b, func(b []byte) { _ = syscall.Munmap(b) }
}
