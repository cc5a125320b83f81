package pluginfolder

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// stagedPrefix is what the private folders are called, before a number.
const stagedPrefix = "gp-staged-"

// staging is a private place for what runs: mode 0700, and locked for as long as its
// process lives, so that what a killed process leaves can be told apart. The lock is on
// the folder itself, which also keeps systemd-tmpfiles away.
//
// Source: https://www.freedesktop.org/software/systemd/man/tmpfiles.d.html.
type staging struct {
	path   string
	lock   *os.File
	noExec bool // programs cannot be started from there
}

// openStaging makes a folder in base, after it has removed those there whose owners have
// died.
func openStaging(base string) (*staging, error) {
	sweep(base)
	for range 10 {
		path, err := os.MkdirTemp(base, stagedPrefix) // 0700
		if err != nil {
			return nil, fmt.Errorf("make a folder for private copies: %w", err)
		}
		lock, err := os.Open(path)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			return nil, errors.Join(fmt.Errorf("open the folder for private copies: %w", err), os.Remove(path))
		}
		// Another host that starts may have taken it for a dead one's, before it was
		// locked.
		if lockDir(lock) == nil && still(lock, path) {
			return &staging{path: path, lock: lock, noExec: noExec(path)}, nil
		}
		lock.Close()
	}
	return nil, fmt.Errorf("make a folder for private copies in %s: others remove it", base)
}

// still reports whether path is what f has open.
func still(f *os.File, path string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// sweep removes what killed processes of the same user have left in base. What cannot
// be removed is not in the way.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !strings.HasPrefix(e.Name(), stagedPrefix) || !info.IsDir() || !ownedByUs(info) {
			continue
		}
		path := filepath.Join(base, e.Name())
		lock, err := os.Open(path)
		if err != nil {
			continue
		}
		if lockDir(lock) == nil {
			os.RemoveAll(path)
		}
		lock.Close()
	}
}

// Close removes the folder. It may be called twice.
func (s *staging) Close() error {
	return errors.Join(os.RemoveAll(s.path), ignoreClosed(s.lock.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// take copies what r holds, and returns the copy's path and digest.
func (s *staging) take(r io.Reader) (path string, d Digest, err error) {
	temp := filepath.Join(s.path, "new")
	sum := sha256.New()
	if err := copyTo(temp, r, sum); err != nil {
		return "", d, errors.Join(err, os.RemoveAll(temp))
	}
	sum.Sum(d[:0])
	path = filepath.Join(s.path, d.String())
	if _, err := os.Stat(path); err == nil {
		return path, d, os.Remove(temp)
	}
	return path, d, os.Rename(temp, path)
}

// copyTo writes what r holds to a new file, and to sum.
func copyTo(path string, r io.Reader, sum hash.Hash) error {
	chunk := make([]byte, 1<<20)
	for flag := os.O_CREATE | os.O_EXCL; ; flag = 0 {
		n, err := io.ReadFull(r, chunk)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		sum.Write(chunk[:n])
		if err := appendTo(path, flag, chunk[:n]); err != nil {
			return err
		}
		if end {
			return os.Chmod(path, 0o500)
		}
	}
}

// appendTo writes to the end of a file while no process is being started: one that is
// has a copy of all that is open until it has become its program, and a file that
// anybody can write to cannot be started ("text file busy", go.dev/issue/22315). The
// lock is taken for a piece at a time because all starts wait for it.
func appendTo(path string, flag int, piece []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, flag|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(piece)
	return errors.Join(err, f.Close())
}

// keep removes all copies but those in use.
func (s *staging) keep(used map[string]bool) {
	entries, _ := os.ReadDir(s.path)
	for _, e := range entries {
		if path := filepath.Join(s.path, e.Name()); !used[path] {
			os.RemoveAll(path)
		}
	}
}

// digestOf returns the digest of a file.
func digestOf(path string) (d Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return d, err
	}
	sum.Sum(d[:0])
	return d, nil
}
