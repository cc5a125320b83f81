// Package assets holds what a page loads besides its HTML: the styles, the
// scripts and the icon, embedded in the binary.
//
// Every file has an address that contains a hash of its content,
// "/assets/app-5c1d0e2f9a3b.css", so that a browser may keep it for ever and a
// new version is never mistaken for an old one. Compressed forms are made once,
// when first asked for.
//
// The package is not a file server: it knows no HTTP beyond names and types.
//
// The scripts and LICENSES.txt in dist are built from client by `make assets`.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// Prefix is how the address of every asset starts.
const Prefix = "/assets/"

// CacheControl is the header for a file whose address names its content.
const CacheControl = "public, max-age=31536000, immutable"

//go:embed embed.js
var embedSource []byte

//go:embed dist/live-*.js dist/elements-*.js dist/LICENSES.txt css/*.css icons/*.svg
var embedded embed.FS

// Set is a fixed set of files. It may be used by many goroutines at once.
type Set struct {
	byName  map[string]*File
	byURL   map[string]*File
	scripts map[string]*File // by what their names begin with
}

// What the names of the scripts begin with: the binder, which every page needs, and
// the elements of package plugins/element.
const (
	live     = "live"
	elements = "elements"
)

// New returns the embedded files. An error means that the binary was built from
// a tree in which `make assets` had not run to its end.
func New() (*Set, error) { return Load(embedded) }

// Load returns the files of fsys, in whatever folders they are. It wants exactly
// two scripts, "live-HASH.js" and "elements-HASH.js", whose names tell the hash of
// their content, and no two files of one name.
func Load(fsys fs.FS) (*Set, error) {
	s := &Set{byName: map[string]*File{}, byURL: map[string]*File{}, scripts: map[string]*File{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return s.add(path.Base(name), body)
	})
	for _, script := range []string{live, elements} {
		if err == nil && s.scripts[script] == nil {
			err = fmt.Errorf("no script %q", script)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	return s, nil
}

func (s *Set) add(name string, body []byte) error {
	if s.byName[name] != nil {
		return fmt.Errorf("two files are called %q", name)
	}
	ext := path.Ext(name)
	if _, ok := types[ext]; !ok {
		return fmt.Errorf("no content type known for %q", name)
	}
	f := NewFile(name, body)
	if ext == ".js" {
		script, _, _ := strings.Cut(name, "-")
		if script != elements {
			script = live
		}
		if want := script + "-" + Hash(body) + ext; name != want {
			return fmt.Errorf("script %q should be called %q", name, want)
		}
		if old := s.scripts[script]; old != nil {
			return fmt.Errorf("two scripts: %q and %q", old.Name, name)
		}
		s.scripts[script] = f
		f.URL = Prefix + name // the hash is in it already
	}
	s.byName[name], s.byURL[f.URL] = f, f
	return nil
}

// URL returns the address of a file by its name in the tree, such as "app.css",
// "favicon.svg" or "LICENSES.txt":
//
//	/assets/app-5c1d0e2f9a3b.css
//
// It panics when there is no such file, which is a mistake in the line that
// calls it.
func (s *Set) URL(name string) string {
	f := s.byName[name]
	if f == nil {
		panic(fmt.Sprintf("no asset %q", name))
	}
	return f.URL
}

// Script returns the address of the script that every page needs.
func (s *Set) Script() string { return s.scripts[live].URL }

// Elements returns the address of the script with the elements of package
// plugins/element. A page without any of them works without it.
func (s *Set) Elements() string { return s.scripts[elements].URL }

// Embed returns the script by which pages of other sites show a feature. It has a fixed
// address, "/embed.js", so its URL is not used.
var Embed = sync.OnceValue(func() *File { return NewFile("embed.js", embedSource) })

// Lookup returns the file at a path such as "/assets/app-5c1d0e2f9a3b.css".
func (s *Set) Lookup(urlPath string) (*File, bool) {
	f, ok := s.byURL[urlPath]
	return f, ok
}

// Files returns all files, ordered by address.
func (s *Set) Files() []*File {
	files := make([]*File, 0, len(s.byURL))
	for _, f := range s.byURL {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.URL, b.URL) })
	return files
}

// Hash returns the hash that an address contains: the first 12 hexadecimal
// digits of the SHA-256 of body. client/bundle.mjs names the scripts by it too.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:6])
}
