package carriers_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/core/pluginfolder"
	"github.com/global-presence/presence/plugins"
)

func TestModules(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lightbulb.wasm")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	configs, err := carriers.Modules([]string{"lightbulb"}, dir, "/cache")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := configs[0].Args, []string{"feature", "--wasm", file, "--cache", "/cache"}; !slices.Equal(got, want) || configs[0].Name != "lightbulb" {
		t.Errorf("lightbulb runs as %q with %q, want %q", configs[0].Name, got, want)
	}
	_, err = carriers.Modules([]string{"lightbulb", "counter", "hello"}, dir, "")
	if err == nil || !strings.Contains(err.Error(), "counter.wasm") || !strings.Contains(err.Error(), "hello.wasm") || strings.Contains(err.Error(), "lightbulb") {
		t.Errorf("Modules = %v, want an error that names the two that are missing", err)
	}
}

func TestProgram(t *testing.T) {
	p := pluginfolder.Program{
		Path: "/staged/abc", Digest: pluginfolder.Digest{1, 2}, Kind: pluginfolder.Process,
		Description: pluginfolder.Description{Manifest: plugins.Manifest{Name: "claps"}},
	}
	cfg := carriers.Program(p, "/cache")
	if cfg.Name != "claps" || cfg.Path != p.Path || len(cfg.Args) != 0 || !slices.Equal(cfg.Checksum, p.Digest[:]) || cfg.Nice != carriers.Nice {
		t.Errorf("a program runs as %+v", cfg)
	}
	p.Kind = pluginfolder.WebAssembly
	cfg = carriers.Program(p, "/cache")
	if want := []string{"feature", "--wasm", p.Path, "--cache", "/cache", "--digest", p.Digest.String()}; cfg.Path != "" || !slices.Equal(cfg.Args, want) || cfg.Nice != carriers.Nice {
		t.Errorf("a module runs as %q %q, nice %d, want this program with %q, nice %d", cfg.Path, cfg.Args, cfg.Nice, want, carriers.Nice)
	}
}

func TestServeModule_digest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.wasm")
	if err := os.WriteFile(file, []byte("\x00asm\x01\x00\x00\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	for digest, want := range map[string]string{"zz": "--digest", strings.Repeat("00", 32): "digest"} {
		if err := carriers.ServeModule(t.Context(), file, "", digest); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ServeModule with digest %q = %v, want an error about the %s", digest, err, want)
		}
	}
	if err := carriers.CheckModule(t.Context(), file); err == nil || !strings.Contains(err.Error(), "presence_handle") {
		t.Errorf("CheckModule = %v, want an error that names what is missing", err)
	}
}
