//go:build unix && !solaris && !aix

package pluginfolder

import (
	"io/fs"
	"os"
	"syscall"
)

// lockDir takes the lock that ends with the process, or fails at once when another has
// it.
func lockDir(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// ownedByUs reports whether this user owns a file and nobody else gets in.
func ownedByUs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}
