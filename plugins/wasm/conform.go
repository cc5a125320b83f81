package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// ConformCalls is how often Conform repeats a call to see whether the guest's memory
// grows.
const ConformCalls = 50_000

// slack is how many bytes more memory a garbage collector may still ask for in the
// second half of those calls.
const slack = 1 << 20

// Conform holds a module to the ABI, and returns all that is wrong, joined: what Open
// finds, and then
//
//   - that it gives a buffer of 0 bytes, of 1 and of 1 MiB inside its memory;
//   - that its manifest is one, and valid;
//   - that an event of each kind and a view are answered with what belongs to them;
//   - that the same input gives the same bytes, again and in another instance;
//   - that input which is no message is answered with an error, or with a trap;
//   - that its memory does not grow in the second half of [ConformCalls] calls.
//
// A Go guest without runtime.Gosched at the end of its exports leaks, too, but so that it
// shows only after some 200,000 calls.
//
// It takes some seconds. What the feature itself promises is for plugintest to check.
func Conform(ctx context.Context, cfg Config) error { return conform(ctx, cfg, ConformCalls) }

func conform(ctx context.Context, cfg Config, calls int) error {
	m, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	c := &conformance{ctx: ctx, module: m, calls: calls}
	c.buffers()
	if c.describe() && c.asked() {
		c.malformed()
		c.grows()
	}
	return errors.Join(append(c.errs, m.Close(ctx))...)
}

// conformance is one run of Conform.
type conformance struct {
	ctx      context.Context
	module   *Module
	calls    int
	manifest plugins.Manifest
	inputs   []conformInput
	errs     []error
}

// conformInput is a call to make.
type conformInput struct {
	what  string
	call  func(*instance, []byte) ([]byte, error)
	in    []byte
	many  bool // many events at once
	check func(answer []byte) error
}

