//go:build unix

package cable

import (
	"errors"
	"io"
	"syscall"
)

// writeFD writes to a socket that does not block. One that takes nothing now is no
// error.
func writeFD(fd uintptr, b []byte) (n int, err error) {
	for {
		n, err = syscall.Write(int(fd), b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// readFD reads from a socket that does not block. later says that nothing is there yet.
func readFD(fd uintptr, b []byte) (n int, later bool, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		switch {
		case err == nil && n == 0:
			return 0, false, io.EOF
		case err == nil:
			return n, false, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, false, err
		}
	}
}

// rawOf returns the socket below a connection, or nil if there is none.
func rawOf(conn any) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
