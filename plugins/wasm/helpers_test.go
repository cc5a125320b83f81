package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/wasm"
	"github.com/global-presence/presence/plugins/wasm/wasmtest"
)

// deadline is how long a test waits for what should take a moment.
const deadline = 2 * time.Minute

var guests struct {
	sync.Mutex
	built map[string][]byte
}

// guest returns the Go guest of that name under testdata, built as its author would,
// and sees to it that it is in the cache.
func guest(tb testing.TB, name string) []byte {
	tb.Helper()
	guests.Lock()
	defer guests.Unlock()
	if b, ok := guests.built[name]; ok {
		return b
	}
	out := guestFile(name)
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if log, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build guest %s: %v\n%s", name, err, log)
	}
	wasmtest.Compile(tb, cacheDir, out)
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	if guests.built == nil {
		guests.built = make(map[string][]byte)
	}
	guests.built[name] = b
	return b
}

// guestFile is where guest leaves what it built.
func guestFile(name string) string { return filepath.Join(cacheDir, name+".wasm") }

// cacheDir is a compilation cache for all tests that do not test caches: compiling
// takes most of their time. TestMain makes and removes it.
var cacheDir string

// open opens a module for the length of the test.
func open(tb testing.TB, cfg wasm.Config) *wasm.Module {
	tb.Helper()
	if cfg.CacheDir == "" {
		cfg.CacheDir = cacheDir
	}
	m, err := wasm.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return m
}

// say sends the hostile guest a command.
func say(tb testing.TB, m *wasm.Module, command string) string {
	tb.Helper()
	out, err := m.Handle(tb.Context(), []byte(command))
	if err != nil {
		tb.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

// faultOf returns the Fault that err must be.
func faultOf(tb testing.TB, err error) *wasm.Fault {
	tb.Helper()
	f, ok := errors.AsType[*wasm.Fault](err)
	if !ok {
		tb.Fatalf("error %v; want a Fault", err)
	}
	return f
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// child starts the test binary again in another mode. Its standard input is closed
// when the test ends, at the latest.
func child(tb testing.TB, mode string) (cmd *exec.Cmd, in *json.Encoder, out *json.Decoder) {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd = exec.CommandContext(tb.Context(), self)
	cmd.Env = append(os.Environ(), modeVariable+"="+mode)
	cmd.Stderr = tb.Output()
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // "killed", mostly
	})
	return cmd, json.NewEncoder(stdin), json.NewDecoder(stdout)
}
