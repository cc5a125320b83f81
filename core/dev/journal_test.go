package dev_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/global-presence/presence/core/dev"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// carrier is a feature of two functions.
type carrier struct {
	handle func(events []plugins.Event) ([]plugins.Outcome, error)
	render func(v plugins.View) ([]plugins.Fragment, error)
}

var _ plugins.Carrier = carrier{}

func (c carrier) Handle(_ context.Context, events []plugins.Event, _ map[string]plugins.State) ([]plugins.Outcome, error) {
	return c.handle(events)
}

func (c carrier) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	return c.render(v)
}

func TestRecorder_Handle(t *testing.T) {
	broken := errors.New("it broke")
	ann := plugins.Person{User: "k7qf2mzr4x6yw3ab", Region: "dev"}
	events := []plugins.Event{
		{Name: "set", Room: "home", Person: ann, Fields: plugins.Fields{"b": strings.Repeat("x", 1000), "a": "<b>"}},
		{Name: "set", Room: "home", Person: ann},
		{Name: "set", Room: "home", Person: plugins.Person{Region: "dev"}},
		{Name: "wipe", Room: "home"},
	}
	outcomes := []plugins.Outcome{
		{Mutations: []plugins.Mutation{plugins.Set("s", `"`), plugins.Unset("s"), plugins.Add("n", -2), plugins.SignalAs("v", "k", "1"), {Field: "x", Op: 99}}},
		{Err: plugins.Refuse("No.")},
		{Err: broken},
		{},
	}
	j := dev.NewJournal()
	c := j.Record(carrier{handle: func([]plugins.Event) ([]plugins.Outcome, error) { return outcomes, nil }}, plugins.Manifest{})
	got, err := c.Handle(t.Context(), events, nil)
	if diff := cmp.Diff(outcomes, got, cmpopts.EquateErrors(), cmp.Comparer(func(a, b *plugins.Refusal) bool { return *a == *b })); diff != "" || err != nil {
		t.Errorf("Handle: %v (-want +got)\n%s", err, diff)
	}
	u, _ := j.Since(0)
	want := []dev.Event{
		{
			Room: "home", Name: "set", Who: "User #k7qf2", Colour: "colour-1", Batch: 4,
			Fields:    []string{`a: "<b>"`, `b: "` + strings.Repeat("x", 400) + `… (1000 B)"`},
			Mutations: []string{`Set("s", "\"")`, `Unset("s")`, `Add("n", -2)`, `SignalAs("v", "k", "1")`, `Op99("x", "")`},
		},
		{Room: "home", Name: "set", Who: "User #k7qf2", Colour: "colour-1", Batch: 4, Refusal: "No."},
		{Room: "home", Name: "set", Who: "a watched key", Batch: 4, Error: "it broke"},
		{Room: "home", Name: "wipe", Who: "the admin", Batch: 4},
	}
	if diff := cmp.Diff(want, u.Events, cmpopts.IgnoreFields(dev.Event{}, "N", "At", "Took")); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}

	c = j.Record(carrier{handle: func([]plugins.Event) ([]plugins.Outcome, error) { return nil, plugins.ErrUnavailable }}, plugins.Manifest{})
	if _, err := c.Handle(t.Context(), events[:1], nil); !errors.Is(err, plugins.ErrUnavailable) {
		t.Errorf("Handle: %v, want ErrUnavailable", err)
	}
	if u, _ = j.Since(0); u.Events[len(u.Events)-1].Error != plugins.ErrUnavailable.Error() {
		t.Errorf("noted %+v, want why", u.Events[len(u.Events)-1])
	}
}

