package pluginfolder

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// entry is one name in the folder.
type entry struct {
	name string

	info  fs.FileInfo // as last seen; nil while it cannot be seen
	gone  bool        // the name is not in the folder any more
	since time.Time   // when it was first seen so

	judged  bool      // what is there was judged, with this result:
	verdict *refusal  // nil when it runs
	retryAt time.Time // when it is to be judged again; zero for never
	retries int
	told    string // the last line about it, which is not repeated

	running *Program // what the host has of this file, which may be of an older content
}

// runs reports that the entry is the feature of that name.
func (e *entry) runs(feature string) bool {
	return e.running != nil && e.running.Manifest.Name == feature
}

// see notes what is there now.
func (e *entry) see(info fs.FileInfo, gone bool, now time.Time) {
	if e.gone == gone && sameFile(e.info, info) {
		return
	}
	e.info, e.gone, e.since = info, gone, now
	e.judged, e.retryAt, e.retries, e.told = false, time.Time{}, 0, ""
}

// due reports that it is time to judge what is there.
func (e *entry) due(now time.Time, settle time.Duration) bool {
	if e.gone || now.Sub(e.since) < settle {
		return false
	}
	return !e.judged || !e.retryAt.IsZero() && !now.Before(e.retryAt)
}

// again makes the entry be judged once more.
func (e *entry) again() { e.judged, e.retryAt = false, time.Time{} }

// state is what has become of the file.
func (e *entry) state() State {
	if !e.judged && e.verdict == nil && e.running == nil {
		return Waiting
	}
	return e.verdict.state()
}

// found is a name in a folder, and what it leads to.
type found struct {
	name string
	info fs.FileInfo // nil when it leads to nothing
}

// scan returns what is in a folder, sorted by name, but for what is hidden.
func scan(dir string) ([]found, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, err
	}
	var all []found
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil {
			if _, err := os.Lstat(path); err != nil {
				continue // gone meanwhile
			}
		}
		all = append(all, found{e.Name(), info})
	}
	return all, nil
}
