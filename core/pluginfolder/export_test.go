package pluginfolder

import (
	"context"
	"io"
	"strings"
)

// Look is look.
func (f *Folder) Look(ctx context.Context) { f.look(ctx) }

// Staging is staging.
type Staging struct{ *staging }

// OpenStaging is openStaging.
func OpenStaging(base string) (Staging, error) {
	s, err := openStaging(base)
	return Staging{s}, err
}

// Take is take.
func (s Staging) Take(content string) (string, error) {
	path, _, err := s.take(strings.NewReader(content))
	return path, err
}

// LockLine is lockLine.
var LockLine = lockLine

// Check is check.
func (l *Lock) Check(name string, d Digest) error { return l.check(name, d) }

// Whole is whole, of a file that begins with head.
func Whole(r io.ReaderAt, size int64, head []byte) error { return whole(r, size, formatOf(head)) }
