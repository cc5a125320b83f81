package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

var carrier = flag.String("carrier", "process", "how servers run the built-in features: `process` or wasm")

// cacheDir is where programs of a run keep what they cache, instead of where this
// user's do.
func cacheDir() string { return filepath.Join(run.dir, "cache") }

// compiledDir is where a server without a place for its data keeps compiled modules.
func compiledDir() string { return filepath.Join(cacheDir(), "presence") }

// buildModules makes the module of every feature, compiles all, and returns their
// folder.
func buildModules() (string, error) {
	began := time.Now()
	dir := filepath.Join(run.dir, "modules")
	if out, err := exec.Command("make", "-C", filepath.Join("..", ".."), "wasm", "DIR="+dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make wasm: %w\n%s", err, out)
	}
	built := time.Since(began)
	began = time.Now()
	modules, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
	if err == nil {
		err = compile(modules...)
	}
	fmt.Printf("modules built in %.0f s, compiled in %.0f s\n", built.Seconds(), time.Since(began).Seconds())
	return dir, err
}

// compiler builds the program that puts modules into the cache in which servers of this
// run look for them: without the race detector, with which compiling takes some twenty
// times as long.
var compiler = sync.OnceValues(func() (string, error) {
	path := filepath.Join(run.dir, "compile")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/global-presence/presence/plugins/wasm/testdata/compile").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the compiler: %w\n%s", err, out)
	}
	return path, nil
})

// compile compiles modules for the servers of this run.
func compile(modules ...string) error {
	path, err := compiler()
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for _, module := range modules {
		g.Go(func() error {
			if out, err := exec.Command(path, compiledDir(), module).CombinedOutput(); err != nil {
				return fmt.Errorf("compile %s: %w\n%s", module, err, out)
			}
			return nil
		})
	}
	return g.Wait()
}

// modules returns the folder with the module of every feature.
func modules(tb testing.TB) string {
	tb.Helper()
	dir, err := run.modules()
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// carried adds to the settings of a server how its features are carried.
func carried(tb testing.TB, args []string) []string {
	tb.Helper()
	if *carrier == "process" {
		return args
	}
	args = append(slices.Clone(args), "--carrier=wasm", "--modules="+modules(tb))
	// A server that keeps data keeps what was compiled beside it.
	for _, a := range args {
		if data, ok := strings.CutPrefix(a, "--data="); ok {
			own := data + ".cache"
			if slices.Contains(args, "--keydb=hosted") {
				own = filepath.Join(data, "cache")
			}
			if err := os.Symlink(compiledDir(), own); err != nil && !errors.Is(err, fs.ErrExist) {
				tb.Fatal(err)
			}
		}
	}
	return args
}

// featureArgs are the arguments with which the program is a feature.
func featureArgs(tb testing.TB, name string) []string {
	tb.Helper()
	if *carrier == "process" {
		return []string{"feature", name}
	}
	return []string{"feature", "--wasm", filepath.Join(modules(tb), name+".wasm"), "--cache", compiledDir()}
}
