// Package golden compares what a feature renders with files that people read.
package golden

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/markup"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// Render renders v with f, checks the fragments as a host does, and compares them
// with the file testdata/NAME.html of the calling package. With -update it writes
// the file.
func Render(tb testing.TB, name string, f plugins.Feature, v plugins.View) []plugins.Fragment {
	tb.Helper()
	v.Feature = f.Manifest().Name
	if v.Room == "" {
		v.Room = "home"
	}
	fragments, err := f.Render(tb.Context(), v)
	if err != nil {
		tb.Fatalf("Render: %v", err)
	}
	for _, fragment := range fragments {
		if err := markup.Check(v.Feature, fragment.ID, fragment.HTML); err != nil {
			tb.Error(err)
		}
		for _, op := range fragment.Patch {
			if err := op.Broadcastable(); err != nil {
				tb.Errorf("patch of %s: %v", fragment.ID, err)
			}
		}
	}
	got := text(tb, fragments)
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("read golden file, which -update writes: %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("Render differs from %s (-want +got):\n%s", path, diff)
	}
	return fragments
}

// text writes fragments one after the other, each under a line that says who
// sees it and followed by the operations of its patch.
func text(tb testing.TB, fragments []plugins.Fragment) string {
	tb.Helper()
	var b strings.Builder
	for _, f := range fragments {
		audience := "the room"
		switch {
		case f.Audience.Session != "":
			audience = "session " + f.Audience.Session
		case f.Audience.User != "":
			audience = "user " + f.Audience.User
		}
		fmt.Fprintf(&b, "<!-- %s, for %s -->\n%s\n", f.ID, audience, f.HTML)
		for _, op := range f.Patch {
			data, err := op.MarshalJSON() // json.Marshal would escape the HTML in it
			if err != nil {
				tb.Fatalf("encode patch of %s: %v", f.ID, err)
			}
			fmt.Fprintf(&b, "<!-- patch %s -->\n", data)
		}
	}
	if len(fragments) == 0 {
		b.WriteString("<!-- nothing -->\n")
	}
	return b.String()
}
