package wire_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	pb "github.com/global-presence/presence/plugins/internal/featurev1"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// anything makes values of any type of the contract, with every field that it has, so
// that a field which is added there and forgotten here is missed.
func anything[T any]() *rapid.Generator[T] {
	moments := rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ms")).UTC()
	})
	durations := rapid.Custom(func(t *rapid.T) any {
		return time.Duration(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "us")) * time.Microsecond
	})
	operations := rapid.Custom(func(t *rapid.T) any {
		text := rapid.String().Draw(t, "text")
		return rapid.SampledFrom([]dom.Operation{
			dom.SetProperty("#x-a", "textContent", text), dom.SetProperty("#x-a", "tabIndex", len(text)),
			dom.AddCSSClass("#x-a", []string{"on", "off"}), dom.Remove("#x-a"),
		}).Draw(t, "operation")
	})
	return rapid.MakeCustom[T](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time]():     moments,
		reflect.TypeFor[time.Duration](): durations,
		reflect.TypeFor[dom.Operation](): operations,
	}})
}

// survives checks that any value comes back from its bytes as it was, and also from
// what the generated code for feature.proto makes of them.
func survives[V any, M proto.Message](t *testing.T, write func(V) ([]byte, error), read func([]byte) (V, error), message M) {
	t.Helper()
	values := anything[V]()
	for seed := range 40 { // they are large, and rapid would shrink them for minutes
		rt, in := t, values.Example(seed)
		b, err := write(in)
		if err != nil {
			rt.Fatal(err)
		}
		compare := func(b []byte, way string) {
			out, err := read(b)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(in, out, cmpopts.EquateEmpty(), cmp.Comparer(sameErrors)); diff != "" {
				rt.Errorf("changed %s (-sent +arrived):\n%s", way, diff)
			}
		}
		compare(b, "on the way")

		m := message.ProtoReflect().New().Interface()
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
			rt.Fatalf("protobuf does not read it: %v", err)
		}
		theirs, err := proto.Marshal(m)
		if err != nil {
			rt.Fatal(err)
		}
		compare(theirs, "by protobuf")
		if again, _ := write(in); string(again) != string(b) {
			rt.Error("the same value gives other bytes the second time")
		}
	}
}

