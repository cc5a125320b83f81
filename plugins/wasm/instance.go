package wasm

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// worn is how many calls an instance answers before it may be replaced for the memory
// that it holds: a guest that leaks is renewed now and then, and one that simply
// needs much is not renewed for every call.
const worn = 1000

// instance is the guest with a memory of its own. One goroutine uses it at a time,
// and after an error none does: what it holds is then in no known state, whatever
// it says of itself.
type instance struct {
	mod         api.Module
	sandbox     sandbox
	memory      linear
	out, errs   *lines
	limit, most int64 // bytes: of memory, of an answer
	calls       int
	stack       [2]uint64

	version, buffer, manifest, handle, render api.Function
}

// newInstance makes an instance and lets the guest initialise itself.
func (m *Module) newInstance(ctx context.Context) (*instance, error) {
	i := &instance{
		out:   &lines{sink: m.sink, to: m.cfg.Stdout},
		errs:  &lines{sink: m.sink, to: m.cfg.Stderr},
		limit: m.cfg.MemoryLimit, most: m.cfg.OutputLimit,
	}
	i.sandbox.begin()
	var err error
	i.mod, err = instantiate(experimental.WithMemoryAllocator(ctx, &i.memory), m.runtime, m.compiled, i.sandbox.config(i.out, i.errs))
	if err != nil {
		i.memory.Free()
		return nil, i.fault("instantiate", err)
	}
	i.version = i.mod.ExportedFunction(exportVersion)
	i.buffer = i.mod.ExportedFunction(exportBuffer)
	i.manifest = i.mod.ExportedFunction(exportManifest)
	i.handle = i.mod.ExportedFunction(exportHandle)
	i.render = i.mod.ExportedFunction(exportRender)
	if initialize := i.mod.ExportedFunction(exportInitialize); initialize != nil {
		if _, err := initialize.Call(ctx); err != nil {
			err = i.fault(exportInitialize, err)
			i.close(ctx)
			return nil, err
		}
	}
	return i, nil
}

// instantiate makes an error of a panic: wazero has been seen to let one through
// for modules that its validation passed.
func instantiate(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, cfg wazero.ModuleConfig) (mod api.Module, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return r.InstantiateModule(ctx, c, cfg)
}

// abiVersion asks the guest which ABI it speaks.
func (i *instance) abiVersion(ctx context.Context) (uint32, error) {
	if err := i.version.CallWithStack(ctx, i.stack[:]); err != nil {
		return 0, i.fault(exportVersion, err)
	}
	return uint32(i.stack[0]), nil
}

// describe returns a DescribeResponse.
func (i *instance) describe(ctx context.Context) ([]byte, error) {
	i.sandbox.begin()
	i.calls++
	if err := i.manifest.CallWithStack(ctx, i.stack[:]); err != nil {
		return nil, i.fault(exportManifest, err)
	}
	return i.result(exportManifest)
}

// answer hands in to f and returns a copy of what comes back.
func (i *instance) answer(ctx context.Context, f api.Function, export string, in []byte) ([]byte, error) {
	i.sandbox.begin()
	i.calls++
	at, err := i.write(ctx, in)
	if err != nil {
		return nil, err
	}
	i.stack = [2]uint64{uint64(at), uint64(len(in))}
	if err := f.CallWithStack(ctx, i.stack[:]); err != nil {
		return nil, i.fault(export, err)
	}
	return i.result(export)
}

// write puts in where the guest wants it and returns the address.
func (i *instance) write(ctx context.Context, in []byte) (uint32, error) {
	if int64(len(in)) > min(i.limit, math.MaxInt32) {
		return 0, i.fault(exportBuffer, fmt.Errorf("an input of %d bytes does not fit into the memory of an instance", len(in)))
	}
	i.stack[0] = uint64(len(in))
	if err := i.buffer.CallWithStack(ctx, i.stack[:]); err != nil {
		return 0, i.fault(exportBuffer, err)
	}
	at := uint32(i.stack[0])
	if !i.mod.Memory().Write(at, in) {
		return 0, i.breach(exportBuffer, fmt.Errorf("it gave the %d bytes at %d for input: the memory ends at %d", len(in), at, i.mod.Memory().Size()))
	}
	return at, nil
}

// result copies what the pointer and length that the last call returned stand for.
func (i *instance) result(export string) ([]byte, error) {
	at, size := uint32(i.stack[0]>>32), uint32(i.stack[0])
	if int64(size) > i.most {
		return nil, i.breach(export, fmt.Errorf("it answered %d bytes: want at most %d", size, i.most))
	}
	view, ok := i.mod.Memory().Read(at, size)
	if !ok {
		return nil, i.breach(export, fmt.Errorf("it answered the %d bytes at %d: the memory ends at %d", size, at, i.mod.Memory().Size()))
	}
	return append(make([]byte, 0, size), view...), nil
}

// fault says how this instance ended.
func (i *instance) fault(export string, err error) error {
	if _, ok := errors.AsType[*Fault](err); ok {
		return err
	}
	i.out.flush()
	i.errs.flush()
	return &Fault{Export: export, Said: i.errs.panicked, Memory: i.memory.size, Limit: i.limit, Err: err}
}

// breach is fault for a guest that returned something outside the rules.
func (i *instance) breach(export string, err error) error {
	return &Fault{Export: export, Breach: true, Memory: i.memory.size, Limit: i.limit, Err: err}
}

// wornOut reports whether a new instance should take this one's place.
func (i *instance) wornOut() bool { return i.calls >= worn && i.memory.size > i.limit/4*3 }

// close gives the instance's memory back. It may be called again.
func (i *instance) close(ctx context.Context) {
	i.out.flush()
	i.errs.flush()
	// It has nothing to fail with: no file is open.
	_ = i.mod.Close(ctx)
	i.memory.Free()
}
