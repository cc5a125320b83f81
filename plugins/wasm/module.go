package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/tetratelabs/wazero"
)

// Module is a compiled guest and its instances. Its methods may be called from any
// number of goroutines; whoever opened it closes it.
type Module struct {
	cfg      Config
	code     compiled
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	sink     *sink
	pool     *pool

	closing sync.Mutex // held by the one Close that works
	closed  bool       // guarded by closing
}

// Open compiles a module, checks that it is a guest of the ABI that this package
// speaks, and makes the first instance. The error names all that is wrong with the
// module, as far as can be said at once.
//
// It takes from some 10 ms, with a cache, to some seconds. It does not return when
// the guest's _initialize does not.
func Open(ctx context.Context, cfg Config) (*Module, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.name(), err)
	}
	m, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.name(), err)
	}
	// The compiler leaves many times the module's size behind.
	debug.FreeOSMemory()
	return m, nil
}

func open(ctx context.Context, cfg Config) (*Module, error) {
	bytes, err := source(cfg)
	if err != nil {
		return nil, err
	}
	if bytes, err = boundTables(bytes); err != nil {
		return nil, err
	}
	code, err := compile(ctx, cfg, bytes)
	if err != nil {
		return nil, err
	}
	cfg.Bytes = nil // nobody needs them any more
	m := &Module{
		cfg: cfg, code: code, runtime: code.runtime, compiled: code.module,
		sink: newSink(), pool: newPool(cfg.Instances),
	}
	if err := m.check(ctx); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

// check makes the first instance if the module is a guest at all.
//
// The version goes first where the guest can be asked for it: what a guest of
// another version exports is not for this one to judge.
func (m *Module) check(ctx context.Context) error {
	exports := checkExports(m.compiled)
	faults := errors.Join(checkImports(m.compiled, m.code.host), exports)
	askable := checkImports(m.compiled, m.code.host) == nil &&
		checkFunction(m.compiled, exportVersion, functions[exportVersion], true) == nil &&
		checkFunction(m.compiled, exportInitialize, signature{}, false) == nil
	if !askable {
		return faults
	}
	i, err := m.newInstance(ctx)
	if err != nil {
		return errors.Join(faults, err)
	}
	version, err := i.abiVersion(ctx)
	switch {
	case err != nil:
		err = errors.Join(faults, err)
	case version > ABIVersion:
		err = fmt.Errorf("module speaks ABI %d, this presence speaks %d: update presence", version, ABIVersion)
	case version < ABIVersion:
		err = fmt.Errorf("module speaks ABI %d, this presence speaks %d: build the module with a newer library", version, ABIVersion)
	default:
		err = exports
	}
	if err != nil {
		i.close(ctx)
		return err
	}
	m.pool.idle = append(m.pool.idle, i)
	return nil
}

// Describe returns what the guest is: a DescribeResponse of feature.proto.
//
// An error of this and the other calls is a [Fault], ErrClosed or, here alone, that ctx
// ended before an instance was free.
func (m *Module) Describe(ctx context.Context) ([]byte, error) {
	return m.with(ctx, func(i *instance) ([]byte, error) { return i.describe(ctx) })
}

// Handle answers a Handle message with an Answer without an id. When ctx ends
// before an instance is free, that is an Answer that says so; a call that has begun
// is not cut short.
func (m *Module) Handle(ctx context.Context, in []byte) ([]byte, error) {
	out, err := m.with(ctx, func(i *instance) ([]byte, error) { return i.answer(ctx, i.handle, exportHandle, in) })
	return late(ctx, out, err)
}

// Render answers a View message with an Answer without an id, in the manner of
// Handle.
func (m *Module) Render(ctx context.Context, in []byte) ([]byte, error) {
	out, err := m.with(ctx, func(i *instance) ([]byte, error) { return i.answer(ctx, i.render, exportRender, in) })
	return late(ctx, out, err)
}

// with lends call an instance.
func (m *Module) with(ctx context.Context, call func(*instance) ([]byte, error)) ([]byte, error) {
	i, err := m.pool.take(ctx)
	if err != nil {
		return nil, err
	}
	if i == nil {
		if i, err = m.newInstance(ctx); err != nil {
			m.pool.give(nil)
			return nil, err
		}
	}
	out, err := call(i)
	if err != nil || i.wornOut() {
		i.close(ctx)
		i = nil
	}
	m.pool.give(i)
	return out, err
}

// Close ends all instances and frees what the module took. It waits for calls under
// way until ctx ends; it then fails and frees only what nobody uses, and may be
// called again. When it has succeeded, calling it again does nothing.
func (m *Module) Close(ctx context.Context) error {
	m.closing.Lock()
	defer m.closing.Unlock()
	if m.closed {
		return nil
	}
	idle, err := m.pool.close(ctx)
	for _, i := range idle {
		i.close(ctx)
	}
	if err != nil {
		return fmt.Errorf("close %s: a call is under way: %w", m.cfg.name(), err)
	}
	m.closed = true
	return m.code.close(context.WithoutCancel(ctx))
}
