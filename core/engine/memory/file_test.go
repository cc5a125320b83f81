package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// written makes a file with some state in it and returns its path.
func written(tb testing.TB, site string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "state.db")
	e := open(tb, memory.Config{File: file, Site: site})
	stop := start(tb, e)
	for i := range 20 {
		b := count(fmt.Sprint("e", i))
		for f := range 20 {
			b.Changes = append(b.Changes, engine.Change{Cell: state.Cell{
				Room: "home", Feature: "demo", Field: fmt.Sprint("f", f), Kind: plugins.Register, Value: strings.Repeat("x", 200),
			}})
		}
		if _, err := e.Append(tb.Context(), b); err != nil {
			tb.Fatal(err)
		}
	}
	stop()
	if err := e.Close(); err != nil {
		tb.Fatal(err)
	}
	return file
}

// edit changes a file behind the engine's back.
func edit(tb testing.TB, file string, change func(tx *bolt.Tx) error) {
	tb.Helper()
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		tb.Fatal(err)
	}
}

func TestOpen_unfitFile(t *testing.T) {
	fill := func(content []byte) func(testing.TB) string {
		return func(tb testing.TB) string {
			file := filepath.Join(tb.TempDir(), "state.db")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				tb.Fatal(err)
			}
			return file
		}
	}
	edited := func(bucket, key, value string) func(testing.TB) string {
		return func(tb testing.TB) string {
			file := written(tb, "dev")
			edit(tb, file, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(value)) })
			return file
		}
	}
	for _, c := range []struct {
		name string
		file func(tb testing.TB) string
		want string
	}{
		{"a folder", func(tb testing.TB) string { return tb.TempDir() }, "it is not a regular file"},
		{"in no folder", func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "gone", "state.db") }, "there is no folder"},
		{"below a file", func(tb testing.TB) string { return filepath.Join(fill([]byte("x"))(tb), "state.db") }, "there is no folder"},
		{"a short text", fill([]byte("hello")), "it is damaged or not a state file"},
		{"a long text", fill(bytes.Repeat([]byte("hello\n"), 10_000)), "it is damaged or not a state file"},
		{"cut off", func(tb testing.TB) string {
			file := written(tb, "dev")
			if err := os.Truncate(file, 12<<10); err != nil {
				tb.Fatal(err)
			}
			return file
		}, "it is damaged"},
		{"of another program", func(tb testing.TB) string {
			file := filepath.Join(tb.TempDir(), "state.db")
			edit(tb, file, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("recipes")); return err })
			return file
		}, "it belongs to another program"},
		{"of a newer version", edited("meta", "format", "7"), "it has format 7 and this program knows formats up to 1: use a newer one"},
		{"of no version", edited("meta", "format", "one"), `it is damaged: format "one"`},
		{"of another site", func(tb testing.TB) string { return written(tb, "lhr") }, `it holds site "lhr", not "dev"`},
		{"with a broken entry", edited("log", "0123456789abcdef", "{"), "it is damaged: decode log entry"},
		{"with a broken cell", edited("state", "home\x00demo\x00c\x00", "{"), "it is damaged: decode cell"},
		{"with a broken address", edited("state", "home", "{}"), "it is damaged: decode cell: address"},
		{"without a part", func(tb testing.TB) string {
			file := written(tb, "dev")
			edit(tb, file, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("log")) })
			return file
		}, "it is damaged: a part is missing"},
		{"in use", func(tb testing.TB) string {
			file := written(tb, "dev")
			open(tb, memory.Config{File: file})
			return file
		}, "another process uses it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.file(t)
			began := time.Now()
			e, err := memory.Open(memory.Config{File: file})
			if err == nil {
				e.Close()
				t.Fatal("Open = nil, want an error")
			}
			if got := err.Error(); !strings.HasPrefix(got, fmt.Sprintf("open state file %q: %s", file, c.want)) || strings.Contains(got, "\n") {
				t.Errorf("Open = %q, want one line: open state file %q: %s", got, file, c.want)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("Open took %v, want it to wait a moment at most", took)
			}
			if c.name == "cut off" {
				return // bbolt fails half-way, and its mapping keeps the lock until the process ends
			}
			if _, again := memory.Open(memory.Config{File: file}); again == nil || again.Error() != err.Error() {
				t.Errorf("Open again = %v, want the same, since the first one gave the lock back", again)
			}
		})
	}
}

func TestOpen_noPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	file := written(t, "dev")
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open(memory.Config{File: file}); err == nil || !strings.HasSuffix(err.Error(), "no permission to read and write it") {
		t.Errorf("Open = %v", err)
	}
}

