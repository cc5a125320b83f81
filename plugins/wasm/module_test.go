package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
	"github.com/global-presence/presence/plugins/wasm"
)

// clap is an event of the guests steady and claps, and what they answer.
func clap(tb testing.TB) []byte {
	tb.Helper()
	in, err := wire.Handle([]plugins.Event{{Name: "clap", Room: "home"}}, map[string]plugins.State{"home": {}})
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

// corner is a view of theirs.
func corner(tb testing.TB, total int64) []byte {
	tb.Helper()
	in, err := wire.View(plugins.View{Feature: "claps", Room: "home", State: plugins.State{Counters: map[string]int64{"total": total}}})
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

func TestModule(t *testing.T) {
	for _, guestName := range []string{"steady", "claps"} {
		t.Run(guestName, func(t *testing.T) {
			m := open(t, wasm.Config{Bytes: guest(t, guestName)})
			b, err := m.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d, err := wire.ParseDescription(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Manifest; got.Name != "claps" || len(got.Events) != 1 || got.State[0].Kind != plugins.Counter {
				t.Errorf("manifest = %+v; want that of claps", got)
			}
			if b, err = m.Handle(t.Context(), clap(t)); err != nil {
				t.Fatal(err)
			}
			outcomes, err := wire.ParseOutcomes(b)
			if diff := cmp.Diff([]plugins.Outcome{{Mutations: []plugins.Mutation{plugins.Add("total", 1)}}}, outcomes); err != nil || diff != "" {
				t.Errorf("outcomes, %v (-want +got):\n%s", err, diff)
			}
			if b, err = m.Render(t.Context(), corner(t, 42)); err != nil {
				t.Fatal(err)
			}
			fragments, err := wire.ParseFragments(b)
			if err != nil || len(fragments) != 1 || !strings.Contains(fragments[0].HTML, "42") {
				t.Errorf("fragments = %+v, %v; want one with 42", fragments, err)
			}
		})
	}
}

// The same input gives the same bytes, in other instances and other modules, even
// where the guest looks at its clock and its source of randomness.
func TestModule_SameBytes(t *testing.T) {
	first := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 3})
	second := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 1})
	want := say(t, first, "probe")
	for range 3 {
		say(t, first, "sleep") // moves its clock
		give, err := first.Lend(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer give()
		if len(first.Memory()) == 0 { // say makes the last instance
			break
		}
		if diff := cmp.Diff(want, say(t, first, "probe")); diff != "" {
			t.Errorf("in another instance (-first +other):\n%s", diff)
		}
	}
	for range 2 {
		if diff := cmp.Diff(want, say(t, second, "probe")); diff != "" {
			t.Errorf("in another module (-first +second):\n%s", diff)
		}
	}
}

// Each call under way has an instance of its own: with more callers than instances,
// every one gets its own answer.
func TestModule_Concurrent(t *testing.T) {
	m := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 4})
	var callers sync.WaitGroup
	for n := range 16 {
		callers.Go(func() {
			want := bytes.Repeat([]byte{byte('a' + n)}, 1000*n)
			for range 100 {
				got, err := m.Handle(t.Context(), append([]byte("echo "), want...))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("caller %d: got %d bytes, %v; want %d", n, len(got), err, len(want))
					return
				}
			}
		})
	}
	callers.Wait()
	if n := len(m.Memory()); n < 1 || n > 4 {
		t.Errorf("%d instances; want 1 to 4", n)
	}
}

// Who waits for an instance too long gets an answer that says so, since the guest is
// not broken.
func TestModule_Late(t *testing.T) {
	m := open(t, wasm.Config{Bytes: valid.bytes(), Instances: 1})
	give, err := m.Lend(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
		b, err := m.Handle(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseOutcomes(b); !errors.Is(err, want) {
			t.Errorf("Handle answered %v; want %v", err, want)
		}
		b, err = m.Render(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseFragments(b); !errors.Is(err, want) {
			t.Errorf("Render answered %v; want %v", err, want)
		}
		// There is no such answer to Describe.
		if _, err := m.Describe(ctx); !errors.Is(err, want) {
			t.Errorf("Describe: %v; want %v", err, want)
		}
		if err := m.Close(ctx); !errors.Is(err, want) {
			t.Errorf("Close during a call: %v; want %v", err, want)
		}
	}
	give()
	for range 2 {
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := m.Handle(t.Context(), nil); !errors.Is(err, wasm.ErrClosed) {
		t.Errorf("Handle after Close: %v; want ErrClosed", err)
	}
}

// A guest that leaks slowly is renewed before its memory is full.
func TestModule_WornOut(t *testing.T) {
	m := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 1})
	most := int64(0)
	for n := range 3500 {
		if _, err := m.Handle(t.Context(), []byte("leak")); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		for _, size := range m.Memory() {
			most = max(most, size)
		}
	}
	if most < 24<<20 || most > 32<<20 {
		t.Errorf("its memory had at most %d bytes; want 24 to 32 MiB, or this test shows nothing", most)
	}
}

// An input reaches the guest whole, whatever its size.
func TestModule_Inputs(t *testing.T) {
	m := open(t, wasm.Config{Bytes: guest(t, "hostile"), Instances: 1})
	for _, size := range []int{0, 1, 65535, 65536, 1 << 20, 4 << 20} {
		want := strings.Repeat("x", size)
		if got := say(t, m, "echo "+want); got != want {
			t.Errorf("got %d bytes back; want %d", len(got), size)
		}
	}
	_, err := m.Handle(t.Context(), make([]byte, 33<<20))
	if f := faultOf(t, err); f.Export != "presence_buffer" {
		t.Errorf("an input larger than the memory: %v; want a fault of presence_buffer", err)
	}
	if got, want := say(t, m, "echo still here"), "still here"; got != want {
		t.Errorf("afterwards it says %q; want %q", got, want)
	}
}

// The memory of a well-behaved guest stays as it is. Longer: -soak 1000000.
func TestModule_Soak(t *testing.T) {
	m := open(t, wasm.Config{Bytes: guest(t, "steady"), Instances: 1})
	handle, render := clap(t), corner(t, 42)
	half := int64(0)
	for n := range *soak {
		_, err := m.Handle(t.Context(), handle)
		if err == nil {
			_, err = m.Render(t.Context(), render)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == *soak/2 {
			half = m.Memory()[0]
		}
	}
	if end := m.Memory()[0]; end > half+1<<20 {
		t.Errorf("memory after %d pairs of calls is %d bytes, after half of them it was %d; want the same", *soak, end, half)
	}
}
