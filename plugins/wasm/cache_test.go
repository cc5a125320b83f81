package wasm_test

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/wasm"
)

// files returns what lies in dir at any depth, as paths.
func files(tb testing.TB, dir string) (paths []string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return paths
}

// openLogged opens the smallest guest and returns what was logged.
func openLogged(tb testing.TB, dir string) string {
	tb.Helper()
	var log buffer
	open(tb, wasm.Config{Bytes: valid.bytes(), CacheDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	return log.String()
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "cache")
	if log := openLogged(t, dir); log != "" {
		t.Errorf("logged %q", log)
	}
	first := files(t, dir)
	if len(first) != 1 {
		t.Fatalf("the cache holds %q; want one file", first)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("cache folder: %v, %v; want mode 0700", info.Mode(), err)
	}
	before, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	if log := openLogged(t, dir); log != "" {
		t.Errorf("the second time, logged %q", log)
	}
	if after, err := os.Stat(first[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("the second start did not use the file of the first: %v", err)
	}
}

// What is wrong with a cache costs time and a line in the log.
func TestCache_Damaged(t *testing.T) {
	for name, damage := range map[string]func(path string, content []byte) error{
		"truncated": func(path string, content []byte) error { return os.WriteFile(path, content[:len(content)/2], 0o600) },
		"flipped": func(path string, content []byte) error {
			content[len(content)/2] ^= 1
			return os.WriteFile(path, content, 0o600)
		},
		"empty": func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			openLogged(t, dir)
			path := files(t, dir)[0]
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(path, content); err != nil {
				t.Fatal(err)
			}
			if log, want := openLogged(t, dir), "compilation cache was dropped"; !strings.Contains(log, want) {
				t.Errorf("logged %q; want %q", log, want)
			}
			openLogged(t, dir)
			if log := openLogged(t, dir); log != "" {
				t.Errorf("afterwards it logs %q", log)
			}
		})
	}
}

func TestCache_NoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if log, want := openLogged(t, dir), "compilation cache is of no use"; !strings.Contains(log, want) {
			t.Errorf("with %s logged %q; want %q", dir, log, want)
		}
	}
}

// Modules that nobody has started for a month are forgotten, and nothing else is.
func TestCache_Sweep(t *testing.T) {
	dir := t.TempDir()
	long := time.Now().Add(-40 * 24 * time.Hour)
	for _, name := range []string{strings.Repeat("ab", 32), strings.Repeat("cd", 32), "notes"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		if name != strings.Repeat("cd", 32) {
			if err := os.Chtimes(filepath.Join(dir, name), long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if log := openLogged(t, dir); log != "" {
		t.Errorf("logged %q", log)
	}
	for name, want := range map[string]bool{strings.Repeat("ab", 32): false, strings.Repeat("cd", 32): true, "notes": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %t; want %t", name, err == nil, want)
		}
	}
}
