package pluginfolder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The sections of a WebAssembly module that are looked at.
//
// Source: https://webassembly.github.io/spec/core/binary/modules.html.
const (
	customSection   = 0
	functionSection = 3
	codeSection     = 10
	lastSection     = 13 // tags
)

// maxCustom is how many sections of its own meaning a module may have. Compilers make
// less than ten.
const maxCustom = 1000

// wholeModule reports what is missing of a WebAssembly module: its sections must end
// where it ends, and functions that are declared must have code.
func wholeModule(r io.ReaderAt, size int64) error {
	var head [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("the WebAssembly module has no whole header: %w", err)
	}
	switch version := binary.LittleEndian.Uint32(head[4:]); {
	case version>>16 != 0:
		return errors.New("it is a WebAssembly component; want a module")
	case version != 1:
		return fmt.Errorf("it is WebAssembly of version %d; want 1", version)
	}
	var seen [lastSection + 1]int
	functions := false
	for pos := int64(len(head)); pos < size; {
		var b [6]byte // the section's id and its length, in at most 5 bytes
		n, err := r.ReadAt(b[:min(int64(len(b)), size-pos)], pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		id := b[0]
		if id > lastSection {
			return fmt.Errorf("the WebAssembly module has a section %d at byte %d; there are %d", id, pos, lastSection)
		}
		seen[id]++
		if id != customSection && seen[id] > 1 || seen[id] > maxCustom {
			return fmt.Errorf("the WebAssembly module has section %d too often, at byte %d", id, pos)
		}
		length, width := uint32At(b[1:n])
		if width == 0 {
			return fmt.Errorf("the WebAssembly module's section at byte %d has no length", pos)
		}
		start := pos + 1 + int64(width)
		if id == functionSection {
			n, _ := r.ReadAt(b[:1], start)
			functions = n == 1 && b[0] != 0
		}
		if pos = start + int64(length); pos > size {
			return fmt.Errorf("the WebAssembly module has %d bytes of at least %d", size, pos)
		}
	}
	if functions && seen[codeSection] == 0 {
		return errors.New("the WebAssembly module's code is not there")
	}
	return nil
}

// uint32At reads a number of WebAssembly's (LEB128, at most 5 bytes); width is 0 where
// there is none.
func uint32At(b []byte) (value uint32, width int) {
	v, n := binary.Uvarint(b[:min(len(b), binary.MaxVarintLen32)])
	if n <= 0 || v > 1<<32-1 {
		return 0, 0
	}
	return uint32(v), n
}
