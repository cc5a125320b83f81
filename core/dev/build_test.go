package dev_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/dev"
)

// module is a folder with one Go file.
func module(tb testing.TB, source string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/x\n\ngo 1.26\n", "x.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	t.Setenv("GOWORK", "off")
	for _, tt := range []struct {
		name, source string
		wasm         bool
		want         string // of the error; "" for a program
	}{
		{"OK", "package main\n\nfunc main() {}\n", false, ""},
		{"OK, WebAssembly", "package main\n\nfunc main() {}\n", true, ""},
		{"a fault", "package main\n\nfunc main() { nonsense() }\n", false, "./x.go:3:15: undefined: nonsense"},
		{"a library", "package x\n", false, "want package main"},
		{"no Go", "This is no Go.\n", false, "x.go:1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			digest, command, err := dev.BuildFolder(t.Context(), dev.Config{Dir: module(t, tt.source), WebAssembly: tt.wasm}, out)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("build: %v, want %s", err, tt.want)
				}
				if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
					t.Errorf("it left %v, %v", left, err)
				}
				return
			}
			if err != nil || digest == "" {
				t.Fatalf("build: %q, %v", digest, err)
			}
			file := command[0]
			if tt.wasm {
				if file != "" || command[1] != "feature" || command[2] != "--wasm" {
					t.Fatalf("the command is %q, want this program with feature --wasm FILE", command)
				}
				file = command[3]
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if isModule := strings.HasPrefix(string(content), "\x00asm"); isModule != tt.wasm {
				t.Errorf("it is a module: %t, want %t", isModule, tt.wasm)
			}
		})
	}
}
