package features_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/global-presence/presence/features"
	"github.com/global-presence/presence/plugins/plugintest"
)

// The most bytes that a module may have: with a template engine, which brings net/http,
// and without.
const (
	maxModule = 6_000_000
	maxPlain  = 2_500_000
)

// plain are the features without a template engine.
var plain = map[string]bool{"cursors": true, "reactions": true}

// compared are features whose modules are asked the same as they are here: with templ and
// without, with records, patches, lists, pointers and traces. (make test-wasm looks at all.)
var compared = map[string]bool{"lightbulb": true, "hello": true, "globe": true, "cursors": true}

// Every feature is a module for WebAssembly, a small one, and answers there what it
// answers here.
func TestModules(t *testing.T) {
	dir := modules(t)
	for _, f := range features.All() {
		name := f.Manifest().Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, name+".wasm")
			module, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(module, []byte("\x00asm")) {
				t.Errorf("it begins with %q, want a WebAssembly module", module[:min(len(module), 4)])
			}
			limit := maxModule
			if plain[name] {
				limit = maxPlain
			}
			if len(module) > limit {
				t.Errorf("it has %d bytes, want at most %d", len(module), limit)
			}
			t.Logf("%d bytes, %d below the limit", len(module), limit-len(module))
			if compared[name] {
				plugintest.Same(t, f, plugintest.File(t, file))
			}
		})
	}
}

// modules builds all modules and returns their folder. With nothing built before, that
// compiles the standard library for another machine, which takes most of the time.
func modules(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds all modules")
	}
	if _, err := exec.LookPath("make"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("make is missing: apt-get install make")
	}
	// go test shows an old result only while what a test has looked at is as it was.
	for _, pattern := range []string{"*/plugin/*.go", "../plugins/serve/*.go", "../Makefile"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if _, err := os.Stat(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-C", "..", "wasm", "DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make wasm: %v\n%s", err, out)
	}
	return dir
}
