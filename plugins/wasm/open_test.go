package wasm_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/global-presence/presence/plugins/wasm"
)

// valid is the smallest guest.
var valid = tiny{version: 1, memory: 1}

func TestOpen_Tiny(t *testing.T) {
	m := open(t, wasm.Config{Bytes: valid.bytes()})
	for _, call := range []func() ([]byte, error){
		func() ([]byte, error) { return m.Describe(t.Context()) },
		func() ([]byte, error) { return m.Handle(t.Context(), []byte("event")) },
		func() ([]byte, error) { return m.Render(t.Context(), nil) },
	} {
		if got, err := call(); err != nil || len(got) != 0 {
			t.Errorf("got %q, %v; want nothing, nil", got, err)
		}
	}
}

// Each fault has a line that names it, and all of them are told at once.
func TestOpen_Faults(t *testing.T) {
	whole := guest(t, "steady")
	unsigned := func(n uint64) []byte {
		return []byte{byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, byte(n >> 21)}
	}
	for _, tc := range []struct {
		name   string
		module []byte
		want   []string
	}{
		{"Empty", []byte{}, []string{"not WebAssembly", `begins with ""`}},
		{"ELF", []byte("\x7fELF\x02\x01\x01\x00 and so on"), []string{"not WebAssembly", `begins with "\x7fELF"`}},
		{"MagicAlone", []byte("\x00asm"), []string{"unknown version"}},
		{"Component", []byte("\x00asm\x0d\x00\x01\x00"), []string{"component", "wasm32-wasip1"}},
		{"Version", []byte("\x00asm\x02\x00\x00\x00"), []string{"unknown version 02000000: want 01000000"}},
		{"Truncated", whole[:len(whole)/2], []string{"truncated: section", "are left"}},
		{"TruncatedHead", whole[:9], []string{"truncated: section"}},
		{"NoExports", tiny{version: 1, memory: 1, without: []string{
			"memory", "presence_abi_version", "presence_buffer", "presence_manifest", "presence_handle", "presence_render",
		}}.bytes(), []string{
			"no export memory, a memory", "no export presence_abi_version() -> i32", "no export presence_buffer(i32) -> i32",
			"no export presence_manifest() -> i64", "no export presence_handle(i32, i32) -> i64", "no export presence_render(i32, i32) -> i64",
		}},
		{"TwoExports", tiny{version: 1, memory: 1, without: []string{"memory", "presence_render"}}.bytes(), []string{
			"no export memory, a memory", "no export presence_render(i32, i32) -> i64",
		}},
		{"Signature", tiny{version: 1, memory: 1, wrong: []string{"presence_handle"}, without: []string{"presence_buffer"}}.bytes(), []string{
			"export presence_handle(): want (i32, i32) -> i64", "no export presence_buffer",
		}},
		{"SignatureOfVersion", tiny{version: 1, memory: 1, wrong: []string{"presence_abi_version"}}.bytes(), []string{
			"export presence_abi_version(): want () -> i32",
		}},
		{"Import", tiny{version: 1, memory: 1, imports: [][2]string{{"env", "abort"}, {"extism:host/env", "alloc"}}, without: []string{"presence_render"}}.bytes(), []string{
			"import env.abort: want imports of wasi_snapshot_preview1 alone", "import extism:host/env.alloc", "no export presence_render",
		}},
		{"ImportUnknown", tiny{version: 1, memory: 1, imports: [][2]string{{"wasi_snapshot_preview1", "fd_explode"}}}.bytes(), []string{
			"import wasi_snapshot_preview1.fd_explode: there is no such function",
		}},
		{"ImportSignature", tiny{version: 1, memory: 1, imports: [][2]string{{"wasi_snapshot_preview1", "fd_write"}}}.bytes(), []string{
			"import wasi_snapshot_preview1.fd_write(): want (i32, i32, i32, i32) -> i32",
		}},
		// What a later version exports is not known: only the version is told.
		{"Newer", tiny{version: 2, memory: 1, without: []string{"presence_render"}}.bytes(), []string{
			"module speaks ABI 2, this presence speaks 1: update presence",
		}},
		{"Older", tiny{version: 0, memory: 1}.bytes(), []string{"module speaks ABI 0, this presence speaks 1: build the module with a newer library"}},
		{"Memory", tiny{version: 1, memory: 513}.bytes(), []string{"min 513 pages (32 Mi) over limit of 512 pages (32 Mi)"}},
		{"Table", tiny{version: 1, memory: 1, table: append([]byte{1, 0x70, 0}, unsigned(1<<20)...)}.bytes(), []string{"table of 1048576 entries: want at most 131072"}},
		{"Tables", tiny{version: 1, memory: 1, table: append([]byte{9}, bytes.Repeat([]byte{0x70, 0, 1}, 9)...)}.bytes(), []string{"9 tables: want at most 8"}},
		{"Initialize", tiny{version: 1, memory: 1, start: []byte{opUnreachable}}.bytes(), []string{"_initialize: wasm error: unreachable"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := wasm.Open(t.Context(), wasm.Config{Path: "claps.wasm", Bytes: tc.module})
			if err == nil {
				m.Close(t.Context())
				t.Fatal("Open succeeded")
			}
			for _, want := range append(tc.want, "open claps.wasm: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open: %v; want it to say %q", err, want)
				}
			}
			if tc.name == "Newer" && strings.Contains(err.Error(), "presence_render") {
				t.Errorf("Open: %v; want nothing of exports", err)
			}
		})
	}
}

func TestOpen_Config(t *testing.T) {
	_, err := wasm.Open(t.Context(), wasm.Config{Digest: []byte{1}, MemoryLimit: 100, OutputLimit: -1, Instances: -1})
	for _, want := range []string{
		"no Path and no Bytes", "digest of 1 bytes: want the 32", "memory limit of 100 bytes: want a multiple of 65536",
		"output limit of -1 bytes", "-1 instances: want 1 to 1024",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v; want it to say %q", err, want)
		}
	}
}

func TestOpen_File(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.wasm")
	if _, err := wasm.Open(t.Context(), wasm.Config{Path: path}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of no file: %v; want ErrNotExist", err)
	}
	module := valid.bytes()
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(module)
	open(t, wasm.Config{Path: path, Digest: sum[:]})
	sum[0]++
	_, err := wasm.Open(t.Context(), wasm.Config{Path: path, Digest: sum[:]})
	if want := fmt.Sprintf("want %x", sum); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Open with another digest: %v; want it to say %q", err, want)
	}
}

// A table without a maximum gets one, in whatever way its sizes are written.
func TestOpen_TableGrows(t *testing.T) {
	for _, table := range [][]byte{{1, 0x70, 0, 5}, {1, 0x70, 0, 0x85, 0}, {1, 0x70, 1, 5, 0x80, 0x80, 0x80, 0x40}, {2, 0x70, 1, 5, 5, 0x6f, 0, 0}} {
		// _initialize: table.grow of table 0 by a million has to give -1, or it traps.
		grow := []byte{0xd0, 0x70}                             // ref.null func
		grow = sleb(append(grow, opConst32), 1<<20)            // i32.const
		grow = append(grow, 0xfc, 0x0f, 0)                     // table.grow 0
		grow = append(sleb(append(grow, opConst32), -1), 0x47) // i32.const -1, i32.ne
		grow = append(grow, 0x04, 0x40, opUnreachable, opEnd)  // if unreachable end
		open(t, wasm.Config{Bytes: tiny{version: 1, memory: 1, table: table, start: grow}.bytes()})
	}
}
