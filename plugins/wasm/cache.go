package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"
)

// unusedFor is how long a compiled module is kept that nobody starts.
const unusedFor = 30 * 24 * time.Hour

// cacheFolder returns the folder for this module's compiled form, "" when there is
// none to be had. It has one of its own, so that what is faulty or forgotten can go
// without the others.
func cacheFolder(cfg Config, module []byte) string {
	if cfg.CacheDir == "" {
		return ""
	}
	sum := sha256.Sum256(module)
	dir := filepath.Join(cfg.CacheDir, hex.EncodeToString(sum[:]))
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		now := time.Now()
		err = errors.Join(os.Chtimes(dir, now, now), sweep(cfg.CacheDir, now.Add(-unusedFor)))
	}
	if err != nil {
		cfg.Logger.Warn("compilation cache is of no use", slog.String("dir", cfg.CacheDir), slog.Any("err", err))
		return ""
	}
	return dir
}

// sweep removes the folders of modules that were last started before then. Whatever
// else is in dir is not this package's.
func sweep(dir string, then time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if name, err := hex.DecodeString(e.Name()); err != nil || len(name) != sha256.Size || !e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(then) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// openCache returns the cache in dir, nil for "".
func openCache(cfg Config, dir string) wazero.CompilationCache {
	if dir == "" {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		cfg.Logger.Warn("compilation cache is of no use", slog.String("dir", dir), slog.Any("err", err))
		return nil
	}
	return cache
}
