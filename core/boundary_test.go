package core_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	folder "path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the path that "./" stands for in a boundary.
const module = "github.com/global-presence/presence"

// boundary is a rule on what packages import. Its patterns read as:
//
//	./core/web      that package of this module
//	./core/web/...  that package and all below it
//	./core/*/page   such a package below any folder of ./core
//	self/...        the importing package and all below it
//	parent          the package in the folder around the importing one
//	net/http, net/http/...  the same outside this module
//	std             the whole standard library
//	all             everything
//
// Test files are free: only what ends up in a program counts.
type boundary struct {
	// rule is the sentence that a failure shows.
	rule string

	// from are the importers that the rule binds, not those that it exempts.
	from, not []string

	// deny is what they must not import, unless allow has it too.
	deny, allow []string

	// deep follows imports of imports to any length.
	deep bool
}

// noNeighbours is the rule of four boundaries. core hands one of them to another
// as a small interface; an engine may build on an engine.
const noNeighbours = "core/cable, the engines and the plugin carriers never import each other (STYLE.md §1)"

// boundaries are the lines of DESIGN.md §8 and STYLE.md §1.
var boundaries = []boundary{
	{
		rule: "of this module a feature imports only plugins, plugins/dom, plugins/element and core/region",
		from: []string{"./features/..."}, not: []string{"./features", "./features/internal/golden", "./features/*/plugin"},
		deny: []string{"./..."}, allow: []string{"./plugins", "./plugins/dom", "./plugins/element", "./core/region", "self/..."},
	},
	{
		rule: "the program of a feature imports that feature and plugins/serve, and nothing else",
		from: []string{"./features/*/plugin"},
		deny: []string{"all"}, allow: []string{"parent", "./plugins/serve"},
	},
	{
		rule: "of other modules a feature imports only templ",
		from: []string{"./features/..."}, not: []string{"./features/internal/golden"}, // a helper of tests
		deny: []string{"all"}, allow: []string{"./...", "std", "github.com/a-h/templ/..."},
	},
	{
		rule: "a feature is pure: it uses no file, no network, no process and no randomness (DESIGN.md §6)",
		from: []string{"./features/...", "./core/region/..."}, not: []string{"./features/internal/golden"},
		deny: []string{"os/...", "net", "net/http/...", "net/rpc/...", "syscall/...", "math/rand/...", "crypto/rand"},
	},
	{
		rule: "nothing that a feature imports, at any distance, brings in a server, a store or a carrier",
		from: []string{"./features/...", "./plugins", "./plugins/dom/...", "./plugins/element"}, not: []string{"./features/*/plugin"}, deep: true,
		deny: []string{
			"github.com/gofiber/...", "github.com/valyala/fasthttp/...", "github.com/fasthttp/...",
			"github.com/redis/...", "go.etcd.io/bbolt/...", "github.com/hashicorp/go-plugin/...",
			"google.golang.org/grpc/...", "github.com/tetratelabs/wazero/...",
		},
	},
	{
		rule: "core never imports features, at any distance",
		from: []string{"./core/...", "./plugins/...", "./assets/..."}, deep: true,
		deny: []string{"./features/..."},
	},
	{
		rule: "plugins and what is below it never import core: outside code may use them",
		from: []string{"./plugins/..."},
		deny: []string{"./core/..."},
	},
	{
		rule: "plugins, the contract, imports only plugins/dom and the standard library",
		from: []string{"./plugins"},
		deny: []string{"all"}, allow: []string{"std", "./plugins/dom"},
	},
	{
		rule: "plugins/element imports only plugins and the standard library: a template engine would be in every module that uses it",
		from: []string{"./plugins/element"},
		deny: []string{"all"}, allow: []string{"std", "./plugins"},
	},
	{
		rule: "plugins/dom imports no other package of this module",
		from: []string{"./plugins/dom/..."},
		deny: []string{"./..."}, allow: []string{"self/..."},
	},
	{
		rule: "core/state imports only plugins and the standard library",
		from: []string{"./core/state/..."},
		deny: []string{"all"}, allow: []string{"std", "./plugins", "self/..."},
	},
	{
		rule: "core/state does no I/O",
		from: []string{"./core/state/..."},
		deny: []string{"os/...", "net/...", "syscall/...", "log"}, allow: []string{"net/netip", "net/url"},
	},
	{
		rule: "fiber and fasthttp are imported by core/web and core/cable alone",
		from: []string{"./..."}, not: []string{"./core/web/...", "./core/cable/..."},
		deny: []string{"github.com/gofiber/...", "github.com/valyala/fasthttp/...", "github.com/fasthttp/..."},
	},
	{
		rule: "core/web/page only writes HTML: no fiber, no bus, no cable",
		from: []string{"./core/web/page/..."},
		deny: []string{
			"github.com/gofiber/...", "github.com/valyala/fasthttp/...", "github.com/fasthttp/...",
			"./core/bus/...", "./core/cable/...", "./core/engine/...",
		},
	},
	{
		rule: "go-redis is imported by core/engine/keydb alone",
		from: []string{"./..."}, not: []string{"./core/engine/keydb/..."},
		deny: []string{"github.com/redis/..."},
	},
	{
		rule: "bbolt is imported by core/engine/memory alone",
		from: []string{"./..."}, not: []string{"./core/engine/memory/..."},
		deny: []string{"go.etcd.io/bbolt/..."},
	},
	{
		rule: "go-plugin and gRPC are imported by plugins/process alone",
		from: []string{"./..."}, not: []string{"./plugins/process/...", "./plugins/internal/featurev1"},
		deny: []string{"github.com/hashicorp/go-plugin/...", "google.golang.org/grpc/..."},
	},
	{
		rule: "the generated code of feature.proto is imported by tests alone",
		from: []string{"./..."}, not: []string{"./plugins/internal/featurev1"},
		deny: []string{"./plugins/internal/featurev1"},
	},
	{
		rule: "the WASM runtime is imported by plugins/wasm alone",
		from: []string{"./..."}, not: []string{"./plugins/wasm/..."},
		deny: []string{"github.com/tetratelabs/wazero/..."},
	},
	{
		rule: "plugins/wasm starts no process and opens no socket: a guest has nothing to reach them with",
		from: []string{"./plugins/wasm"},
		deny: []string{"os/exec", "net/...", "plugin"},
	},
	{
		rule: noNeighbours,
		from: []string{"./core/cable/..."},
		deny: []string{"./core/engine/...", "./plugins/process/...", "./plugins/wasm/..."},
	},
	{
		rule: noNeighbours,
		from: []string{"./core/engine/..."},
		deny: []string{"./core/cable/...", "./plugins/process/...", "./plugins/wasm/..."},
	},
	{
		rule: noNeighbours,
		from: []string{"./plugins/process/..."},
		deny: []string{"./core/cable/...", "./core/engine/...", "./plugins/wasm/..."},
	},
	{
		rule: noNeighbours,
		from: []string{"./plugins/wasm/..."},
		deny: []string{"./core/cable/...", "./core/engine/...", "./plugins/process/..."},
	},
}

