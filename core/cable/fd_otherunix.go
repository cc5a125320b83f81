//go:build unix && !linux

package cable

import "syscall"

func write(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
