//go:build !unix

package cable

import (
	"errors"
	"syscall"
)

// Elsewhere a session's own goroutine writes.

func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func readFD(uintptr, []byte) (n int, later bool, err error) { return 0, false, errors.ErrUnsupported }

func rawOf(any) syscall.RawConn { return nil }
