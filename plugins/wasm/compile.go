package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/tetratelabs/wazero"
	wasi "github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// compiled is a module as machine code, and the runtime that it belongs to.
type compiled struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	host    wazero.CompiledModule // what a guest may import
	cache   wazero.CompilationCache
}

// compile reads the module from the cache, or compiles it and leaves it there.
func compile(ctx context.Context, cfg Config, module []byte) (compiled, error) {
	dir := cacheFolder(cfg, module)
	if dir == "" {
		return compileWith(ctx, cfg, module, nil)
	}
	c, err := compileWith(ctx, cfg, module, openCache(cfg, dir))
	if err == nil {
		return c, nil
	}
	// It may be the module that is faulty, or what is in the cache, or the disk.
	c, without := compileWith(ctx, cfg, module, nil)
	if without == nil {
		cfg.Logger.Warn("compilation cache was dropped", slog.String("dir", dir), slog.Any("err", errors.Join(err, os.RemoveAll(dir))))
	}
	return c, without
}

func compileWith(ctx context.Context, cfg Config, module []byte, cache wazero.CompilationCache) (c compiled, err error) {
	// Without WithCloseOnContextDone: it makes every loop of the guest look at the
	// context, and calls 4 to 6 times dearer. A call that does not return ends with
	// the process.
	rc := wazero.NewRuntimeConfig().
		WithMemoryLimitPages(uint32(cfg.MemoryLimit / pageSize)).
		WithDebugInfoEnabled(false)
	if cache != nil {
		rc = rc.WithCompilationCache(cache)
	}
	c = compiled{runtime: wazero.NewRuntimeWithConfig(ctx, rc), cache: cache}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compile: panic: %v", r)
		}
		if err != nil {
			c.close(ctx)
		}
	}()
	if c.host, err = wasi.NewBuilder(c.runtime).Compile(ctx); err != nil {
		return c, fmt.Errorf("compile WASI: %w", err)
	}
	if _, err := c.runtime.InstantiateModule(ctx, c.host, wazero.NewModuleConfig()); err != nil {
		return c, fmt.Errorf("instantiate WASI: %w", err)
	}
	if c.module, err = c.runtime.CompileModule(ctx, module); err != nil {
		return c, fmt.Errorf("compile: %w", err)
	}
	return c, nil
}

// close frees the machine code. No instance may be in a call.
func (c compiled) close(ctx context.Context) error {
	err := c.runtime.Close(ctx)
	if c.cache != nil {
		err = errors.Join(err, c.cache.Close(ctx))
	}
	return err
}
