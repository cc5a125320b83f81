package wasm

import (
	"github.com/tetratelabs/wazero/experimental"
)

// linear is the memory of one instance. It is reserved at once and takes up what the
// guest has touched: growing copies nothing, and all of it is given back to the
// system when the instance ends, without the help of the garbage collector.
type linear struct {
	reserved []byte
	size     int64
	free     func([]byte)
}

// Allocate implements experimental.MemoryAllocator. A module has one memory.
func (l *linear) Allocate(_, limit uint64) experimental.LinearMemory {
	l.reserved, l.free = reserve(int(limit))
	return l
}

// Reallocate implements experimental.LinearMemory. wazero asks for no more than the
// limit.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.reserved)) {
		return nil
	}
	l.size = int64(size)
	return l.reserved[:size:size]
}

// Free implements experimental.LinearMemory.
func (l *linear) Free() {
	if l.reserved != nil {
		l.free(l.reserved)
		l.reserved = nil
	}
}

// heap is where memory lies when the system has none to reserve.
func heap(size int) ([]byte, func([]byte)) {
	return make([]byte, size), func([]byte) {}
}
