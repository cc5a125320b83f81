//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// ownCPU returns the CPU seconds that this program has used.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// spareFiles are those that are open beside sockets.
const spareFiles = 200

// raiseFiles raises how many files this program may have open to what the system lets it.
// It is an error if so many sockets do not fit.
func raiseFiles(sockets int) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	need := uint64(sockets + spareFiles)
	if uint64(l.Cur) < need && l.Cur < l.Max {
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l) // what it is then is looked at
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err == nil && uint64(l.Cur) < need {
		return fmt.Errorf("--sockets is %d, which needs %d open files, and this system allows %d; raise it with: ulimit -n %d", sockets, need, l.Cur, need)
	}
	return nil
}
