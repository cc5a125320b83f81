//go:build !linux

package cable

import "syscall"

// boundUnsent does nothing where it is not known how.
func boundUnsent(syscall.RawConn) {}
