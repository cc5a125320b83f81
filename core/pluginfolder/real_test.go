package pluginfolder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/core/pluginfolder"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// greeter is a feature that shows its version.
type greeter struct{ name, version string }

func (g greeter) Manifest() plugins.Manifest {
	return plugins.Manifest{Name: g.name, Title: "Greeter " + g.version}
}

func (greeter) Handle(context.Context, plugins.Event, plugins.State) ([]plugins.Mutation, error) {
	return nil, nil
}

func (g greeter) Render(context.Context, plugins.View) ([]plugins.Fragment, error) {
	return []plugins.Fragment{{ID: g.name + "-out", HTML: fmt.Sprintf("<p id=\"%s-out\">%s</p>", g.name, g.version)}}, nil
}

// greeterFile is the text of a program that is a greeter: this test binary.
func greeterFile(t *testing.T, name, version string) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' '%s'\n", own, name, version)
}

// processes is a host of real processes.
type processes struct {
	ctx    context.Context
	logger *slog.Logger
	wait   sync.WaitGroup

	mu   sync.Mutex
	runs map[string]*running
}

type running struct {
	plugin *process.Plugin
	stop   context.CancelFunc
}

func (h *processes) start(ctx context.Context, p pluginfolder.Program) (*running, error) {
	up := make(chan plugins.Status, 1)
	plugin := process.New(process.Config{
		Name: p.Manifest.Name, Path: p.Path, Checksum: p.Digest[:], Logger: h.logger,
		OnStatus: func(s plugins.Status) {
			select {
			case up <- s:
			default:
			}
		},
	})
	own, stop := context.WithCancel(h.ctx)
	h.wait.Go(func() { _ = plugin.Run(own) })
	select {
	case s := <-up:
		if !s.Up {
			stop()
			return nil, s.Err
		}
		return &running{plugin, stop}, nil
	case <-ctx.Done():
		stop()
		return nil, context.Cause(ctx)
	}
}

func (h *processes) Add(ctx context.Context, p pluginfolder.Program) error {
	r, err := h.start(ctx, p)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs[p.Manifest.Name] = r
	return nil
}

func (h *processes) Replace(ctx context.Context, p pluginfolder.Program) error {
	h.mu.Lock()
	r := h.runs[p.Manifest.Name]
	h.mu.Unlock()
	if r == nil {
		return errors.New("there is no such feature")
	}
	return r.plugin.Replace(ctx, process.Config{Path: p.Path, Checksum: p.Digest[:]})
}

func (h *processes) Remove(_ context.Context, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs[name] == nil {
		return errors.New("there is no such feature")
	}
	h.runs[name].stop()
	delete(h.runs, name)
	return nil
}

// shows returns what the feature shows, "" when there is none.
func (h *processes) shows(ctx context.Context, name string) string {
	h.mu.Lock()
	r := h.runs[name]
	h.mu.Unlock()
	if r == nil {
		return ""
	}
	fragments, err := r.plugin.Render(ctx, plugins.View{Room: plugins.Home})
	if err != nil {
		return err.Error()
	}
	return fragments[0].HTML
}

// describe asks a real process what it is.
func describe(ctx context.Context, p pluginfolder.Program) (pluginfolder.Description, error) {
	d, err := process.Describe(ctx, process.Config{Path: p.Path, Checksum: p.Digest[:]})
	return pluginfolder.Description(d), err
}

// patience is how long a test waits for what should happen soon.
const patience = 2 * time.Minute

// eventually asks ok until it says yes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < patience; <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("waited too long for %s", what)
}

// Real processes come, change while they run, are refused, and go.
func TestFolder_Run_processes(t *testing.T) {
	dir, staging := t.TempDir(), t.TempDir()
	log := &journal{t: t.Output()}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	h := &processes{ctx: ctx, logger: logger, runs: map[string]*running{}}
	f, err := pluginfolder.Open(pluginfolder.Config{
		Dir: dir, Staging: staging, Probe: describe, Host: h, Logger: logger,
		Every: 20 * time.Millisecond, Settle: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	watching, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(watching) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		cancel()
		h.wait.Wait()
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	hello := filepath.Join(dir, "hello")
	shows := func(name, version string) {
		t.Helper()
		eventually(t, name+" "+version, func() bool { return strings.Contains(h.shows(t.Context(), name), ">"+version+"<") })
	}

	write(t, hello, greeterFile(t, "hello", "v1"), 0o755)
	shows("hello", "v1")

	// Copied over the file that runs, which is not what runs.
	write(t, hello, greeterFile(t, "hello", "v2, which is longer"), 0o755)
	shows("hello", "v2, which is longer")

	write(t, hello, "#!/bin/sh\nexit 3\n", 0o755)
	eventually(t, "the version that ends to be refused", func() bool { return log.about(t, "hello") != nil })
	shows("hello", "v2, which is longer")

	write(t, filepath.Join(dir, "faulty"), greeterFile(t, "Faulty!", "v1"), 0o755)
	eventually(t, "the faulty manifest to be refused", func() bool {
		return strings.Contains(strings.Join(log.about(t, "faulty"), ""), `manifest of "Faulty!": name "Faulty!": want lower-case`)
	})

	write(t, filepath.Join(dir, "broken"), "\x7fELF, but not really", 0o755)
	eventually(t, "the broken program to be told of", func() bool { return log.about(t, "broken") != nil })

	if err := os.Rename(hello, filepath.Join(dir, "renamed")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "renamed"), greeterFile(t, "hello", "v3"), 0o755)
	shows("hello", "v3")
	if err := os.Remove(filepath.Join(dir, "renamed")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the feature to end", func() bool { return h.shows(t.Context(), "hello") == "" })
}

// The largest program at hand, this one, written in pieces while a region runs, is
// taken whole and started.
func TestFolder_Run_largeProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("it copies a large file")
	}
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("own program cannot be found")
	}
	w := newWorld(t)
	cfg := w.config()
	cfg.Every, cfg.Settle = 10*time.Millisecond, 50*time.Millisecond
	asked := make(chan pluginfolder.Program, 10)
	cfg.Probe = func(_ context.Context, p pluginfolder.Program) (pluginfolder.Description, error) {
		asked <- p
		return pluginfolder.Description{Manifest: plugins.Manifest{Name: "large", Title: "Large"}}, nil
	}
	f, err := pluginfolder.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		f.Close()
	}()

	out, err := os.OpenFile(w.path("large"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	half := len(own) / 2
	if _, err := io.Copy(out, bytes.NewReader(own[:half])); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what is missing to be told", func() bool { return w.log.about(t, "large") != nil })
	w.refused("large", "the tables of the ELF program are not all there")
	if len(asked) > 0 {
		t.Error("half a program was started")
	}
	if _, err := io.Copy(out, bytes.NewReader(own[half:])); err != nil {
		t.Fatal(err)
	}
	select {
	case p := <-asked:
		if p.Digest.String() != digest(string(own)) {
			t.Errorf("its digest is %s", p.Digest)
		}
	case <-time.After(patience):
		t.Fatal("waited too long for the whole program to be started")
	}
}
