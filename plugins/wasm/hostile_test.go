package wasm_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/global-presence/presence/plugins/wasm"
)

// What a guest does costs its instance and nothing else: the next call is answered.
func TestHostile(t *testing.T) {
	var said buffer
	m := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 2, OutputLimit: 1 << 20, Stderr: &said, Stdout: &said})
	for _, tc := range []struct {
		command string
		want    []string // of the error
		breach  bool
	}{
		{"panic with these words", []string{": panic: boom: with these words"}, false},
		{"nil", []string{": panic: runtime error: invalid memory address"}, false},
		{"exit", []string{": the guest exited with code 3"}, false},
		{"bomb", []string{": fatal error: out of memory, with 32768 of 32768 KiB of memory in use"}, false},
		{"recurse", []string{": fatal error: out of memory"}, false},
		{"pointer", []string{"it answered the 16 bytes at 4294901760: the memory ends at"}, true},
		{"huge", []string{"it answered 2097152 bytes: want at most 1048576"}, true},
		{"negative", []string{"it answered 4294967280 bytes: want at most 1048576"}, true},
	} {
		t.Run(strings.Fields(tc.command)[0], func(t *testing.T) {
			say(t, m, "calls") // it keeps what it has counted
			for export, ask := range map[string]func(context.Context, []byte) ([]byte, error){
				"presence_handle": m.Handle, "presence_render": m.Render,
			} {
				got, err := ask(t.Context(), []byte(tc.command))
				if err == nil {
					t.Fatalf("answered %d bytes", len(got))
				}
				for _, want := range tc.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q; want it to say %q", err, want)
					}
				}
				if f := faultOf(t, err); f.Breach != tc.breach || f.Export != export {
					t.Errorf("Breach, Export = %t, %s; want %t, %s", f.Breach, f.Export, tc.breach, export)
				}
				if got, want := say(t, m, "calls"), "1"; got != want {
					t.Errorf("the next call finds %s calls; want a new instance", got)
				}
			}
		})
	}
	if s := said.String(); !strings.Contains(s, "panic: boom: with these words\n") || !strings.Contains(s, "goroutine ") {
		t.Errorf("it printed %q; want the panic with its stack", s)
	} else if strings.Contains(s, "main runs") {
		t.Error("_start or main was called")
	}
	_, err := m.Handle(t.Context(), []byte("exit"))
	if exit, ok := errors.AsType[*sys.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("error %v; want one that holds the exit code", err)
	}
}

// A trap without words comes with the guest's stack.
func TestHostile_Trap(t *testing.T) {
	_, err := wasm.Open(t.Context(), wasm.Config{Bytes: tiny{version: 1, memory: 1, start: []byte{opUnreachable}}.bytes()})
	if f := faultOf(t, err); f.Export != "_initialize" || !strings.Contains(f.Error(), "unreachable\n") {
		t.Errorf("fault %q; want one of _initialize with a stack", f)
	}
}

// Calling itself for ever ends with a fault.
func TestHostile_Recursion(t *testing.T) {
	// _initialize is the sixth function; it calls itself.
	_, err := wasm.Open(t.Context(), wasm.Config{Bytes: tiny{version: 1, memory: 1, start: []byte{opCall, 5}}.bytes()})
	if f := faultOf(t, err); !strings.HasPrefix(f.Error(), "_initialize: stack overflow") {
		t.Errorf("fault %q; want a stack overflow", f)
	}
}

