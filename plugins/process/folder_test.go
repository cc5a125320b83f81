//go:build unix

package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins/process"
)

func TestFolder(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "gpt") //nolint:usetesting // the names of t.TempDir are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })

	// What a killed host leaves: a folder with a lock that nobody holds.
	left := filepath.Join(base, "gp-run-1")
	foreign := filepath.Join(base, "gp-run-2")
	young := filepath.Join(base, "gp-new-3")
	for path, mode := range map[string]os.FileMode{left: 0o700, foreign: 0o777, young: 0o700} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := process.OpenFolder(base)
	if err != nil {
		t.Fatal(err)
	}
	second, err := process.OpenFolder(base)
	if err != nil {
		t.Fatal(err)
	}
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	for path, want := range map[string]bool{
		left: false, foreign: true, young: true, process.FolderPath(first): true, process.FolderPath(second): true,
	} {
		if got := exists(path); got != want {
			t.Errorf("%s exists: %v, want %v", filepath.Base(path), got, want)
		}
	}
	if info, err := os.Stat(process.FolderPath(first)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, %v; want mode 0700", info, err)
	}
	if err := first.Close(); err != nil || exists(process.FolderPath(first)) {
		t.Errorf("Close: %v, or the folder is still there", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := process.OpenFolder(base + strings.Repeat("x", 50)); err == nil {
		t.Error("a path that is too long for a socket was taken")
	}
}
