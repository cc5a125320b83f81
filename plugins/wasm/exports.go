package wasm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	wasi "github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// ABIVersion is the version of the guest's side that this package speaks.
const ABIVersion = 1

// What a guest exports.
const (
	exportMemory     = "memory"
	exportInitialize = "_initialize"
	exportVersion    = "presence_abi_version"
	exportBuffer     = "presence_buffer"
	exportManifest   = "presence_manifest"
	exportHandle     = "presence_handle"
	exportRender     = "presence_render"
)

// signature is a function's parameters and results.
type signature struct{ params, results []api.ValueType }

func (s signature) String() string {
	names := func(types []api.ValueType) string {
		var out []string
		for _, t := range types {
			out = append(out, api.ValueTypeName(t))
		}
		return strings.Join(out, ", ")
	}
	if len(s.results) == 0 {
		return "(" + names(s.params) + ")"
	}
	return "(" + names(s.params) + ") -> " + names(s.results)
}

var (
	i32, i64  = []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}
	pointer   = []api.ValueType{api.ValueTypeI32, api.ValueTypeI32} // and a length
	functions = map[string]signature{
		exportVersion:  {nil, i32},
		exportBuffer:   {i32, i32},
		exportManifest: {nil, i64},
		exportHandle:   {pointer, i64},
		exportRender:   {pointer, i64},
	}
)

// checkFunction compares one export; where it is missing and need not be there,
// nothing is wrong.
func checkFunction(c wazero.CompiledModule, name string, want signature, required bool) error {
	def, ok := c.ExportedFunctions()[name]
	if !ok {
		if required {
			return fmt.Errorf("no export %s%s", name, want)
		}
		return nil
	}
	if got := (signature{def.ParamTypes(), def.ResultTypes()}); !slices.Equal(got.params, want.params) || !slices.Equal(got.results, want.results) {
		return fmt.Errorf("export %s%s: want %s", name, got, want)
	}
	return nil
}

// checkExports names all exports of ABI version 1 that are missing or wrong.
func checkExports(c wazero.CompiledModule) error {
	var errs []error
	if _, ok := c.ExportedMemories()[exportMemory]; !ok {
		errs = append(errs, fmt.Errorf("no export %s, a memory", exportMemory))
	}
	errs = append(errs, checkFunction(c, exportInitialize, signature{}, false))
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		errs = append(errs, checkFunction(c, name, functions[name], true))
	}
	return errors.Join(errs...)
}

// checkImports names all imports that this host does not have.
func checkImports(c, host wazero.CompiledModule) error {
	offered := host.ExportedFunctions()
	var errs []error
	for _, f := range c.ImportedFunctions() {
		module, name, _ := f.Import()
		got := signature{f.ParamTypes(), f.ResultTypes()}
		def, ok := offered[name]
		switch {
		case module != wasi.ModuleName:
			errs = append(errs, fmt.Errorf("import %s.%s: want imports of %s alone", module, name, wasi.ModuleName))
		case !ok:
			errs = append(errs, fmt.Errorf("import %s.%s: there is no such function", module, name))
		case !slices.Equal(def.ParamTypes(), got.params) || !slices.Equal(def.ResultTypes(), got.results):
			errs = append(errs, fmt.Errorf("import %s.%s%s: want %s", module, name, got, signature{def.ParamTypes(), def.ResultTypes()}))
		}
	}
	for _, m := range c.ImportedMemories() {
		module, name, _ := m.Import()
		errs = append(errs, fmt.Errorf("import %s.%s, a memory: export one instead", module, name))
	}
	return errors.Join(errs...)
}
