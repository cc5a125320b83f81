package pluginfolder

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// lockPatience is how many times Config.Settle a lock may go on changing until it is
// read as it is.
const lockPatience = 10

// lockFile is the lock on its disk, which may change at any time.
type lockFile struct {
	path   string
	settle time.Duration

	info  fs.FileInfo // as last seen; nil while it cannot be seen
	since time.Time   // when it was first seen so
	fresh bool        // what was seen has been read
	stale time.Time   // since when it has not

	lock *Lock
	err  error // why there is no lock
}

// openLock reads the lock for the first time.
func openLock(path string, settle time.Duration) (*lockFile, error) {
	l := &lockFile{path: path, settle: settle}
	if path == "" {
		return l, nil
	}
	l.info, _ = os.Stat(path)
	l.since, l.fresh = time.Now(), true
	l.lock, l.err = ReadLock(path)
	return l, l.err
}

// look reads the lock again if it has changed and rests. While it does not rest,
// rests is false: it is not the time to judge by it. One that changes all the time is
// read after lockPatience all the same.
func (l *lockFile) look(now time.Time) (rests, changed bool) {
	if l.path == "" {
		return true, false
	}
	info, _ := os.Stat(l.path)
	if !sameFile(l.info, info) {
		if l.fresh {
			l.stale = now
		}
		l.info, l.since, l.fresh = info, now, false
	}
	if l.fresh {
		return true, false
	}
	if now.Sub(l.since) < l.settle && now.Sub(l.stale) < lockPatience*l.settle {
		return false, false
	}
	l.fresh = true
	l.lock, l.err = ReadLock(l.path)
	return true, true
}

// check reports that the lock, if there is one, does not allow a file.
func (l *lockFile) check(name string, d Digest) error {
	switch {
	case l.path == "":
		return nil
	case l.err != nil:
		return errors.New("the lock cannot be used: " + oneLine(l.err))
	}
	return l.lock.check(name, d)
}

// sameFile reports whether nothing about a file has changed. A nil is a file that
// cannot be seen.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}