func (c *conformance) bad(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// fresh calls f with a new instance, which f need not leave intact.
func (c *conformance) fresh(f func(*instance)) {
	i, err := c.module.newInstance(c.ctx)
	if err != nil {
		c.bad("%w", err)
		return
	}
	defer i.close(c.ctx)
	f(i)
}

func (c *conformance) buffers() {
	c.fresh(func(i *instance) {
		for _, size := range []int{0, 1, 1 << 20, 0, 1} {
			if _, err := i.write(c.ctx, bytes.Repeat([]byte{0xa5}, size)); err != nil {
				c.bad("buffer of %d bytes: %w", size, err)
				return
			}
		}
	})
}

// describe reports whether there is a manifest to go on with.
func (c *conformance) describe() bool {
	var first []byte
	for range 2 {
		c.fresh(func(i *instance) {
			for range 2 {
				b, err := i.describe(c.ctx)
				switch {
				case err != nil:
					c.bad("%w", err)
				case first == nil:
					first = b
				case !bytes.Equal(b, first):
					c.bad("%s: %x the first time, %x later", exportManifest, first, b)
				}
				if err != nil {
					return
				}
			}
		})
	}
	if len(c.errs) > 0 {
		return false
	}
	d, err := wire.ParseDescription(first)
	if err == nil {
		err = d.Manifest.Validate()
	}
	if err != nil {
		c.bad("%s: %w", exportManifest, err)
		return false
	}
	c.manifest = d.Manifest
	return true
}

func (c *conformance) handle(i *instance, in []byte) ([]byte, error) {
	return i.answer(c.ctx, i.handle, exportHandle, in)
}

func (c *conformance) render(i *instance, in []byte) ([]byte, error) {
	return i.answer(c.ctx, i.render, exportRender, in)
}

// asked makes every call that a host might make, in a small room, and reports whether
// all went well.
func (c *conformance) asked() bool {
	c.addHandle("no events", nil)
	for _, e := range c.manifest.Events {
		c.addHandle("event "+strconv.Quote(e.Name), []plugins.Event{sample(e)})
	}
	if len(c.manifest.Events) > 0 {
		e := sample(c.manifest.Events[0])
		c.addHandle("64 events", slices.Repeat([]plugins.Event{e}, 64))
	}
	full := plugins.View{Feature: c.manifest.Name, Room: plugins.Home}
	c.addRender("view", full)
	patch := full
	patch.Changes = []plugins.Change{}
	c.addRender("view of no changes", patch)
	if c.manifest.Personal {
		full.Viewer = person
		c.addRender("view for a person", full)
	}

	answers := make([][]byte, len(c.inputs))
	for round := range 2 {
		c.fresh(func(i *instance) {
			for range 2 {
				for n, in := range c.inputs {
					got, err := in.call(i, in.in)
					if err != nil {
						c.bad("%s: %w", in.what, err)
						return
					}
					if answers[n] == nil {
						answers[n] = got
						if err := in.check(got); err != nil {
							c.bad("%s: %w", in.what, err)
						}
					} else if !bytes.Equal(got, answers[n]) {
						c.bad("%s: answered %q, and the same input later, in instance %d, %q", in.what, answers[n], round+1, got)
					}
				}
			}
		})
	}
	return len(c.errs) == 0
}

func (c *conformance) addHandle(what string, events []plugins.Event) {
	in, err := wire.Handle(events, map[string]plugins.State{plugins.Home: {}})
	if err != nil {
		c.bad("%s: %w", what, err)
		return
	}
	c.inputs = append(c.inputs, conformInput{exportHandle + " of " + what, c.handle, in, len(events) > 1, func(b []byte) error {
		if err := wantBody(b, bodyOutcomes); err != nil {
			return err
		}
		outcomes, err := wire.ParseOutcomes(b)
		if err == nil && len(outcomes) != len(events) {
			err = fmt.Errorf("%d outcomes: want one for each of %d events", len(outcomes), len(events))
		}
		return err
	}})
}

func (c *conformance) addRender(what string, v plugins.View) {
	in, err := wire.View(v)
	if err != nil {
		c.bad("%s: %w", what, err)
		return
	}
	c.inputs = append(c.inputs, conformInput{exportRender + " of " + what, c.render, in, false, func(b []byte) error {
		if err := wantBody(b, bodyFragments); err != nil {
			return err
		}
		_, err := wire.ParseFragments(b)
		return err
	}})
}

// malformed gives it what is no message. A trap is an answer, too: the host sends no
// such thing.
func (c *conformance) malformed() {
	both := map[string][]byte{
		"a field longer than the message": {1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a number without an end":         bytes.Repeat([]byte{0xff}, 11),
		"a field of the wire type 7":      {1<<3 | 7, 0},
		"a field with the number 0":       {0<<3 | 2, 0},
		"half a message":                  {2<<3 | 2},
	}
	try := func(export string, call func(*instance, []byte) ([]byte, error), what string, in []byte) {
		c.fresh(func(i *instance) {
			got, err := call(i, in)
			if err != nil {
				if f, ok := errors.AsType[*Fault](err); ok && f.Breach {
					c.bad("%s of %s: %w", export, what, err)
				}
				return
			}
			if err := wantBody(got, bodyError); err != nil {
				c.bad("%s of %s: %w", export, what, err)
			}
		})
	}
	for what, in := range both {
		try(exportHandle, c.handle, what, in)
		try(exportRender, c.render, what, in)
	}
	try(exportHandle, c.handle, "an event that is cut off", []byte{1<<3 | 2, 2, 1<<3 | 2, 5})
	try(exportRender, c.render, "a state that is cut off", []byte{3<<3 | 2, 2, 1<<3 | 2, 5})
}

// grows repeats what takes little time.
func (c *conformance) grows() {
	inputs := slices.DeleteFunc(slices.Clone(c.inputs), func(in conformInput) bool { return in.many })
	c.fresh(func(i *instance) {
		half := int64(0)
		for n := range c.calls {
			in := inputs[n%len(inputs)]
			if _, err := in.call(i, in.in); err != nil {
				c.bad("call %d, %s: %w", n+1, in.what, err)
				return
			}
			if n == c.calls/2 {
				half = i.memory.size
			}
		}
		if end := i.memory.size; end > half+slack {
			c.bad("memory grew from %d KiB after %d calls to %d KiB after %d: it leaks",
				half>>10, c.calls/2, end>>10, c.calls)
		}
	})
}

var person = plugins.Person{User: "k7qf2abcdefghijk", Session: "s1", Region: "lhr", Edge: "lhr"}

// sample is an event as the host would let it through.
func sample(t plugins.EventType) plugins.Event {
	e := plugins.Event{
		ID: "01j9zq6w5d3k8v7n", Name: t.Name, Room: plugins.Home, Person: person,
		Time: time.Unix(Epoch, 0), Fields: plugins.Fields{},
	}
	for _, p := range t.Fields {
		switch p.Type {
		case plugins.Text:
			e.Fields[p.Name] = strings.Repeat("x", int(max(p.Min, 1)))
		case plugins.Int:
			e.Fields[p.Name] = strconv.FormatInt(p.Min, 10)
		case plugins.Bool:
			e.Fields[p.Name] = "true"
		case plugins.Choice:
			e.Fields[p.Name] = p.Choices[0]
		case plugins.Cells:
			e.Fields[p.Name] = "0,0"
		}
	}
	return e
}

// The numbers of the bodies in the message Answer.
const (
	bodyOutcomes  protowire.Number = 2
	bodyFragments protowire.Number = 3
	bodyError     protowire.Number = 4
)

// wantBody reports an Answer that does not consist of that body. The host takes more:
// of several bodies the last one, and fields that it does not know.
func wantBody(answer []byte, want protowire.Number) error {
	num, typ, n := protowire.ConsumeTag(answer)
	if n < 0 {
		return fmt.Errorf("answered %q, which is no Answer: %w", answer, protowire.ParseError(n))
	}
	if num != want || typ != protowire.BytesType {
		return fmt.Errorf("answered %q: it begins with field %d of the wire type %d: want field %d of the wire type %d",
			answer, num, typ, want, protowire.BytesType)
	}
	_, m := protowire.ConsumeBytes(answer[n:])
	if m < 0 {
		return fmt.Errorf("answered %q, which is no Answer: %w", answer, protowire.ParseError(m))
	}
	if rest := len(answer) - n - m; rest > 0 {
		return fmt.Errorf("answered %q: %d bytes too many", answer, rest)
	}
	return nil
}
