package wasm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
)

// Config says which module to run and what it may take. Path or Bytes is the only
// field without a default.
type Config struct {
	// Path is the module's file. Bytes is the module itself; with Bytes set, Path is
	// only what errors call it.
	Path  string
	Bytes []byte

	// Digest is the SHA-256 that the module must have. Default: not checked.
	Digest []byte

	// CacheDir is a folder that keeps compiled modules, so that only the first start
	// compiles; it is made if it is not there. What it holds is run as machine code:
	// nobody else may be able to write to it. A cache that cannot be read or written
	// costs the time of compiling and a line in the log, nothing else. Default: none.
	CacheDir string

	// MemoryLimit is how many bytes of memory one instance may have, a multiple of
	// the 64 KiB of a page, at most 4 GiB. Default 32 MiB.
	MemoryLimit int64

	// OutputLimit is how many bytes one answer may have. Default 16 MiB, which is
	// also the most that a host takes from a feature.
	OutputLimit int64

	// Instances is how many calls may be under way at once, each in an instance of
	// its own; they are made when they are first needed. Default: the number of
	// cores.
	Instances int

	// Stdout and Stderr take what the guest prints, one whole line a Write, at most
	// 8 KiB of each and 50 a second after the first 1,000. Default: dropped.
	Stdout, Stderr io.Writer

	// Logger takes what the carrier itself has to say: a cache that is of no use.
	// Default: nothing is logged.
	Logger *slog.Logger
}

const (
	pageSize    = 64 << 10
	maxMemory   = 4 << 30
	maxInstance = 1024
)

// withDefaults fills in what is not set and reports all that is wrong, joined.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Path == "" && c.Bytes == nil {
		errs = append(errs, errors.New("no Path and no Bytes"))
	}
	if n := len(c.Digest); n != 0 && n != sha256.Size {
		errs = append(errs, fmt.Errorf("digest of %d bytes: want the %d of SHA-256", n, sha256.Size))
	}
	if c.MemoryLimit == 0 {
		c.MemoryLimit = 32 << 20
	}
	if c.MemoryLimit < pageSize || c.MemoryLimit > maxMemory || c.MemoryLimit%pageSize != 0 {
		errs = append(errs, fmt.Errorf("memory limit of %d bytes: want a multiple of %d, at most %d", c.MemoryLimit, pageSize, int64(maxMemory)))
	}
	if c.OutputLimit == 0 {
		c.OutputLimit = 16 << 20
	}
	if c.OutputLimit < 1 || c.OutputLimit > maxMemory {
		errs = append(errs, fmt.Errorf("output limit of %d bytes: want 1 to %d", c.OutputLimit, int64(maxMemory)))
	}
	if c.Instances == 0 {
		c.Instances = runtime.NumCPU()
	}
	if c.Instances < 1 || c.Instances > maxInstance {
		errs = append(errs, fmt.Errorf("%d instances: want 1 to %d", c.Instances, maxInstance))
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

// name is what errors call the module.
func (c Config) name() string {
	if c.Path == "" {
		return "module"
	}
	return c.Path
}
