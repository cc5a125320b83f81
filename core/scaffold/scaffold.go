// Package scaffold writes new features: a folder with a feature that works, its tests
// and what its author has to know.
//
// Feature and program are one package main in one folder. That costs an author who
// wants to import the feature elsewhere a second folder; everybody else has one place
// to look at, and one main that builds to a process and to WebAssembly.
package scaffold

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/global-presence/presence/plugins"
)

// Module is the path of the module that a feature requires.
const Module = "github.com/global-presence/presence"

// Config says what to write. Name and Source are required.
type Config struct {
	// Name is the feature's, by the rules of plugins.Manifest.Name.
	Name string

	// Parent is the folder in which the folder Name is made. Default: the current one.
	Parent string

	// WebAssembly makes a feature that stays small as a module: without a template
	// engine.
	WebAssembly bool

	// Source is where the module comes from that the feature requires.
	Source Source

	// Taken are names that features of the page have already.
	Taken []string

	// Tidy writes the folder's go.sum. Default: `go mod tidy`.
	Tidy func(ctx context.Context, dir string) error
}

// Result is what New has written.
type Result struct {
	// Dir is the new folder, below Config.Parent as that was given.
	Dir string

	// Files are the names of the files in it, sorted, with slashes.
	Files []string

	// Untidy is why there is no go.sum, or nil. The files are complete; `go mod tidy`
	// makes it.
	Untidy error
}

//go:embed templates
var templates embed.FS

// Check reports all that is wrong, joined.
func (c Config) Check() error {
	var errs []error
	m := plugins.Manifest{Name: c.Name, Title: "a title"}
	switch {
	case m.Validate() != nil:
		errs = append(errs, fmt.Errorf("name is %q; want lower-case letters, digits and hyphens, starting with a letter, at most 32 characters, such as shopping-list", c.Name))
	case c.Name == "main":
		errs = append(errs, errors.New(`name is "main"; want another one, since main.go is the program around the feature`))
	case slices.Contains(c.Taken, c.Name):
		errs = append(errs, fmt.Errorf("name is %q; want another one, since a feature of the page has it already", c.Name))
	case slices.ContainsFunc(c.Taken, func(other string) bool { return plugins.TooClose(c.Name, other) }):
		errs = append(errs, fmt.Errorf("name is %q; want one that does not begin like another feature's name and a hyphen, or the other way round: their ids could be mistaken", c.Name))
	default:
		if _, err := os.Lstat(c.dir()); err == nil {
			errs = append(errs, fmt.Errorf("%s is there already; want a name that is free, or another --dir", c.dir()))
		}
	}
	if c.Parent != "" {
		if info, err := os.Stat(c.Parent); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("--dir is %q; want a folder that exists", c.Parent))
		}
	}
	return errors.Join(errs...)
}

func (c Config) dir() string { return filepath.Join(c.Parent, c.Name) }

// New makes the folder with all its files, or nothing at all.
func New(ctx context.Context, c Config) (Result, error) {
	if err := c.Check(); err != nil {
		return Result{}, err
	}
	if c.Tidy == nil {
		c.Tidy = tidy
	}
	files, err := c.render()
	if err != nil {
		return Result{}, err
	}
	r := Result{Dir: c.dir()}
	if err := os.Mkdir(r.Dir, 0o755); err != nil { // it is there since Check: nothing of it is touched
		return Result{}, fmt.Errorf("make folder: %w", err)
	}
	for name, content := range files {
		r.Files = append(r.Files, name)
		file := filepath.Join(r.Dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, content, 0o644)); err != nil {
			return Result{}, errors.Join(fmt.Errorf("write feature: %w", err), os.RemoveAll(r.Dir))
		}
	}
	if r.Untidy = c.Tidy(ctx, r.Dir); r.Untidy == nil {
		r.Files = append(r.Files, "go.sum")
	}
	slices.Sort(r.Files)
	return r, nil
}

// render returns the files by name.
func (c Config) render() (map[string][]byte, error) {
	names := map[string]string{
		"process.go.tmpl": c.Name + ".go", "main.go.tmpl": "main.go", "test.go.tmpl": c.Name + "_test.go",
		"empty.html.tmpl": "testdata/empty.html", "lines.html.tmpl": "testdata/lines.html",
		"go.mod.tmpl": "go.mod", "README.md.tmpl": "README.md", "gitignore.tmpl": ".gitignore",
	}
	if c.WebAssembly {
		delete(names, "process.go.tmpl")
		names["wasm.go.tmpl"] = c.Name + ".go"
	}
	version, replace := c.Source.require()
	data := map[string]any{
		"Name": c.Name, "Type": typeName(c.Name), "Title": title(c.Name), "WebAssembly": c.WebAssembly,
		"Module": Module, "Version": version, "Replace": replace,
	}
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	all, err := template.New("").Delims("[[", "]]").Option("missingkey=error").ParseFS(sub, "*.tmpl")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(names))
	for from, to := range names {
		var b bytes.Buffer
		if err := all.ExecuteTemplate(&b, from, data); err != nil {
			return nil, fmt.Errorf("write %s: %w", to, err)
		}
		files[to] = b.Bytes()
		if path.Ext(to) == ".go" { // a long name breaks lines that a short one does not
			if files[to], err = format.Source(b.Bytes()); err != nil {
				return nil, fmt.Errorf("write %s: %w", to, err)
			}
		}
	}
	return files, nil
}

// typeName makes "ShoppingList" of "shopping-list".
func typeName(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(upperFirst(word))
	}
	return b.String()
}

// title makes "Shopping list" of "shopping-list".
func title(name string) string {
	return upperFirst(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' }), " "))
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// tidy runs `go mod tidy`, which also writes the requirements of requirements into
// go.mod: without them no go command would build.
func tidy(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
