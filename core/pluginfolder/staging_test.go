package pluginfolder_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/global-presence/presence/core/pluginfolder"
)

// copies returns the folders of private copies in base.
func copies(t *testing.T, base string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(base, "gp-staged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// What runs is a private copy, and only that of what runs is kept.
func TestFolder_staging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("claps", program("claps", "v1"), 0o755)
		w.put("bad", "#!/bin/false\nerror=bad\n", 0o755)
		cfg := w.config()
		w.watch(cfg)
		w.settled("add claps v1")
		dirs := copies(t, cfg.Staging)
		if len(dirs) != 1 {
			t.Fatalf("folders: %q, want one", dirs)
		}
		if info, err := os.Stat(dirs[0]); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder is %v, %v; want 0700", info.Mode(), err)
		}
		for _, v := range []string{"v1", "v2"} {
			if v == "v2" {
				w.put("claps", program("claps", v), 0o755)
				w.settled("replace claps v2")
			}
			p, _ := w.host.program("claps")
			if p.Path != filepath.Join(dirs[0], p.Digest.String()) {
				t.Errorf("%s runs from %s, want its digest in %s", v, p.Path, dirs[0])
			}
			if info, err := os.Stat(p.Path); err != nil || info.Mode() != 0o500 {
				t.Errorf("the copy of %s is %v, %v; want 0500", v, info.Mode(), err)
			}
			if got, err := os.ReadFile(p.Path); err != nil || string(got) != program("claps", v) {
				t.Errorf("the copy of %s holds %q, %v", v, got, err)
			}
			entries, err := os.ReadDir(dirs[0])
			if names := sortedNames(entries); err != nil || !slices.Equal(names, []string{p.Digest.String()}) {
				t.Errorf("copies with %s: %q, %v; want that alone", v, names, err)
			}
		}
		w.stop()
		if dirs := copies(t, cfg.Staging); dirs != nil {
			t.Errorf("left after Close: %q", dirs)
		}
	})
}

// What a killed host has left is removed; what a living one has is not.
func TestOpen_sweeps(t *testing.T) {
	base, dir := t.TempDir(), t.TempDir()
	dead, others, foreign := filepath.Join(base, "gp-staged-1"), filepath.Join(base, "gp-staged-2"), filepath.Join(base, "else")
	for path, mode := range map[string]os.FileMode{dead: 0o700, others: 0o755, foreign: 0o700} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(path, "copy"), "x", 0o500)
	}
	cfg := pluginfolder.Config{Dir: dir, Staging: base, Host: &host{}, Probe: (&world{}).probe}
	first, err := pluginfolder.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got := copies(t, base); len(got) != 2 || slices.Contains(got, dead) || !slices.Contains(got, others) {
		t.Errorf("after a start there are %q, want one more than %q", got, others)
	}
	second, err := pluginfolder.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := copies(t, base); len(got) != 3 {
		t.Errorf("after another start there are %q, want one more", got)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if got := copies(t, base); len(got) != 2 {
		t.Errorf("after the end of that there are %q, want one less", got)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("somebody else's folder: %v", err)
	}
}

// A copy is started while others are being made, all the time.
func TestStaging_textFileBusy(t *testing.T) {
	s, err := pluginfolder.OpenStaging(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan struct{})
	forks := make(chan struct{})
	go func() { // processes that may inherit what is open
		defer close(forks)
		for {
			select {
			case <-done:
				return
			default:
				_ = exec.Command("/bin/true").Run()
			}
		}
	}()
	for i := range 100 {
		content := "#!/bin/sh\nexit 0 #" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\n"
		path, err := s.Take(content)
		if err == nil {
			err = exec.Command(path).Run()
		}
		if err != nil {
			t.Fatalf("copy %d: %v", i, err)
		}
	}
	close(done)
	<-forks
}
