package pluginfolder_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/pluginfolder"
)

func TestParseLock_errors(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name, text string
		want       string // "" for none
	}{
		{"OK", hash + "  claps\n", ""},
		{"NoLineBreak", hash + "  claps", ""},
		{"Empty", "", ""},
		{"Comments", "# what runs\n\n  # more\r\n" + hash + "  claps\n", ""},
		{"Binary", hash + " *claps\n", ""},
		{"UpperCase", strings.ToUpper(hash) + "  claps\n", ""},
		{"DOS", hash + "  claps\r\n", ""},
		{"NameOfSpaces", hash + "  c l a p s \n", ""},
		{"Escaped", `\` + hash + `  a\\b\nc\rd` + "\n", ""},
		{"Prose", "\nclaps is fine\n", `line 2: "claps is fine"; want 64 hexadecimal digits, two spaces and the name of a file, as sha256sum prints them`},
		{"NoName", hash + "  \n", `line 1: "` + hash + `  "; want 64`},
		{"OneSpace", hash + " claps\n", "line 1: "},
		{"MD5", strings.Repeat("ab", 16) + "  claps\n", "line 1: "},
		{"NotHex", strings.Repeat("xy", 32) + "  claps\n", `line 1: "` + strings.Repeat("xy", 32) + `"; want a SHA-256 of 64 hexadecimal digits`},
		{"Folder", hash + "  plugins/claps\n", `line 1: name "plugins/claps"; want a file's name without its folder: run sha256sum in the folder`},
		{"Dots", hash + "  ..\n", `line 1: name ".."`},
		{"BadEscape", `\` + hash + `  a\b` + "\n", `line 1: name "a\\b"; want only \\, \n and \r`},
		{"EscapeAtEnd", `\` + hash + `  a\` + "\n", `line 1: name "a\\"`},
		{"Twice", hash + "  claps\n#\n" + hash + "  claps\n", `line 3: "claps" is in line 1 already; want each file once`},
		{"Two", "x\n" + hash + "  claps\ny\n", "line 1: \"x\"; want 64 hexadecimal digits, two spaces and the name of a file, as sha256sum prints them\nline 3: "},
		{"Many", strings.Repeat("x\n", 100), "\nand more"},
		{"Huge", strings.Repeat("#\n", 1<<20), "more than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pluginfolder.ParseLock(strings.NewReader(tt.text))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("ParseLock = %v, want %q", err, tt.want)
			}
		})
	}
}

// Digests prints what sha256sum prints, and a lock is what either prints.
func TestDigests_sha256sum(t *testing.T) {
	names := []string{"claps", "list.wasm", "with space ", `back\slash`, "line\nbreak", "*star", "#hash"}
	dir := t.TempDir()
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
		write(t, paths[len(paths)-1], "content of "+name, 0o644)
	}
	var got bytes.Buffer
	if err := pluginfolder.Digests(&got, paths...); err != nil {
		t.Fatal(err)
	}
	if _, err := pluginfolder.ParseLock(bytes.NewReader(got.Bytes())); err != nil {
		t.Errorf("ParseLock of it: %v", err)
	}
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("sha256sum is missing: it is in coreutils")
	}
	cmd := exec.Command("sha256sum", append([]string{"--"}, names...)...)
	cmd.Dir = dir
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("Digests (-sha256sum +got):\n%s", diff)
	}
}

func TestDigests_errors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "claps"), "", 0o644)
	var out strings.Builder
	err := pluginfolder.Digests(&out, filepath.Join(dir, "a"), filepath.Join(dir, "claps"), filepath.Join(dir, "b"))
	if err == nil || !strings.Contains(err.Error(), "a: no such file") || !strings.Contains(err.Error(), "b: no such file") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Digests = %v, want both files that are missing", err)
	}
	if want := fmt.Sprintf("%x  claps\n", sha256.Sum256(nil)); out.String() != want {
		t.Errorf("Digests wrote %q, want %q", out.String(), want)
	}
}

func digest(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

func line(name, content string) string { return digest(content) + "  " + name + "\n" }

func TestFolder_Run_Lock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		v1, v2, list := program("claps", "v1"), program("claps", "v2"), string(moduleBytes("list", "v1"))
		w.put("claps", v1, 0o755)
		w.put("list.wasm", list, 0o644)
		cfg := w.config()
		cfg.Lock = w.path("presence.lock") // beside what it lists, and no plugin
		w.put("presence.lock", line("claps", v1), 0o755)
		w.watch(cfg)
		w.settled("add claps v1")
		w.refused("list.wasm", "presence.lock does not list it; its SHA-256 is "+digest(list))

		w.put("claps", v2, 0o755)
		w.settled()
		w.refused("claps", "its SHA-256 is "+digest(v2)+", and line 1 of ", "presence.lock wants "+digest(v1))
		probed := w.probed.Load()
		if probed != 1 {
			t.Errorf("%d programs were started, want 1: what the lock does not allow is not", probed)
		}

		w.put("presence.lock", line("claps", v2)+line("list.wasm", list), 0o644)
		w.rest(3 * time.Second) // the lock rests, then the files are judged
		w.asked("replace claps v2", "add list v1")

		w.put("presence.lock", line("list.wasm", list), 0o644)
		w.rest(3 * time.Second)
		w.asked() // what runs goes on
		w.last("claps", "does not list it")

		w.put("presence.lock", "rubbish", 0o644)
		w.rest(3 * time.Second)
		w.put("more.wasm", string(moduleBytes("more", "v1")), 0o644)
		w.settled()
		w.refused("more.wasm", `the lock cannot be used: `, `line 1: "rubbish"; want 64`)
		w.must(os.Remove(w.path("presence.lock")))
		w.rest(3 * time.Second)
		w.last("more.wasm", "no such file")
		w.asked()

		w.move("presence.lock", line("list.wasm", list)+line("claps", v2)+line("more.wasm", string(moduleBytes("more", "v1"))), 0o644)
		w.rest(3 * time.Second)
		w.asked("add more v1")
		if got := w.messages()["no plugin is started: the lock cannot be used"]; got != 2 {
			t.Errorf("that the lock cannot be used was told %d times, want 2", got)
		}
	})
}

// While a lock is being written, nothing is judged by what is there of it.
func TestFolder_Run_LockInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		v1 := program("claps", "v1")
		cfg := w.config()
		cfg.Lock = filepath.Join(t.TempDir(), "lock")
		write(t, cfg.Lock, "", 0o644)
		w.watch(cfg)
		w.put("claps", v1, 0o755)
		whole := line("list.wasm", "x") + line("claps", v1)
		for i := 0; i < len(whole); i += 20 {
			write(t, cfg.Lock, whole[:i+1], 0o644)
			w.rest(700 * time.Millisecond)
			w.asked()
		}
		write(t, cfg.Lock, whole, 0o644)
		w.rest(3 * time.Second)
		w.asked("add claps v1")
		if lines := w.log.about(t, "claps"); lines != nil {
			t.Errorf("logged meanwhile: %q", lines)
		}
	})
}

// A lock that is touched all the time stops nobody.
func TestFolder_Run_LockNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		v1 := program("claps", "v1")
		cfg := w.config()
		cfg.Lock = filepath.Join(t.TempDir(), "lock")
		write(t, cfg.Lock, line("claps", v1), 0o644)
		w.watch(cfg)
		w.put("claps", v1, 0o755)
		for i := range 30 {
			w.must(os.Chtimes(cfg.Lock, time.Time{}, time.Unix(int64(i), 0)))
			w.rest(500 * time.Millisecond)
		}
		w.asked("add claps v1")
	})
}

// Whatever a lock says is read or refused as a whole; and what Digests writes of a name
// is read as that name.
func FuzzParseLock(f *testing.F) {
	f.Add("claps", line("claps", "x"))
	f.Add(`a\b`+"\n\r", "# c\r\n\\"+line(`a\\b\n`, "x"))
	f.Add(" ", line("claps", "x")+line("claps", "x"))
	f.Add("*", strings.Repeat("0", 64)+" *x")
	f.Fuzz(func(t *testing.T, name, text string) {
		l, err := pluginfolder.ParseLock(strings.NewReader(text))
		if (l == nil) == (err == nil) {
			t.Fatalf("ParseLock = %v, %v", l, err)
		}
		if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
			return // no file's name
		}
		d := pluginfolder.Digest(sha256.Sum256([]byte(name)))
		l, err = pluginfolder.ParseLock(strings.NewReader("# first\n" + pluginfolder.LockLine(name, d)))
		if err != nil {
			t.Fatalf("ParseLock of the line of %q: %v", name, err)
		}
		if err := l.Check(name, d); err != nil {
			t.Errorf("the line of %q: %v", name, err)
		}
		if err := l.Check(name, pluginfolder.Digest{}); err == nil {
			t.Errorf("the line of %q allows another content", name)
		}
	})
}
