package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// A folder is called newFolder and a number until its lock is held, and
	// readyFolder and that number from then on. The names are short because a
	// socket's whole path has at most 103 bytes on some systems.
	newFolder   = "gp-new-"
	readyFolder = "gp-run-"

	lockName = "lock"

	// maxBase is what socketDir may be long, for the same reason.
	maxBase = 50

	// abandoned is how old a folder without a lock is when nobody is about to
	// take its lock any more.
	abandoned = time.Hour
)

// folder is a private place for sockets: mode 0700, and locked for as long as
// its process lives, so that what a killed process leaves can be told apart.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes a folder in base, after it has removed those there whose
// owners have died.
func openFolder(base string) (*folder, error) {
	if base == "" {
		if base = os.TempDir(); len(base) > maxBase {
			base = "/tmp"
		}
	}
	if len(base) > maxBase {
		return nil, fmt.Errorf("open socket folder in %q: a path of at most %d bytes is needed", base, maxBase)
	}
	sweep(base)
	path, err := os.MkdirTemp(base, newFolder) // 0700
	if err != nil {
		return nil, fmt.Errorf("open socket folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = lockFile(lock)
	}
	ready := filepath.Join(base, readyFolder+strings.TrimPrefix(filepath.Base(path), newFolder))
	if err == nil {
		err = os.Rename(path, ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open socket folder: %w", err), lock.Close(), os.RemoveAll(path))
	}
	return &folder{path: ready, lock: lock}, nil
}

// Close removes the folder.
func (f *folder) Close() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}

// sweep removes what killed processes of the same user have left in base. What
// cannot be removed is not in the way.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		path := filepath.Join(base, e.Name())
		info, err := e.Info()
		if err != nil || !info.IsDir() || !ownedByUs(info) {
			continue
		}
		switch {
		case strings.HasPrefix(e.Name(), readyFolder):
			lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
			if errors.Is(err, fs.ErrNotExist) {
				os.RemoveAll(path) // half removed already
			} else if err == nil {
				if lockFile(lock) == nil {
					os.RemoveAll(path)
				}
				lock.Close()
			}
		case strings.HasPrefix(e.Name(), newFolder) && time.Since(info.ModTime()) > abandoned:
			os.RemoveAll(path)
		}
	}
}