// Whatever page of a file is lost, Open reports it or does not need the page; it
// never takes the process down.
func TestOpen_damagedPage(t *testing.T) {
	whole, err := os.ReadFile(written(t, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	refused := 0
	for at := 0; at < len(whole); at += page {
		for _, fill := range []byte{0x00, 0xff, 0x41} {
			file := filepath.Join(t.TempDir(), "state.db")
			content := slices.Clone(whole)
			for i := range page {
				content[at+i] = fill
			}
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := memory.Open(memory.Config{File: file})
			if err == nil {
				e.Close()
				continue
			}
			refused++
			if !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "\n") {
				t.Errorf("page %d filled with %x: %v", at/page, fill, err)
			}
		}
	}
	if refused == 0 {
		t.Error("no page was missed")
	}
}

func TestOpen_config(t *testing.T) {
	_, err := memory.Open(memory.Config{Site: "LHR 2", LogEntries: -1, LogBytes: -1})
	if err == nil || strings.Count(err.Error(), "want") != 3 {
		t.Errorf("Open = %v, want all three faults", err)
	}
	e := open(t, memory.Config{})
	if got := e.Site(); got != "dev" {
		t.Errorf("Site() = %q, want dev", got)
	}
	one, _ := e.Secret()
	two, _ := open(t, memory.Config{}).Secret()
	if len(one) != 32 || bytes.Equal(one, two) {
		t.Errorf("secrets %x and %x, want two of 32 bytes", one, two)
	}
}

func TestOpen_mode(t *testing.T) {
	info, err := os.Stat(written(t, "dev"))
	if err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
}

// What ends with the process does not touch the disk.
func TestOpen_modeOfExistingFile(t *testing.T) {
	for _, c := range []struct {
		name string
		file func(testing.TB) string
		mode fs.FileMode
		warn string // the mode in the warning
	}{
		{"readable by others", func(tb testing.TB) string { return written(tb, "dev") }, 0o644, "-rw-r--r--"},
		{"writable by the group", func(tb testing.TB) string { return written(tb, "dev") }, 0o660, "-rw-rw----"},
		{"the owner's alone", func(tb testing.TB) string { return written(tb, "dev") }, 0o600, ""},
		{"empty", func(tb testing.TB) string {
			file := filepath.Join(tb.TempDir(), "state.db")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				tb.Fatal(err)
			}
			return file
		}, 0o644, "-rw-r--r--"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.file(t)
			if err := os.Chmod(file, c.mode); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			open(t, memory.Config{File: file, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
			}
			if said := log.String(); c.warn == "" && said != "" || !strings.Contains(said, c.warn) {
				t.Errorf("log = %q, want a warning with %q", said, c.warn)
			}
		})
	}
}

// A file that turns out to be somebody else's is left as it was.
func TestOpen_modeOfForeignFile(t *testing.T) {
	file := written(t, "lhr")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open(memory.Config{File: file}); err == nil {
		t.Fatal("Open = nil, want an error")
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode = %v, %v; want 0644", info.Mode(), err)
	}
}

func TestEngine_Append_leavesTheDiskAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	e := open(t, memory.Config{File: file})
	stop := start(t, e)
	if _, err := e.Append(t.Context(), count("e1")); err != nil {
		t.Fatal(err)
	}
	read := func() []byte {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := read()
	for range 10 {
		if _, err := e.Append(t.Context(), mark()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(before, read()) {
		t.Error("beats and members changed the file")
	}
	both := mark()
	both.Changes = append(both.Changes, count("").Changes...)
	last, err := e.Append(t.Context(), both)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, memory.Config{File: file})
	cells, at, err := again.Load(t.Context(), "home")
	if err != nil || len(cells) != 1 || cells[0].Value != "2" || at["dev"] != last {
		t.Errorf("Load = %+v, %v, %v; want the counter alone at %s", cells, at, err, last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_ = again.Tail(ctx, nil, func(ds []engine.Delivery) error {
		defer cancel()
		want := []engine.Delivery{
			{Entry: engine.Entry{Site: "dev", ID: ds[0].ID, Binary: "b1", Events: []string{"e1"}, Cells: []state.Cell{ds[0].Cells[0]}}},
			{Entry: engine.Entry{Site: "dev", ID: last, Binary: "b1", Events: []string{"moved"}, Cells: []state.Cell{{
				Room: "home", Feature: "demo", Field: "c", Kind: plugins.Counter, Value: "2",
				Stamp: state.Stamp{ID: last, Site: "dev", Index: 2}, // its place in the whole entry
			}}}},
		}
		if diff := cmp.Diff(want, ds); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestEngine_Close(t *testing.T) {
	e := open(t, memory.Config{File: filepath.Join(t.TempDir(), "state.db")})
	defer start(t, e)()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	for name, b := range map[string]engine.Batch{"durable": count("e"), "member": mark()} {
		if _, err := e.Append(t.Context(), b); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Append of a %s batch after Close = %v, want ErrUnavailable", name, err)
		}
	}
}

// The log is bounded in bytes too, and never loses its newest entry.
func TestEngine_logBytes(t *testing.T) {
	e := open(t, memory.Config{LogBytes: 10_000})
	defer start(t, e)()
	var last state.ID
	for i := range 50 {
		b := mark()
		b.Events = []string{fmt.Sprint(i)}
		size := 2000
		if i == 49 {
			size = plugins.MaxValueSize
			b.Changes = append(b.Changes, slices.Repeat(b.Changes[:1], 3)...)
		}
		for c := range b.Changes {
			b.Changes[c].Cell.Value = strings.Repeat("x", size)
		}
		var err error
		if last, err = e.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		want := min(i+1, 2) // of 4,500 bytes each, until one of more than all
		if i == 49 {
			want = 1
		}
		ctx, cancel := context.WithCancel(t.Context())
		_ = e.Tail(ctx, nil, func(ds []engine.Delivery) error {
			defer cancel()
			if len(ds) != want || ds[len(ds)-1].ID != last {
				t.Errorf("log holds %d entries after %d, want %d", len(ds), i+1, want)
			}
			return nil
		})
		cancel()
	}
}
