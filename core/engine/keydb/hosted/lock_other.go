//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package hosted

import "os"

func inherit(*os.File) []*os.File { return nil }

// tryLock does nothing: what two processes share here is the server's port, which
// the second one cannot take.
func tryLock(*os.File) (bool, error) { return true, nil }
