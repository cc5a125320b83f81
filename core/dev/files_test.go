package dev_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/dev"
)

// write writes files, and the folders they are in.
func write(tb testing.TB, dir string, names ...string) {
	tb.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestLookAt(t *testing.T) {
	dir := t.TempDir()
	want := []string{"go.mod", "lamp.go", "lamp.css", "look/page.html", "look/page.templ", "words.txt"}
	write(t, dir, want...)
	write(t, dir, "lamp_test.go", "lamp.wasm", ".git/HEAD", ".lamp.go.swp", "lamp.go~", "testdata/a.html", "node_modules/x/index.js", ".hidden")
	var got []string
	for _, name := range dev.LookAt(dir) {
		got = append(got, filepath.ToSlash(strings.TrimPrefix(name, dir+string(filepath.Separator))))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if gone := dev.LookAt(filepath.Join(dir, "nowhere")); len(gone) != 0 {
		t.Errorf("a folder that is not there has %q", gone)
	}
}

// A change counts when it is over: each write begins the wait anew.
func TestAwaitChange(t *testing.T) {
	const every = 200 * time.Millisecond
	await := func(t *testing.T, change func(dir string)) time.Duration {
		dir := t.TempDir()
		write(t, dir, "lamp.go", "other.go")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		ended := make(chan time.Duration)
		looked := make(chan struct{})
		go func() {
			dev.AwaitChange(ctx, dir, every, func() { close(looked) })
			ended <- time.Since(began)
		}()
		<-looked
		change(dir)
		return <-ended
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   time.Duration
	}{
		{"nothing", func(*testing.T, string) {}, 10 * time.Second},
		{"a test", func(t *testing.T, dir string) { write(t, dir, "lamp_test.go") }, 10 * time.Second},
		{"new", func(t *testing.T, dir string) { write(t, dir, "new.html") }, 2 * every},
		{"gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "other.go")); err != nil {
				t.Error(err)
			}
		}, 2 * every},
		{"in steps", func(t *testing.T, dir string) {
			time.Sleep(every / 2) // between two looks
			for _, name := range []string{"a", "b", "c", "d"} {
				write(t, dir, name)
				time.Sleep(every)
			}
		}, 5 * every},
		{"away and back", func(t *testing.T, dir string) {
			old, err := os.Stat(filepath.Join(dir, "lamp.go"))
			if err != nil {
				t.Error(err)
				return
			}
			write(t, dir, "lamp.go", "b")
			time.Sleep(every + every/2)
			if err := os.Chtimes(filepath.Join(dir, "lamp.go"), time.Time{}, old.ModTime()); err != nil {
				t.Error(err)
			}
			if err := os.Remove(filepath.Join(dir, "b")); err != nil {
				t.Error(err)
			}
		}, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := await(t, func(dir string) { tt.change(t, dir) }); got != tt.want {
					t.Errorf("it took %v, want %v", got, tt.want)
				}
			})
		})
	}
}
