// Package carriers says which process runs a feature: this program as one of its
// built-in features, this program as the carrier of a module for WebAssembly, or a
// program from the plugin folder.
package carriers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/global-presence/presence/core/pluginfolder"
	"github.com/global-presence/presence/plugins/process"
	"github.com/global-presence/presence/plugins/wasm"
)

// moduleStart is how long a carrier may take until its module has said what it is. The
// first time, it compiles the module: a second, or ten on a busy machine.
const moduleStart = 3 * time.Minute

// Nice is how far the programs of the plugin folder give way to the host and to the
// built-in features: with 5, of a processor that both want the program gets a quarter, which
// has it meet its deadlines where a region is busy.
const Nice = 5

// BuiltIn returns what runs the built-in features of those names: this program, started
// again for each.
func BuiltIn(names []string) []process.Config {
	configs := make([]process.Config, len(names))
	for i, name := range names {
		configs[i] = process.Config{Name: name, Args: []string{"feature", name}}
	}
	return configs
}

// Modules returns what runs the features of those names as modules for WebAssembly, each
// dir/NAME.wasm. Its error names those that are missing.
func Modules(names []string, dir, cache string) ([]process.Config, error) {
	var (
		configs []process.Config
		errs    []error
	)
	for _, name := range names {
		file := filepath.Join(dir, name+".wasm")
		if _, err := os.Stat(file); err != nil {
			errs = append(errs, err)
		}
		configs = append(configs, Module(name, file, cache))
	}
	return configs, errors.Join(errs...)
}

// Program returns what runs a program of the plugin folder.
func Program(p pluginfolder.Program, cache string) process.Config {
	cfg := process.Config{Name: p.Manifest.Name, Path: p.Path, Checksum: p.Digest[:]}
	if p.Kind == pluginfolder.WebAssembly {
		cfg = Module(p.Manifest.Name, p.Path, cache)
		cfg.Args = append(cfg.Args, "--digest", p.Digest.String())
	}
	cfg.Nice = Nice
	return cfg
}

// Module returns what runs a module as the feature of that name: this program as its
// carrier. What is compiled is kept in the folder cache, if that is not "".
func Module(name, file, cache string) process.Config {
	args := []string{"feature", "--wasm", file}
	if cache != "" {
		args = append(args, "--cache", cache)
	}
	return process.Config{Name: name, Args: args, StartTimeout: moduleStart}
}

// Probe asks a program of the plugin folder what it is. What it prints goes to log.
func Probe(cache string, log *slog.Logger) pluginfolder.Probe {
	return func(ctx context.Context, p pluginfolder.Program) (pluginfolder.Description, error) {
		cfg := Program(p, cache)
		cfg.Logger = log.With(slog.String("file", p.File))
		cfg.StartTimeout = time.Hour // ctx ends before
		d, err := process.Describe(ctx, cfg)
		return pluginfolder.Description(d), err
	}
}

// CheckModule opens a module as a carrier does and says what is wrong with it, without
// a host.
func CheckModule(ctx context.Context, file string) error {
	m, err := wasm.Open(ctx, wasm.Config{Path: file})
	if err != nil {
		return err
	}
	return m.Close(ctx)
}

// ServeModule makes this process, which a host has started, the carrier of a module,
// until the host wants it to end. digest is what the file has to be, in hexadecimal;
// anything if it is empty.
func ServeModule(ctx context.Context, file, cache, digest string) error {
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return fmt.Errorf("--digest is %q; want the SHA-256 of the file in hexadecimal", digest)
	}
	// Standard output is the handshake's; what a guest prints is a line of the log
	// anyhow.
	m, err := wasm.Open(ctx, wasm.Config{Path: file, CacheDir: cache, Digest: sum, Stdout: os.Stderr, Stderr: os.Stderr})
	if err != nil {
		return oneLine(err)
	}
	process.ServeAnswerer(m)
	return nil
}

// oneLine returns err with what it says on one line: of what a process prints before it
// ends, its host takes the last line for the reason.
func oneLine(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n\t", " ")
	return errors.New(strings.ReplaceAll(text, "\n", "; "))
}

var _ process.Answerer = (*wasm.Module)(nil)