func TestRecorder_Render(t *testing.T) {
	html := `<p id="lamp-a">1</p>`
	fragments := []plugins.Fragment{
		{ID: "lamp-a", HTML: html, Patch: []dom.Operation{dom.TextContent("#lamp-b", "<1>")}},
		{ID: "lamp-c", HTML: "x", Audience: plugins.Audience{User: "bob"}},
		{ID: "lamp-d", HTML: "y", Audience: plugins.Audience{Session: "1"}},
	}
	j := dev.NewJournal()
	c := j.Record(carrier{render: func(v plugins.View) ([]plugins.Fragment, error) {
		if v.Room == "bad" {
			return nil, errors.New("cannot")
		}
		return fragments, nil
	}}, lamp{"lamp"}.Manifest())
	state := plugins.State{Counters: map[string]int64{"uses": 3}}
	render := func(v plugins.View) dev.Render {
		t.Helper()
		got, err := c.Render(t.Context(), v)
		if (err != nil) != (v.Room == "bad") || err == nil && len(got) != len(fragments) {
			t.Errorf("Render = %v, %v", got, err)
		}
		u, _ := j.Since(0)
		return u.Renders[len(u.Renders)-1]
	}
	ignore := cmpopts.IgnoreFields(dev.Render{}, "N", "At", "Took")
	patch, err := json.Marshal(fragments[0].Patch[0])
	if err != nil {
		t.Fatal(err)
	}
	first := dev.Render{Room: "home", For: "everybody", Why: []string{"everything is wanted"}, Fragments: []dev.Fragment{
		{ID: "lamp-a", HTML: html, Size: "20 B", Patch: []string{strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(patch))}},
		{ID: "lamp-c", HTML: "x", Size: "1 B", For: "User #bob"},
		{ID: "lamp-d", HTML: "y", Size: "1 B", For: "one tab"},
	}}
	got := render(plugins.View{Room: "home", State: state})
	for i := range got.Fragments[0].Patch { // <, > as the encoder of browsers' frames has them
		got.Fragments[0].Patch[i] = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(got.Fragments[0].Patch[i])
	}
	if diff := cmp.Diff(first, got, ignore); diff != "" {
		t.Errorf("the first render (-want +got):\n%s", diff)
	}
	u, _ := j.Since(0)
	if len(u.Rooms) != 1 || u.Rooms[0].Name != "home" || !cmp.Equal(u.Rooms[0].Fields[1].Rows, [][]string{{"3"}}) {
		t.Errorf("rooms %+v, want uses 3", u.Rooms)
	}

	fragments[1].HTML = "z"
	second := render(plugins.View{Room: "home", Changes: []plugins.Change{{Field: "uses"}, {Field: "light", Value: "v", Group: "g"}}})
	if diff := cmp.Diff([]string{"uses", "light of g: v"}, second.Why); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	if f := second.Fragments; !f[0].Same || f[1].Same || !f[2].Same {
		t.Errorf("fragments %+v, want all the same but the second", f)
	}
	if r := render(plugins.View{Room: "kitchen"}); r.Fragments[0].Same {
		t.Error("a fragment of another room is the same")
	}
	if r := render(plugins.View{Room: "home", Viewer: plugins.Person{User: "bob"}}); r.For != "User #bob" || r.Fragments[1].For != "" {
		t.Errorf("a personal render is %+v, want for bob", r)
	}
	if r := render(plugins.View{Room: "bad"}); r.Error != "cannot" {
		t.Errorf("a render that fails is %+v", r)
	}
}

