package dev

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"time"
)

// maxFiles is how many files of a folder are looked at, so that a folder that is no
// feature's, such as a home, keeps no core busy.
const maxFiles = 5000

// stamp is what changes when a file is written.
type stamp struct {
	modified time.Time
	size     int64
}

// files are the files of a folder that a program may be made of.
type files map[string]stamp

// lookAt returns the files below dir. Left out are hidden files, what go test and not go
// build reads, packages of others, and what builds write.
func lookAt(dir string) files {
	found := files{}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error { // what cannot be read is not looked at
		name := ""
		if e != nil {
			name = e.Name()
		}
		switch {
		case err != nil && e != nil && e.IsDir():
			return fs.SkipDir
		case err != nil || path == dir:
			return nil
		case len(found) == maxFiles:
			return fs.SkipAll
		case e.IsDir() && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "__pycache__"):
			return fs.SkipDir
		case !e.Type().IsRegular() || !isSource(name):
			return nil
		}
		if info, err := e.Info(); err == nil {
			found[path] = stamp{info.ModTime(), info.Size()}
		}
		return nil
	})
	return found
}

func isSource(name string) bool {
	for _, end := range []string{"_test.go", ".wasm", ".test", ".out", "~", ".swp", ".tmp", ".pyc"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	return !strings.HasPrefix(name, ".")
}

// awaitChange returns when the files below dir are no longer as before and stay as they
// are for one look, since editors write a file in several steps, when ctx ends, or when
// ended is closed.
func awaitChange(ctx context.Context, ended <-chan struct{}, dir string, before files, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := before
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case <-tick.C:
		}
		now := lookAt(dir)
		if maps.Equal(now, last) && !maps.Equal(now, before) {
			return
		}
		last = now
	}
}