func sameErrors(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

func TestManifest(t *testing.T) {
	survives(t, wire.Describe, wire.ParseDescription, &pb.DescribeResponse{})
}
func TestView(t *testing.T) { survives(t, wire.View, wire.ParseView, &pb.View{}) }
func TestFragments(t *testing.T) {
	survives(t, wire.Fragments, wire.ParseFragments, &pb.Answer{})
}

// TestView_Changes: that nothing changed is something else than that all is wanted.
func TestView_Changes(t *testing.T) {
	for _, changes := range [][]plugins.Change{nil, {}, {{}}} {
		b, err := wire.View(plugins.View{Changes: changes})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := wire.ParseView(b); err != nil || !reflect.DeepEqual(v.Changes, changes) {
			t.Errorf("sent %#v, arrived %#v, %v", changes, v.Changes, err)
		}
	}
}

func TestHandle(t *testing.T) {
	type handle struct {
		Events []plugins.Event
		States map[string]plugins.State
	}
	survives(t,
		func(h handle) ([]byte, error) { return wire.Handle(h.Events, h.States) },
		func(b []byte) (h handle, err error) {
			h.Events, h.States, err = wire.ParseHandle(b)
			return h, err
		}, &pb.Handle{})
}

func TestOutcomes(t *testing.T) {
	type outcomes [][]plugins.Mutation
	survives(t,
		func(all outcomes) ([]byte, error) {
			var out []plugins.Outcome
			for i, m := range all {
				o := plugins.Outcome{Mutations: m}
				if len(m) == 0 {
					o.Err = fmt.Errorf("error %d", i)
				}
				out = append(out, o)
			}
			return wire.Outcomes(context.Background(), out)
		},
		func(b []byte) (outcomes, error) {
			in, err := wire.ParseOutcomes(b)
			var all outcomes
			for i, o := range in {
				if len(o.Mutations) == 0 && o.Err.Error() != fmt.Sprint("error ", i) {
					return nil, fmt.Errorf("outcome %d: %w", i, o.Err)
				}
				all = append(all, o.Mutations)
			}
			return all, err
		}, &pb.Answer{})
	for _, m := range []plugins.Mutation{plugins.Add("n", math.MinInt64), plugins.Add("n", math.MaxInt64)} {
		b, err := wire.Outcomes(t.Context(), []plugins.Outcome{{Mutations: []plugins.Mutation{m}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := wire.ParseOutcomes(b); err != nil || got[0].Mutations[0] != m {
			t.Errorf("sent %+v, arrived %+v, %v", m, got, err)
		}
	}
}

func TestFrames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var (
			request, response []byte
			calls             []wire.Call
			answers           []wire.Answer
			cancelled         []uint64
		)
		for range rapid.IntRange(0, 4).Draw(rt, "entries") {
			id := rapid.Uint64().Draw(rt, "id")
			c := wire.Call{
				ID: id, RemainingMS: rapid.Uint32().Draw(rt, "ms"),
				Kind: rapid.SampledFrom([]wire.Kind{wire.KindHandle, wire.KindRender}).Draw(rt, "kind"), Body: []byte{},
			}
			request = append(request, wire.Request(c)...)
			request = append(request, wire.Cancel(id)...)
			calls, cancelled = append(calls, c), append(cancelled, id)

			body := wire.Failed(context.Background(), errors.New(rapid.String().Draw(rt, "error")))
			foreign := append([]byte{8, 99}, body...) // an answer that says that it has the id 99
			response = append(response, wire.Response(wire.Answer{ID: id, Body: foreign})...)
			answers = append(answers, wire.Answer{ID: id, Body: body})
		}
		gotCalls, gotCancelled, err := wire.ParseRequest(request)
		if diff := cmp.Diff(calls, gotCalls, cmpopts.EquateEmpty()); diff != "" || err != nil {
			rt.Errorf("calls, %v (-sent +arrived):\n%s", err, diff)
		}
		if diff := cmp.Diff(cancelled, gotCancelled); diff != "" {
			rt.Errorf("cancelled calls (-sent +arrived):\n%s", diff)
		}
		got, err := wire.ParseResponse(response)
		if err != nil || len(got) != len(answers) {
			rt.Fatalf("%d of %d answers arrived, %v", len(got), len(answers), err)
		}
		for i, a := range got {
			_, gotErr := wire.ParseOutcomes(a.Body)
			_, wantErr := wire.ParseFragments(answers[i].Body)
			if a.ID != answers[i].ID || gotErr.Error() != wantErr.Error() {
				rt.Errorf("answer %d arrived as %d with %q, want %q", answers[i].ID, a.ID, gotErr, wantErr)
			}
		}

		var theirs pb.CarryRequest
		if err := proto.Unmarshal(request, &theirs); err != nil || len(theirs.GetCalls()) != len(calls) {
			rt.Errorf("protobuf reads %d of %d calls, %v", len(theirs.GetCalls()), len(calls), err)
		}
		for i, c := range theirs.GetCalls() {
			if c.GetId() != calls[i].ID || c.GetRemainingMs() != calls[i].RemainingMS || (c.GetRender() != nil) != (calls[i].Kind == wire.KindRender) {
				rt.Errorf("protobuf reads %v, want %+v", c, calls[i])
			}
		}
		if diff := cmp.Diff(cancelled, theirs.GetCancelledIds()); diff != "" {
			rt.Errorf("protobuf reads other cancelled calls (-sent +read):\n%s", diff)
		}
	})
}

func TestHello(t *testing.T) {
	for _, version := range []uint32{0, 1, 1000} {
		if got, err := wire.ParseHello(wire.Hello(version)); err != nil || got != version {
			t.Errorf("sent %d, arrived %d, %v", version, got, err)
		}
	}
}

// TestEnums: a number that no version of ours knows is not taken for one that it does.
func TestEnums(t *testing.T) {
	for _, n := range []int32{0, 5, 255, 256, 257, 1 << 20, -1, -255} {
		b, err := proto.Marshal(&pb.DescribeResponse{Manifest: &pb.Manifest{State: []*pb.Field{{Kind: pb.Kind(n)}}}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := wire.ParseDescription(b)
		if err != nil {
			t.Fatal(err)
		}
		want := plugins.Kind(math.MaxUint8)
		if n >= 0 && n <= math.MaxUint8 {
			want = plugins.Kind(n)
		}
		if got := d.Manifest.State[0].Kind; got != want {
			t.Errorf("kind %d arrived as %d, want %d", n, got, want)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	if _, err := wire.View(plugins.View{Room: "\xff"}); err == nil {
		t.Error("a text that is not UTF-8 was written")
	}
	if v, err := wire.ParseView([]byte{0x12, 1, 0xff}); err == nil {
		t.Errorf("a text that is not UTF-8 was read: %+v", v)
	}
}

// TestMaxEntries: a message of two bytes an element cannot take a hundred times its
// size in memory.
func TestMaxEntries(t *testing.T) {
	fragments := func(n int) []byte {
		b, err := wire.Fragments(make([]plugins.Fragment, n))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if got, err := wire.ParseFragments(fragments(wire.MaxEntries)); err != nil || len(got) != wire.MaxEntries {
		t.Errorf("%d fragments arrived as %d, %v", wire.MaxEntries, len(got), err)
	}
	if _, err := wire.ParseFragments(fragments(wire.MaxEntries + 1)); err == nil {
		t.Errorf("%d fragments were read", wire.MaxEntries+1)
	}
}

func TestError(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		is   []error
	}{
		{"Plain", t.Context(), errors.New("disk on fire"), nil},
		{"Refusal", t.Context(), plugins.Refuse("That is taken."), nil},
		{"Unavailable", t.Context(), fmt.Errorf("sleeping: %w", plugins.ErrUnavailable), []error{plugins.ErrUnavailable}},
		{"Late", ended, context.DeadlineExceeded, []error{context.DeadlineExceeded, plugins.ErrUnavailable}},
		{"LateByItself", t.Context(), context.DeadlineExceeded, nil},
		{"Cancelled", ended, context.Canceled, []error{context.Canceled}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := wire.ParseFragments(wire.Failed(tt.ctx, tt.err))
			if got == nil || !strings.Contains(got.Error(), tt.err.Error()) {
				t.Errorf("%v arrived as %v", tt.err, got)
			}
			for _, known := range []error{plugins.ErrUnavailable, context.DeadlineExceeded, context.Canceled} {
				want := slices.Contains(tt.is, known)
				if errors.Is(got, known) != want {
					t.Errorf("errors.Is(%v, %v) = %v, want %v", got, known, !want, want)
				}
			}
			var sent, arrived *plugins.Refusal
			if errors.As(tt.err, &sent) != errors.As(got, &arrived) || sent != nil && *sent != *arrived {
				t.Errorf("refusal %v arrived as %v", sent, arrived)
			}
		})
	}
}

func TestError_IsCut(t *testing.T) {
	for _, tt := range []struct{ name, text, message, sentence string }{
		{"Short", "No.", "No.", "No."},
		{"Long", strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<10), strings.Repeat("x", plugins.MaxSentenceSize)},
		{"InACharacter", "x" + strings.Repeat("é", 1<<20), "x" + strings.Repeat("é", 511), "x" + strings.Repeat("é", 99)},
		{"AtACharacter", strings.Repeat("é", 1<<20), strings.Repeat("é", 512), strings.Repeat("é", 100)},
		{"NotUTF8", strings.Repeat("x\xff", 1<<20), strings.Repeat("x\uFFFD", 256), strings.Repeat("x\uFFFD", 50)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a pb.Answer
			if err := proto.Unmarshal(wire.Failed(t.Context(), plugins.Refuse(tt.text)), &a); err != nil {
				t.Fatal(err)
			}
			if message, sentence := a.GetError().GetMessage(), a.GetError().GetSentence(); message != tt.message || sentence != tt.sentence {
				t.Errorf("message of %d bytes, sentence of %d; want %d and %d", len(message), len(sentence), len(tt.message), len(tt.sentence))
			}
		})
	}
}

// TestParseDescription_memory: what a message of few bytes an element takes is in
// proportion to its size.
func TestParseDescription_memory(t *testing.T) {
	// 20,000 events, each with one field and 128 bytes that nobody knows.
	event := append([]byte{0x12, 0}, append([]byte{0xfa, 0x3f, 125}, make([]byte, 125)...)...)
	var manifest []byte
	for range 20_000 {
		manifest = append(manifest, 0x2a, 0x82, 0x01)
		manifest = append(manifest, event...)
	}
	message := binary.AppendUvarint([]byte{0x0a}, uint64(len(manifest)))
	message = append(message, manifest...)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, err := wire.ParseDescription(message)
	runtime.ReadMemStats(&after)
	if err != nil || len(d.Manifest.Events) != 20_000 || len(d.Manifest.Events[0].Fields) != 1 {
		t.Fatalf("%d events arrived, %v", len(d.Manifest.Events), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(10*len(message)) {
		t.Errorf("reading %d bytes took %d", len(message), took)
	}
}
