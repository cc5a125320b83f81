// Package wasmtest helps tests that run WebAssembly.
package wasmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program is what Compile runs.
const program = "github.com/global-presence/presence/plugins/wasm/testdata/compile"

var compiler = struct {
	sync.Mutex
	path string
}{}

// Compile puts modules into the compilation cache dir, each given by its file, so that
// a test finds them there. With the race detector compiling takes some twenty times
// as long (half a minute for a module of 6 MB); Compile leaves it to a program that was
// built without it.
//
// A test binary is no main program and therefore cannot tell which version of the
// runtime it has: the cache is of use to tests, not to a presence that was built.
func Compile(tb testing.TB, dir string, modules ...string) {
	tb.Helper()
	compiler.Lock()
	defer compiler.Unlock()
	if _, err := os.Stat(compiler.path); err != nil { // not built yet, or removed with the cache
		path := filepath.Join(dir, "compile")
		run(tb, "go", "build", "-ldflags=-X=github.com/tetratelabs/wazero/internal/version.version=dev", "-o", path, program)
		compiler.path = path
	}
	run(tb, compiler.path, append([]string{dir}, modules...)...)
}

func run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	if out, err := exec.CommandContext(tb.Context(), name, args...).CombinedOutput(); err != nil {
		tb.Fatalf("run %s %q: %v\n%s", name, args, err, out)
	}
}