// A buffer outside the memory is not written to.
func TestHostile_Buffer(t *testing.T) {
	m := open(t, wasm.Config{Bytes: tiny{version: 1, memory: 1, buffer: 65530}.bytes()})
	if _, err := m.Handle(t.Context(), []byte("fits")); err != nil {
		t.Errorf("Handle: %v", err)
	}
	_, err := m.Handle(t.Context(), []byte("does not"))
	if f := faultOf(t, err); !f.Breach || !strings.Contains(f.Error(), "presence_buffer: it gave the 8 bytes at 65530 for input: the memory ends at 65536") {
		t.Errorf("fault %q; want a breach of presence_buffer", f)
	}
	for _, answer := range []int64{65536 << 32, 65530<<32 | 6} { // both end where the memory does
		m := open(t, wasm.Config{Bytes: tiny{version: 1, memory: 1, answer: answer}.bytes()})
		if _, err := m.Describe(t.Context()); err != nil {
			t.Errorf("answer %#x: %v", answer, err)
		}
	}
	m = open(t, wasm.Config{Bytes: tiny{version: 1, memory: 1, answer: 65530<<32 | 7}.bytes()})
	if _, err := m.Describe(t.Context()); err == nil || !faultOf(t, err).Breach {
		t.Errorf("an answer that ends one byte after the memory: %v; want a breach", err)
	}
}

// There is nothing outside.
func TestHostile_Probe(t *testing.T) {
	t.Setenv("PRESENCE_SECRET", "not for guests")
	m := open(t, wasm.Config{Bytes: guest(t, "hostile")})
	got := say(t, m, "probe")
	for _, want := range []string{
		"file: false", "relative file: false", "folder: false", "write: false", "environment: 0 ", "arguments: 0 ",
		"stdin: 0 EOF", "dial: false", "time: 2022-01-01T00:00:00Z ",
	} {
		if !strings.Contains(got, "\n"+want) && !strings.HasPrefix(got, want) {
			t.Errorf("probe says %q; want %q in it", got, want)
		}
	}
	if _, err := os.Stat("/tmp/written-by-hostile"); err == nil {
		t.Error("it wrote a file")
	}
}

// An hour's sleep takes no time, and a guest that waits for time to pass is not stuck.
func TestHostile_Sleep(t *testing.T) {
	m := open(t, wasm.Config{Bytes: guest(t, "hostile")})
	start := time.Now()
	if got, want := say(t, m, "sleep"), "awake"; got != want {
		t.Errorf("sleep says %q; want %q", got, want)
	}
	if took := time.Since(start); took > deadline {
		t.Errorf("sleep took %v", took)
	}
}

// A flood is cut, counted, and slows nobody down.
func TestHostile_Flood(t *testing.T) {
	var out, errs buffer
	m := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 1, Stdout: &out, Stderr: &errs})
	if got, want := say(t, m, "flood"), "flooded"; got != want {
		t.Errorf("flood says %q; want %q", got, want)
	}
	lines := strings.Count(errs.String(), "\n")
	if !strings.HasPrefix(errs.String(), "line 0\nline 1\n") || lines < 1000 || lines > 20_000 {
		t.Errorf("%d lines of 100000 were passed on; want 1,000 and 50 a second", lines)
	}
	// It goes on as soon as there is room, and the line that follows says what is
	// missing.
	for end := time.Now().Add(deadline); !strings.Contains(errs.String(), "lines dropped: the guest prints too much\n"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody said that lines are missing")
		}
		say(t, m, "flood")
	}
	if n := len(out.String()); n > 200<<10 {
		t.Errorf("of lines without an end %d bytes were passed on; want at most 8 KiB each", n)
	}
}

// A call that does not return ends with its process: the context does not end it, and
// killing does.
func TestHostile_Loop(t *testing.T) {
	guest(t, "hostile")
	cmd, in, out := child(t, "hold")
	if err := in.Encode(order{Path: guestFile("hostile"), Cache: cacheDir, Call: "loop", Timeout: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := out.Decode(&r); err != nil || r.State != "open" {
		t.Fatalf("report %+v, %v; want open", r, err)
	}
	returned := make(chan report, 1)
	go func() {
		var r report
		if out.Decode(&r) == nil {
			returned <- r
		}
		close(returned)
	}()
	select {
	case r := <-returned:
		t.Fatalf("the call returned: %+v", r)
	case <-time.After(300 * time.Millisecond): // long after its deadline
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case r, ok := <-returned:
		if ok {
			t.Fatalf("the call returned: %+v", r)
		}
	case <-time.After(deadline):
		t.Fatal("the process did not end")
	}
}