func TestBoundaries(t *testing.T) {
	for _, fault := range faults(boundaries, listPackages(t)) {
		t.Error(fault)
	}
}

// Each row is a graph of one import, and how the rules that it crosses begin.
func TestFaults_OneImport(t *testing.T) {
	crossed := make(map[string]bool) // "rule, from": four boundaries share a rule
	for _, tc := range []struct {
		importer, imported string
		want               []string
	}{
		{"./features", "./features/light", nil},
		{"./features/light", "./plugins", nil},
		{"./features/light", "./plugins/dom", nil},
		{"./features/light", "./core/region", nil},
		{"./features/light", "./features/light/bulb", nil},
		{"./features/light", "github.com/a-h/templ/runtime", nil},
		{"./features/light", "net/url", nil},
		{"./features/light/plugin", "./features/light", nil},
		{"./features/light/plugin", "./plugins/serve", nil},
		{"./features/light/plugin", "./features/lights", []string{"the program of a feature"}},
		{"./features/light/plugin", "./plugins/process", []string{"the program of a feature"}},
		{"./features/light/plugin", "strings", []string{"the program of a feature"}},
		{"./features/light/bulb", "./features/light", []string{"of this module"}},
		{"./features/light", "./plugins/serve", []string{"of this module"}},
		{"./features/light", "./plugins/process", []string{"of this module"}},
		{"./features/light", "./core", []string{"of this module"}},
		{"./features/light", "./features/lights", []string{"of this module"}},
		{"./features/light", "github.com/google/uuid", []string{"of other modules"}},
		{"./features/light", "net/http", []string{"a feature is pure"}},
		{"./core/region", "math/rand/v2", []string{"a feature is pure"}},
		{"./features/light", "github.com/redis/go-redis/v9", []string{"of other modules", "nothing that a feature", "go-redis"}},

		{"./", "./core", nil},
		{"./", "./features", nil},
		{"./", "./plugins/process", nil},
		{"./", "github.com/gofiber/fiber/v2", []string{"fiber"}},
		{"./core", "./core/cable", nil},
		{"./core", "./core/engine/keydb", nil},
		{"./core", "./plugins/process", nil},
		{"./core", "./features", []string{"core never imports features"}},
		{"./core/bus", "./features/light", []string{"core never imports features"}},
		{"./core/bus", "github.com/valyala/fasthttp", []string{"fiber"}},

		{"./plugins", "context", nil},
		{"./plugins", "./plugins/dom", nil},
		{"./plugins", "./core/region", []string{"plugins and what is below", "plugins, the contract"}},
		{"./plugins", "golang.org/x/net/html", []string{"plugins, the contract"}},
		{"./plugins/element", "./plugins", nil},
		{"./plugins/element", "github.com/a-h/templ", []string{"plugins/element"}},
		{"./plugins/dom", "encoding/json", nil},
		{"./plugins/dom", "./plugins", []string{"plugins/dom"}},
		{"./plugins/plugintest", "./plugins/process", nil},
		{"./plugins/process", "google.golang.org/grpc/codes", nil},
		{"./plugins/process", "./plugins/internal/wire", nil},
		{"./plugins/process", "./plugins/internal/featurev1", []string{"the generated code"}},
		{"./plugins/process", "./plugins/wasm", []string{noNeighbours}},
		{"./plugins/wasm", "github.com/tetratelabs/wazero", nil},
		{"./plugins/wasm", "./plugins/internal/wire", nil},
		{"./plugins/wasm", "os/exec", []string{"plugins/wasm starts no process"}},
		{"./plugins/wasm/wasmtest", "os/exec", nil},
		{"./plugins/wasm", "./plugins/process", []string{noNeighbours}},
		{"./plugins/wasm", "google.golang.org/grpc", []string{"go-plugin and gRPC"}},
		{"./plugins/plugintest", "github.com/tetratelabs/wazero", []string{"the WASM runtime"}},

		{"./core/state", "./plugins", nil},
		{"./core/state", "net/netip", nil},
		{"./core/state", "./plugins/dom", []string{"core/state imports only"}},
		{"./core/state", "net", []string{"core/state does no I/O"}},

		{"./core/web", "./core/cable", nil},
		{"./core/web", "github.com/gofiber/fiber/v2", nil},
		{"./core/web/page", "github.com/gofiber/fiber/v2", []string{"core/web/page"}},
		{"./core/cable", "github.com/fasthttp/websocket", nil},
		{"./core/cable", "./core/engine", []string{noNeighbours}},
		{"./core/cable/outbox", "./plugins/wasm", []string{noNeighbours}},

		{"./core/engine/wan", "./core/engine/memory", nil},
		{"./core/engine/memory", "go.etcd.io/bbolt", nil},
		{"./core/engine/wan", "go.etcd.io/bbolt", []string{"bbolt"}},
		{"./core/engine/keydb", "github.com/redis/go-redis/v9", nil},
		{"./core/engine/keydb", "./core/cable", []string{noNeighbours}},
	} {
		importer, imported := long(tc.importer), long(tc.imported)
		var got []string
		for _, b := range boundaries {
			if len(faults([]boundary{b}, graph{importer: {imported}})) > 0 {
				got = append(got, b.rule)
				crossed[b.rule+", "+b.from[0]] = true
			}
		}
		if !slices.EqualFunc(got, tc.want, strings.HasPrefix) {
			t.Errorf("%s imports %s: crossed %q, want %q", tc.importer, tc.imported, got, tc.want)
		}
	}
	for _, b := range boundaries {
		if !crossed[b.rule+", "+b.from[0]] {
			t.Errorf("no import above crosses %q from %v", b.rule, b.from)
		}
	}
}

