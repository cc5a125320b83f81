package plugintest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
	"github.com/global-presence/presence/plugins/wasm"
	"github.com/global-presence/presence/plugins/wasm/wasmtest"
)

// File starts a finished feature, in whatever language it was written, as presence
// would start it from its folder of plugins: an executable as a process, a module for
// WebAssembly in its carrier, for which the test program needs [Main]. It ends with the
// test.
func File(tb testing.TB, path string) plugins.Feature {
	tb.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := process.Config{Path: path}
	if isModule(tb, path) {
		cache := tb.TempDir()
		if race {
			wasmtest.Compile(tb, cache, path)
		}
		cfg = process.Config{Env: []string{moduleVariable + "=" + path, cacheVariable + "=" + cache}}
	}
	cfg.StartTimeout = patience
	d, err := process.Describe(tb.Context(), cfg)
	if err != nil {
		tb.Fatalf("start %s: %v", path, err)
	}
	cfg.Name = d.Manifest.Name
	return start(tb, cfg)
}

// Wasm builds the program in a folder as a module for WebAssembly and starts that, as
// File does.
func Wasm(tb testing.TB, dir string) plugins.Feature {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "feature.wasm")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s for WebAssembly: %v\n%s", dir, err, out)
	}
	return File(tb, path)
}

// isModule reports whether a file is WebAssembly.
func isModule(tb testing.TB, path string) bool {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 8)
	n, _ := io.ReadFull(f, head)
	return wasm.Is(head[:n])
}

// carry makes this process the carrier of a module.
func carry(file string) {
	m, err := wasm.Open(context.Background(), wasm.Config{
		Path: file, CacheDir: os.Getenv(cacheVariable), Stdout: os.Stderr, Stderr: os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	process.ServeAnswerer(m)
}
