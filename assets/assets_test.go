package assets_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
	"github.com/global-presence/presence/assets"
)

// maxScript is the most that each script may weigh, in bytes after gzip -9.
const maxScript = 15_000

func newSet(tb testing.TB) *assets.Set {
	tb.Helper()
	s, err := assets.New()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestNew_Embedded also checks that the committed script is called by the hash
// of its content, since Load insists on it.
func TestNew_Embedded(t *testing.T) {
	s := newSet(t)
	for _, name := range []string{"app.css", "elements.css", "favicon.svg", "LICENSES.txt"} {
		f, ok := s.Lookup(s.URL(name))
		if !ok {
			t.Errorf("Lookup(%q) found nothing", s.URL(name))
			continue
		}
		if f.Name != name || len(f.Body()) == 0 {
			t.Errorf("Lookup(%q) = %q, %d bytes", s.URL(name), f.Name, len(f.Body()))
		}
	}
	if _, ok := s.Lookup("/assets/app.css"); ok {
		t.Error("a file is found without its hash")
	}
}

func TestNew_ScriptSize(t *testing.T) {
	s := newSet(t)
	for _, url := range []string{s.Script(), s.Elements()} {
		f, ok := s.Lookup(url)
		if !ok {
			t.Fatalf("Lookup(%q) found nothing", url)
		}
		if got := len(f.Gzip()); got > maxScript {
			t.Errorf("%s has %d bytes after gzip, want at most %d", f.Name, got, maxScript)
		}
		t.Logf("%s: %d bytes, gzip %d, brotli %d", f.Name, len(f.Body()), len(f.Gzip()), len(f.Brotli()))
	}
}

// TestLockfile holds the versions that the server's operations are written for
// and that no registry is named, so that whichever is configured serves.
func TestLockfile(t *testing.T) {
	data, err := os.ReadFile("client/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cable_ready":        "5.0.6",
		"morphdom":           "2.6.1",
		"@rails/actioncable": "8.1.400",
		"esbuild":            "0.28.2",
	} {
		if got := lock.Packages["node_modules/"+name].Version; got != want {
			t.Errorf("%s is locked at %q, want %q", name, got, want)
		}
	}
	for name, p := range lock.Packages {
		if name != "" && (p.Resolved != "" || p.Integrity == "") {
			t.Errorf("%s: resolved %q, integrity %q; want the second only", name, p.Resolved, p.Integrity)
		}
	}
}

func TestLicenses(t *testing.T) {
	s := newSet(t)
	f, _ := s.Lookup(s.URL("LICENSES.txt"))
	for _, want := range []string{
		"@rails/actioncable 8.1.400", "Copyright (c) 37signals LLC",
		"cable_ready 5.0.6", "Copyright (c) 2017 Nathan Hopkins",
		"morphdom 2.6.1", "Copyright (c) Patrick Steele-Idem",
	} {
		if !bytes.Contains(f.Body(), []byte(want)) {
			t.Errorf("LICENSES.txt does not name %q", want)
		}
	}
}

// tree returns files of these names and contents; to a script's name its hash is added.
func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, body := range files {
		if name == "live" || name == "elements" {
			name = "dist/" + name + "-" + assets.Hash([]byte(body)) + ".js"
		}
		fsys[name] = &fstest.MapFile{Data: []byte(body)}
	}
	return fsys
}

func TestLoad_OK(t *testing.T) {
	s, err := assets.Load(tree(map[string]string{"live": "let a = 1", "elements": "let b = 2", "css/app.css": "body{}"}))
	if err != nil {
		t.Fatal(err)
	}
	// printf 'body{}' | sha256sum
	if got, want := s.URL("app.css"), "/assets/app-7c98040a5416.css"; got != want {
		t.Errorf("URL = %q, want %q", got, want)
	}
	f, ok := s.Lookup(s.Script())
	if !ok || string(f.Body()) != "let a = 1" || f.ContentType != "text/javascript; charset=utf-8" {
		t.Errorf("Lookup(%q) = %+v, %v", s.Script(), f, ok)
	}
	if f, ok := s.Lookup(s.Elements()); !ok || string(f.Body()) != "let b = 2" {
		t.Errorf("Lookup(%q) = %+v, %v", s.Elements(), f, ok)
	}
	if got := len(s.Files()); got != 3 {
		t.Errorf("Files has %d files, want 3", got)
	}
}

func TestLoad_Errors(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"ErrNoScript":   {map[string]string{"elements": "b", "css/app.css": ""}, `no script "live"`},
		"ErrNoElements": {map[string]string{"live": "a", "css/app.css": ""}, `no script "elements"`},
		"ErrStale":      {map[string]string{"dist/live-000000000000.js": "let a"}, "should be called"},
		"ErrStranger":   {map[string]string{"dist/other-" + assets.Hash([]byte("a")) + ".js": "a"}, "should be called"},
		"ErrTwoScripts": {map[string]string{"live": "a", "x/live-" + assets.Hash([]byte("b")) + ".js": "b"}, "two scripts"},
		"ErrSameName":   {map[string]string{"live": "a", "a/x.css": "", "b/x.css": ""}, "two files"},
		"ErrType":       {map[string]string{"live": "a", "a/x.exe": ""}, "no content type"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := assets.Load(tree(test.files))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Load error = %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestNewFile wants a file made at run time to be like an embedded one.
func TestNewFile(t *testing.T) {
	s, err := assets.Load(tree(map[string]string{"live": "a", "elements": "b", "css/app.css": "body{}"}))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := s.Lookup(s.URL("app.css"))
	got := assets.NewFile("app.css", []byte("body{}"))
	if got.URL != want.URL || got.ETag != want.ETag || got.ContentType != want.ContentType || string(got.Body()) != "body{}" {
		t.Errorf("NewFile = %+v, want %+v", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("NewFile of an unknown kind did not panic")
		}
	}()
	assets.NewFile("a.exe", nil)
}

func TestSet_URL_Unknown(t *testing.T) {
	s := newSet(t)
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown file did not panic")
		}
	}()
	s.URL("nothing.css")
}

func TestFile_Encoded(t *testing.T) {
	body := strings.Repeat("body { color: red }\n", 100)
	s, err := assets.Load(tree(map[string]string{"live": "a", "elements": "b", "css/app.css": body}))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Lookup(s.URL("app.css"))
	for accept, want := range map[string]string{
		"gzip, deflate, br, zstd": "br",
		"br;q=0, GZIP;q=0.5":      "gzip",
		"br; q=0.000, gzip;q=0":   "",
		"brother, xgzip":          "",
		"":                        "",
	} {
		got, encoding := f.Encoded(accept)
		if encoding != want {
			t.Errorf("Encoded(%q) is %q, want %q", accept, encoding, want)
		}
		if plain := decode(t, got, encoding); plain != body {
			t.Errorf("Encoded(%q) decodes to %d bytes, want %d", accept, len(plain), len(body))
		}
	}
}

func decode(tb testing.TB, body []byte, encoding string) string {
	tb.Helper()
	var r io.Reader = bytes.NewReader(body)
	switch encoding {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			tb.Fatal(err)
		}
		r = z
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return string(plain)
}

func TestFile_Concurrent(t *testing.T) {
	s := newSet(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, f := range s.Files() {
				if len(f.Gzip()) == 0 || len(f.Brotli()) == 0 {
					t.Errorf("%s has an empty compressed form", path.Base(f.URL))
				}
			}
		})
	}
	wg.Wait()
}
