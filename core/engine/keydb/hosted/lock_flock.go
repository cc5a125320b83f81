//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package hosted

import (
	"errors"
	"os"
	"syscall"
)

// inherit gives a server the file that holds the folder's lock.
func inherit(lock *os.File) []*os.File { return []*os.File{lock} }

// tryLock locks f, or reports that somebody else does.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, err
		}
	}
}