func TestFaults_Chain(t *testing.T) {
	g := graph{
		"example.org/a": {"example.org/b", "example.org/c", "fmt"},
		"example.org/b": {"example.org/a", "example.org/c"},
		"example.org/c": {"example.org/bad"},
		// Behind a fault nothing more is told.
		"example.org/bad": {"example.org/bad/too"},
	}
	b := boundary{rule: "a is good", from: []string{"example.org/a"}, deny: []string{"example.org/bad/..."}}
	if got := faults([]boundary{b}, g); got != nil {
		t.Errorf("faults of direct imports = %q; want none", got)
	}

	b.deep = true
	want := []string{"example.org/a imports example.org/c, which imports example.org/bad: a is good"}
	if diff := cmp.Diff(want, faults([]boundary{b}, g)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// graph is what each package imports, by import path.
type graph map[string][]string

// faults returns a line for each import in g that crosses one of bs, in the
// order of bs and then of the importing packages:
//
//	core/bus imports features/light: core never imports features, at any distance
func faults(bs []boundary, g graph) []string {
	var lines []string
	for _, b := range bs {
		for _, importer := range slices.Sorted(maps.Keys(g)) {
			if !matches(importer, "", b.from) || matches(importer, "", b.not) {
				continue
			}
			for _, chain := range crossings(b, g, importer) {
				lines = append(lines, strings.Join(chain, ", which imports ")+": "+b.rule)
			}
		}
	}
	return lines
}

// crossings returns a shortest chain to each package that importer must not
// import by b: "core/bus imports core/state", then one more package an element.
func crossings(b boundary, g graph, importer string) [][]string {
	var found [][]string
	seen := map[string]bool{importer: true}
	type step struct {
		at    string
		chain []string
	}
	for queue := []step{{at: importer}}; len(queue) > 0; queue = queue[1:] {
		for _, p := range g[queue[0].at] {
			if seen[p] {
				continue
			}
			seen[p] = true
			chain := []string{short(importer) + " imports " + short(p)}
			if before := queue[0].chain; before != nil {
				chain = append(slices.Clone(before), short(p))
			}
			switch {
			case matches(p, importer, b.deny) && !matches(p, importer, b.allow):
				found = append(found, chain)
			case b.deep:
				queue = append(queue, step{p, chain})
			}
		}
	}
	return found
}

// matches reports whether one of the patterns of a boundary is met by path. self
// is the importing package.
func matches(path, self string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch pattern {
		case "all":
			return true
		case "std":
			first, _, _ := strings.Cut(path, "/")
			return !strings.Contains(first, ".")
		case "self/...":
			pattern = self + "/..."
		case "parent":
			pattern = folder.Dir(self)
		}
		if strings.Contains(pattern, "*") {
			met, err := folder.Match(long(pattern), path)
			return met && err == nil
		}
		root, below := strings.CutSuffix(long(pattern), "/...")
		return path == root || below && strings.HasPrefix(path, root+"/")
	})
}

// long returns the path, or the pattern of paths, that begins with module where
// path begins with "./"; short does the contrary and leaves out the "./".
func long(path string) string {
	if rest, ok := strings.CutPrefix(path, "./"); ok {
		return strings.TrimSuffix(module+"/"+rest, "/")
	}
	return path
}

func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// listPackages returns what all packages of this module import, and what those
// import, at any distance, test files left out.
func listPackages(t testing.TB) graph {
	t.Helper()
	// A package that does not build is the compiler's to tell of: hence -e.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Dir,Imports,Module", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}

	g, own := make(graph), 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir string
			Imports         []string
			Module          struct{ Main bool }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		g[p.ImportPath] = p.Imports
		if p.Module.Main {
			own++
			// go test runs this test again, rather than show an old result,
			// when a folder that it has read has changed.
			if _, err := os.ReadDir(p.Dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, ok := g[module+"/plugins"]; !ok || own == 0 {
		t.Fatalf("go list found %d packages of %s and plugins: %t; want some, true", own, module, ok)
	}
	return g
}