// Whatever comes, only so much is kept.
func TestJournal_Bounds(t *testing.T) {
	j := dev.NewJournal()
	big := strings.Repeat("x", plugins.MaxFragmentSize)
	c := j.Record(carrier{
		handle: func(events []plugins.Event) ([]plugins.Outcome, error) {
			return make([]plugins.Outcome, len(events)), nil
		},
		render: func(v plugins.View) ([]plugins.Fragment, error) {
			if v.Room == "huge" {
				return []plugins.Fragment{{ID: "lamp-a", HTML: strings.Repeat(big, dev.MaxRenderBytes/len(big)+1)}}, nil
			}
			return []plugins.Fragment{{ID: "lamp-a", HTML: big}, {ID: "lamp-b", HTML: big}, {ID: "lamp-c", HTML: big}}, nil
		},
	}, lamp{"lamp"}.Manifest())
	for i := range 3 * dev.MaxEvents {
		if _, err := c.Handle(t.Context(), []plugins.Event{{Name: "set"}}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Render(t.Context(), plugins.View{Room: strings.Repeat("r", 1+i)}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			j.Log("lamp", "level=INFO msg=x feature=lamp y=1\n")
		}
	}
	u, _ := j.Since(0)
	if len(u.Events) != dev.MaxEvents || len(u.Lines) != dev.MaxLines || len(u.Rooms) != dev.MaxRooms || len(u.Renders) > dev.MaxRenders || j.Size() > dev.MaxRenderBytes {
		t.Errorf("%d events, %d lines, %d rooms, %d renders of %d bytes are kept", len(u.Events), len(u.Lines), len(u.Rooms), len(u.Renders), j.Size())
	}
	if newest := u.Rooms[len(u.Rooms)-1].Name; len(newest) != 3*dev.MaxEvents {
		t.Errorf("the newest room is the %d., want the last one", len(newest))
	}
	if _, err := c.Render(t.Context(), plugins.View{Room: "huge"}); err != nil {
		t.Fatal(err)
	}
	if u, _ = j.Since(0); len(u.Renders) != 1 || u.Renders[0].Room != "huge" {
		t.Errorf("%d renders are kept beside one that is too large, want that one", len(u.Renders)-1)
	}
}

// An update has what is new and nothing else.
func TestJournal_Since(t *testing.T) {
	j := dev.NewJournal()
	c := j.Record(carrier{handle: func(events []plugins.Event) ([]plugins.Outcome, error) {
		return make([]plugins.Outcome, len(events)), nil
	}}, lamp{"lamp"}.Manifest())
	handle := func(room string) {
		t.Helper()
		if _, err := c.Handle(t.Context(), []plugins.Event{{Name: "set", Room: room}}, map[string]plugins.State{room: {}}); err != nil {
			t.Fatal(err)
		}
	}
	handle("a")
	u, at := j.Since(0)
	if !u.Whole || u.Manifest == nil || len(u.Events) != 1 || len(u.Rooms) != 1 {
		t.Errorf("the first update is %+v, want all", u)
	}
	if u, again := j.Since(at); u.Whole || u.Manifest != nil || len(u.Events)+len(u.Rooms) > 0 || again != at {
		t.Errorf("the update after it is %+v, want nothing", u)
	}
	changed := j.Changed()
	handle("b")
	select {
	case <-changed:
	default:
		t.Error("whoever waits is not told of a change")
	}
	if u, _ := j.Since(at); u.Whole || len(u.Events) != 1 || u.Events[0].Room != "b" || len(u.Rooms) != 1 || u.Rooms[0].Name != "b" {
		t.Errorf("the update is %+v, want what happened in b", u)
	}
	j.Record(nil, lamp{"torch"}.Manifest())
	if u, _ := j.Since(at); !u.Whole || u.Manifest.Name != "torch" || len(u.Events)+len(u.Rooms) > 0 {
		t.Errorf("with another feature the update is %+v, want it alone", u)
	}
}

// Only lines about the feature are kept, without saying so.
func TestLines(t *testing.T) {
	j := dev.NewJournal()
	j.Log("lamp", "level=INFO msg=\"feature started\" feature=lamp pid=1\n")
	j.Log("lamp", "level=WARN msg=hot feature=lamp\n")
	j.Log("lamp", "level=INFO msg=hot feature=lamps pid=1\n")
	j.Log("lamp", "level=INFO msg=serving\n")
	u, _ := j.Since(0)
	var got []string
	for _, l := range u.Lines {
		got = append(got, l.Text)
	}
	if diff := cmp.Diff([]string{`level=INFO msg="feature started" pid=1`, "level=WARN msg=hot"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
