package pluginfolder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/pluginfolder"
	"github.com/global-presence/presence/plugins"
)

// journal is a log that a test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
	t  io.Writer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.t.Write(p)
	return j.b.Write(p)
}

// lines returns what was logged, without times; "" for all levels from Info on.
func (j *journal) lines(tb testing.TB) []map[string]any {
	tb.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []map[string]any
	for raw := range bytes.Lines(j.b.Bytes()) {
		var line map[string]any
		if err := json.Unmarshal(raw, &line); err != nil {
			tb.Fatalf("log line %q: %v", raw, err)
		}
		all = append(all, line)
	}
	return all
}

// about returns the reasons of the warnings about a file.
func (j *journal) about(tb testing.TB, file string) []string {
	tb.Helper()
	var reasons []string
	for _, line := range j.lines(tb) {
		if reason, ok := line["reason"].(string); ok && line["file"] == file && line["level"] == "WARN" {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// host remembers what it was asked, a line each: "add claps v1".
type host struct {
	mu     sync.Mutex
	asked  []string
	refuse map[string]error // by line
	runs   map[string]pluginfolder.Program
}

func (h *host) ask(what string, p pluginfolder.Program) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	content, err := os.ReadFile(p.Path)
	if err != nil {
		return err
	}
	line := what + " " + p.Manifest.Name
	if m := versionLine.FindSubmatch(content); m != nil {
		line += " " + string(m[1])
	}
	h.asked = append(h.asked, line)
	if err := h.refuse[line]; err != nil {
		return err
	}
	if h.runs == nil {
		h.runs = make(map[string]pluginfolder.Program)
	}
	h.runs[p.Manifest.Name] = p
	return nil
}

func (h *host) Add(_ context.Context, p pluginfolder.Program) error {
	if _, ok := h.program(p.Manifest.Name); ok {
		return errors.New("it is there already")
	}
	return h.ask("add", p)
}

func (h *host) Replace(_ context.Context, p pluginfolder.Program) error {
	if _, ok := h.program(p.Manifest.Name); !ok {
		return errors.New("there is no such feature")
	}
	return h.ask("replace", p)
}

func (h *host) Remove(_ context.Context, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, "remove "+name)
	if _, ok := h.runs[name]; !ok {
		return errors.New("there is no such feature")
	}
	delete(h.runs, name)
	return nil
}

func (h *host) program(name string) (pluginfolder.Program, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.runs[name]
	return p, ok
}

// take returns what was asked since the last time.
func (h *host) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	return asked
}

var (
	nameLine    = regexp.MustCompile(`feature=([^\n]+)`)
	versionLine = regexp.MustCompile(`version=([^\n]+)`)
	errorLine   = regexp.MustCompile(`error=([^\n]+)`)
)

// program is the text of a program that the tests' probe understands.
func program(feature, version string) string {
	return fmt.Sprintf("#!/bin/false\nfeature=%s\nversion=%s\n", feature, version)
}

// module is a WebAssembly module of two sections that the tests' probe understands.
func module(feature, version string) []byte {
	text := fmt.Sprintf("\x04testfeature=%s\nversion=%s\n", feature, version)
	m := append([]byte("\x00asm\x01\x00\x00\x00"), 0, byte(len(text)))
	m = append(m, text...)
	return append(m, 0, 200, 1) // and one of 200 bytes
}

// moduleBytes is a whole one.
func moduleBytes(feature, version string) []byte {
	return append(module(feature, version), append([]byte("\x04fill"), make([]byte, 195)...)...)
}

// world is a folder that is watched in a bubble of time.
type world struct {
	t      *testing.T
	dir    string
	log    *journal
	host   *host
	probed atomic.Int32
	folder *pluginfolder.Folder
	stop   func()
}

// probe reads what a program of the tests is.
func (w *world) probe(_ context.Context, p pluginfolder.Program) (pluginfolder.Description, error) {
	w.probed.Add(1)
	content, err := os.ReadFile(p.Path)
	if err != nil {
		return pluginfolder.Description{}, err
	}
	if m := errorLine.FindSubmatch(content); m != nil {
		return pluginfolder.Description{}, errors.New(string(m[1]))
	}
	m := nameLine.FindSubmatch(content)
	if m == nil {
		return pluginfolder.Description{}, errors.New("exec format error")
	}
	return pluginfolder.Description{Manifest: plugins.Manifest{Name: string(m[1]), Title: "T"}, SDK: "v1"}, nil
}

// newWorld is a folder in a bubble that nobody watches yet; wait half a second off
// the ticks.
func newWorld(t *testing.T) *world {
	return &world{t: t, dir: t.TempDir(), log: &journal{t: t.Output()}, host: &host{}}
}

func (w *world) config() pluginfolder.Config {
	return pluginfolder.Config{
		Dir: w.dir, Staging: w.t.TempDir(), Probe: w.probe, Host: w.host, BuiltIn: []string{"lightbulb"},
		Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// watch watches the folder until the test ends.
func (w *world) watch(cfg pluginfolder.Config) {
	w.t.Helper()
	var err error
	if w.folder, err = pluginfolder.Open(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.folder.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		if err := errors.Join(w.folder.Close(), w.folder.Close()); err != nil {
			w.t.Errorf("Close: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
	w.rest(250 * time.Millisecond) // between two looks, from now on
}

func (w *world) rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// settled waits until what was done to the folder has had its effect, and asks for what
// the host was asked meanwhile.
func (w *world) settled(want ...string) {
	w.t.Helper()
	w.rest(2 * time.Second)
	w.asked(want...)
}

func (w *world) asked(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.host.take()); diff != "" {
		w.t.Errorf("the host was asked (-want +got):\n%s", diff)
	}
}

// refused asks for the one line about a file, and that it is not repeated.
func (w *world) refused(file string, parts ...string) {
	w.t.Helper()
	got := w.log.about(w.t, file)
	if len(got) != 1 {
		w.t.Fatalf("lines about %s: %q, want one", file, got)
	}
	w.last(file, parts...)
}

// last asks for parts of the last line about a file.
func (w *world) last(file string, parts ...string) {
	w.t.Helper()
	got := w.log.about(w.t, file)
	if len(got) == 0 {
		w.t.Fatalf("no line about %s, want one with %q", file, parts)
	}
	for _, part := range parts {
		if !strings.Contains(got[len(got)-1], part) {
			w.t.Errorf("the last line about %s is %q, want it to have %q", file, got[len(got)-1], part)
		}
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// put writes a file as cp does: into the one that is there.
func (w *world) put(name, content string, mode os.FileMode) {
	w.t.Helper()
	write(w.t, w.path(name), content, mode)
}

// move writes a file beside the folder and moves it there, as mv and careful copiers do.
func (w *world) move(name, content string, mode os.FileMode) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	write(w.t, path, content, mode)
	w.must(os.Rename(path, w.path(name)))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func write(tb testing.TB, path, content string, mode os.FileMode) {
	tb.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
		tb.Fatal(err)
	}
}

// messages returns how often each message was logged.
func (w *world) messages() map[string]int {
	count := map[string]int{}
	for _, line := range w.log.lines(w.t) {
		count[line["msg"].(string)]++
	}
	return count
}

func sortedNames(entries []os.DirEntry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
