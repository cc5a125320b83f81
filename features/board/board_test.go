package board_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/features/board"
	"github.com/global-presence/presence/features/internal/golden"
	"github.com/global-presence/presence/plugins"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestFeature_Handle(t *testing.T) {
	part := plugins.Fields{"x": "10", "y": "20", "w": "30", "h": "40", "minutes": "5"}
	rect := plugins.Rect{X: 10, Y: 20, W: 30, H: 40}
	for _, tt := range []struct {
		event  string
		fields plugins.Fields
		want   plugins.Mutation
	}{
		{"paint", plugins.Fields{"cells": "1,2 3,4", "colour": "7"}, plugins.Paint("pixels", 7, plugins.Point{X: 1, Y: 2}, plugins.Point{X: 3, Y: 4})},
		{"paint", plugins.Fields{"x": "5", "y": "999", "colour": "0"}, plugins.Paint("pixels", 0, plugins.Point{X: 5, Y: 999})},
		{"clear", part, plugins.Clear("pixels", rect)},
		{"restore", part, plugins.Revert("pixels", rect, now.Add(-5*time.Minute))},
		{"block", plugins.Fields{"user": "#k7qf2"}, plugins.Push("blocked", "+k7qf2")},
		{"block", plugins.Fields{"user": "k7qf2abcdefghijk"}, plugins.Push("blocked", "+k7qf2abcdefghijk")},
		{"unblock", plugins.Fields{"user": "#K7QF2"}, plugins.Push("blocked", "-k7qf2")},
	} {
		got, err := board.New().Handle(t.Context(), plugins.Event{Name: tt.event, Fields: tt.fields, Time: now}, plugins.State{
			Lists: map[string][]plugins.Item{"blocked": {{Value: "+k7qf2"}}},
		})
		if diff := cmp.Diff([]plugins.Mutation{tt.want}, got); diff != "" || err != nil {
			t.Errorf("Handle(%s), err %v (-want +got):\n%s", tt.event, err, diff)
		}
	}
	if _, err := board.New().Handle(t.Context(), plugins.Event{Name: "erase"}, plugins.State{}); err == nil {
		t.Error("Handle(erase) = nil, want an error")
	}
	_, err := board.New().Handle(t.Context(), plugins.Event{Name: "paint", Fields: plugins.Fields{"x": "5", "colour": "0"}}, plugins.State{})
	if _, ok := errors.AsType[*plugins.Refusal](err); !ok {
		t.Errorf("paint of half a cell: %v, want a refusal", err)
	}
	for _, tt := range []struct{ event, user string }{
		{"block", "hello world"},
		{"block", "k7qf"},
		{"block", "k7qf28"},
		{"block", "k7q!2"},
		{"block", "k7qf2abcdefghij1"},
		{"block", "käf2"},
		{"unblock", "#aaaaa"},
	} {
		_, err := board.New().Handle(t.Context(), plugins.Event{Name: tt.event, Fields: plugins.Fields{"user": tt.user}}, plugins.State{})
		if _, ok := errors.AsType[*plugins.Refusal](err); !ok {
			t.Errorf("%s of %q: %v, want a refusal", tt.event, tt.user, err)
		}
	}
	beyond := plugins.Fields{"x": "990", "y": "0", "w": "11", "h": "1"}
	_, err = board.New().Handle(t.Context(), plugins.Event{Name: "clear", Fields: beyond}, plugins.State{})
	if refusal, ok := errors.AsType[*plugins.Refusal](err); !ok || !strings.Contains(refusal.Sentence, "1000 × 1000") {
		t.Errorf("clear beyond the board: %v, want a refusal that tells its size", err)
	}
}

// TestFeature_blocked: the newest decision counts, by the whole id or by the number.
func TestFeature_blocked(t *testing.T) {
	decisions := func(values ...string) plugins.State {
		var items []plugins.Item
		for _, v := range values {
			items = append(items, plugins.Item{Value: v})
		}
		return plugins.State{Lists: map[string][]plugins.Item{"blocked": items}}
	}
	for _, tt := range []struct {
		name  string
		state plugins.State
		want  bool
	}{
		{"nobody", plugins.State{}, false},
		{"by number", decisions("+k7qf2"), true},
		{"by id", decisions("+k7qf2abcdefghijk"), true},
		{"another", decisions("+zzzzz"), false},
		{"let in again", decisions("-k7qf2", "+k7qf2"), false},
		{"and out", decisions("+k7qf2abcdefghijk", "-k7qf2", "+k7qf2"), true},
		{"strange", decisions("", "+"), false},
	} {
		ev := plugins.Event{
			Name: "paint", Fields: plugins.Fields{"cells": "1,1", "colour": "1"},
			Person: plugins.Person{User: "k7qf2abcdefghijk"},
		}
		_, err := board.New().Handle(t.Context(), ev, tt.state)
		if _, refused := errors.AsType[*plugins.Refusal](err); refused != tt.want {
			t.Errorf("%s: refused %t (%v), want %t", tt.name, refused, err, tt.want)
		}
	}
}

func TestFeature_Render(t *testing.T) {
	golden.Render(t, "all", board.New(), plugins.View{})
	golden.Render(t, "changed", board.New(), plugins.View{Changes: []plugins.Change{{Field: "blocked"}}})
}

// TestPalette: 32 colours with names that differ, and far enough from each other for
// any eye that tells light from dark.
func TestPalette(t *testing.T) {
	field, _ := board.New().Manifest().Field("pixels")
	if len(field.Palette) != 32 {
		t.Errorf("%d colours, want 32", len(field.Palette))
	}
	if err := board.New().Manifest().Validate(); err != nil {
		t.Error(err)
	}
}
