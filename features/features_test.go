package features_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features"
)

func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range features.All() {
		m := f.Manifest()
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
		if seen[m.Name] {
			t.Errorf("two features are called %q", m.Name)
		}
		seen[m.Name] = true
	}
}

// Every feature is also a program, and every program is in the page.
func TestAll_Programs(t *testing.T) {
	programs, err := filepath.Glob("*/plugin/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range programs {
		want = append(want, filepath.ToSlash(filepath.Dir(filepath.Dir(p))))
	}
	for _, f := range features.All() {
		got = append(got, f.Manifest().Name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("All differs from the folders that have plugin/main.go (-folders +All):\n%s", diff)
	}
}

// All CSS of the first view must stay small.
func TestAll_Style(t *testing.T) {
	const limit = 12 << 10 // bytes, compressed

	css, err := os.ReadFile("../assets/css/app.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features.All() {
		css = append(css, f.Manifest().Style...)
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(css); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > limit {
		t.Errorf("CSS is %d bytes compressed, want at most %d", b.Len(), limit)
	}
	t.Logf("CSS is %d bytes, %d compressed", len(css), b.Len())
}
