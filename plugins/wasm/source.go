package wasm

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"os"
)

// maxModule is how many bytes a module may have.
const maxModule = 64 << 20

var (
	magic = []byte("\x00asm")

	// What follows magic: version 1 of a module, or of a component.
	moduleVersion    = []byte{1, 0, 0, 0}
	componentVersion = []byte{0x0d, 0, 1, 0}
)

// Is reports whether a file that begins with these bytes is WebAssembly.
func Is(head []byte) bool { return bytes.HasPrefix(head, magic) }

// source returns the module's bytes, which have the wanted digest.
func source(cfg Config) ([]byte, error) {
	b := cfg.Bytes
	if b == nil {
		var err error
		if b, err = readFile(cfg.Path); err != nil {
			return nil, err
		}
	}
	if len(b) > maxModule {
		return nil, fmt.Errorf("more than %d MiB", maxModule>>20)
	}
	// First of all: a file that somebody swapped is not even looked into.
	if sum := sha256.Sum256(b); len(cfg.Digest) > 0 && subtle.ConstantTimeCompare(sum[:], cfg.Digest) == 0 {
		return nil, fmt.Errorf("SHA-256 is %x, want %x", sum, cfg.Digest)
	}
	switch head := b[:min(len(b), len(magic))]; {
	case !Is(b):
		return nil, fmt.Errorf("not WebAssembly: it begins with %q, want %q", head, magic)
	case bytes.HasPrefix(b[len(magic):], componentVersion):
		return nil, fmt.Errorf("a WebAssembly component: want a core module, as the target wasm32-wasip1 makes it")
	case !bytes.HasPrefix(b[len(magic):], moduleVersion):
		return nil, fmt.Errorf("WebAssembly of an unknown version %x: want %x", b[len(magic):min(len(b), 8)], moduleVersion)
	}
	return b, nil
}

// readFile reads no more than tells that a file is too large.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(make([]byte, 0, min(info.Size(), maxModule)+bytes.MinRead))
	_, err = b.ReadFrom(io.LimitReader(f, maxModule+1))
	return b.Bytes(), err
}
