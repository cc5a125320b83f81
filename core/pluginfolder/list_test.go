package pluginfolder_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/pluginfolder"
)

// shelf is a folder with one of each.
func shelf(t *testing.T) *world {
	w := newWorld(t)
	w.put("a", program("claps", "v1"), 0o755)
	w.put("b", program("claps", "v2"), 0o755)
	w.put("bad\x1b", "#!/bin/false\nerror=no manifest\n", 0o755)
	w.put("half.wasm", string(moduleBytes("half", "v1")[:100]), 0o644)
	w.put("list.wasm", string(moduleBytes("list", "v1")), 0o644)
	w.put("readme", "words", 0o644)
	w.put(".hidden", "words", 0o644)
	return w
}

func TestList(t *testing.T) {
	w := shelf(t)
	cfg := w.config()
	cfg.Host = nil
	var out strings.Builder
	err := pluginfolder.List(t.Context(), cfg, &out, false)
	if err == nil || err.Error() != "3 files would not run" {
		t.Errorf("List = %v, want 3 files that would not run", err)
	}
	short := func(content string) string { return digest(content)[:12] }
	want := strings.Join([]string{
		"FILE|KIND|FEATURE|TITLE|DIGEST|VERDICT",
		"a|process|claps|T|" + short(program("claps", "v1")) + "|ok",
		"b|process|claps|T|" + short(program("claps", "v2")) + `|refused: a is the feature "claps" too → remove one of the two files, or give one another name`,
		`bad\x1b|process|-|-|` + short("#!/bin/false\nerror=no manifest\n") + "|refused: it does not start as a feature: no manifest → start it by hand: a feature says what it is",
		"half.wasm|wasm|-|-|-|not whole: the WebAssembly module has 100 bytes of at least 242 → if nobody is copying it, copy or build it again",
		"list.wasm|wasm|list|T|" + short(string(moduleBytes("list", "v1"))) + "|ok",
		"readme|-|-|-|-|ignored: it is neither executable nor WebAssembly",
	}, "\n")
	got := regexp.MustCompile(` {2,}`).ReplaceAllString(strings.TrimSpace(out.String()), "|")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if dirs := copies(t, cfg.Staging); dirs != nil {
		t.Errorf("left: %q", dirs)
	}
}

func TestList_JSON(t *testing.T) {
	w := shelf(t)
	cfg := w.config()
	cfg.Lock = filepath.Join(w.dir, "lock")
	write(t, cfg.Lock, line("list.wasm", string(moduleBytes("list", "v1")))+line("readme", "words"), 0o644)
	var out strings.Builder
	if err := pluginfolder.List(t.Context(), cfg, &out, true); err == nil {
		t.Error("List = nil, want an error")
	}
	var got []pluginfolder.Listed
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 6 {
		t.Fatalf("List wrote\n%s\nwant six files: the lock is none", &out)
	}
	states := map[string]pluginfolder.State{}
	for _, l := range got {
		states[l.File] = l.State
	}
	want := map[string]pluginfolder.State{"a": "refused", "b": "refused", "bad\x1b": "refused", "half.wasm": "waiting", "list.wasm": "running", "readme": "ignored"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pluginfolder.Listed{
		File: "list.wasm", Kind: pluginfolder.WebAssembly, Digest: digest(string(moduleBytes("list", "v1"))), Feature: "list", Title: "T", SDK: "v1", State: pluginfolder.Running,
	}, got[4]); diff != "" {
		t.Errorf("the module (-want +got):\n%s", diff)
	}
	if w.probed.Load() != 1 {
		t.Errorf("%d programs were started, want 1: what the lock does not allow is not", w.probed.Load())
	}
}

func TestList_emptyAndMissing(t *testing.T) {
	w := newWorld(t)
	var out strings.Builder
	if err := pluginfolder.List(t.Context(), w.config(), &out, false); err != nil || out.String() != "There are no files.\n" {
		t.Errorf("List of nothing = %v, wrote %q", err, &out)
	}
	out.Reset()
	if err := pluginfolder.List(t.Context(), w.config(), &out, true); err != nil || out.String() != "[]\n" {
		t.Errorf("List of nothing = %v, wrote %q", err, &out)
	}
	w.dir = filepath.Join(w.dir, "missing")
	if err := pluginfolder.List(t.Context(), w.config(), &out, false); err == nil || !os.IsNotExist(err) {
		t.Errorf("List of no folder = %v", err)
	}
}
