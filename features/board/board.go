// Package board is a picture that everybody in a room paints together, a cell at a
// time.
package board

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
)

//go:embed style.css
var style string

// The fields: the board, and who may not paint.
const (
	pixels  = "pixels"
	blocked = "blocked"
)

// side is how many cells the board has in each direction.
const side = 1000

// Cells a person may paint in a second, and at once.
const (
	rate  = 10
	burst = 60
)

// maxBlocked is how many decisions to block somebody are remembered.
const maxBlocked = 1000

type feature struct{}

// New returns the feature.
func New() plugins.Feature { return feature{} }

var _ plugins.Feature = feature{}

// Manifest implements [plugins.Feature].
func (feature) Manifest() plugins.Manifest {
	colour := plugins.Param{Name: "colour", Type: plugins.Int, Max: int64(len(palette) - 1)}
	part := []plugins.Param{
		{Name: "x", Type: plugins.Int, Max: side - 1},
		{Name: "y", Type: plugins.Int, Max: side - 1},
		{Name: "w", Type: plugins.Int, Min: 1, Max: side},
		{Name: "h", Type: plugins.Int, Min: 1, Max: side},
	}
	user := plugins.Param{Name: "user", Type: plugins.Text, Min: 5, Max: 16}
	return plugins.Manifest{
		Name:  "board",
		Title: "The board",
		State: []plugins.Field{
			{Name: pixels, Kind: plugins.Grid, Width: side, Height: side, Palette: palette},
			{Name: blocked, Kind: plugins.List, Cap: maxBlocked},
		},
		Events: []plugins.EventType{
			{Name: "paint", Fields: []plugins.Param{
				{Name: "cells", Type: plugins.Cells, Of: pixels, Optional: true},
				{Name: "x", Type: plugins.Int, Max: side - 1, Optional: true},
				{Name: "y", Type: plugins.Int, Max: side - 1, Optional: true},
				colour,
			}, Rate: rate, Burst: burst},
			{Name: "clear", Fields: part, Admin: true},
			{
				Name: "restore", Admin: true,
				Fields: append(slices.Clip(part), plugins.Param{Name: "minutes", Type: plugins.Int, Min: 1, Max: 60}),
			},
			{Name: "block", Fields: []plugins.Param{user}, Admin: true},
			{Name: "unblock", Fields: []plugins.Param{user}, Admin: true},
		},
		Style: style,
	}
}

// Handle implements [plugins.Feature].
func (feature) Handle(_ context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	switch ev.Name {
	case "paint":
		if isBlocked(s.Lists[blocked], ev.Person.User) {
			return nil, plugins.Refuse("You can't paint here any more.")
		}
		cells, err := cellsOf(ev.Fields)
		if err != nil {
			return nil, err
		}
		return []plugins.Mutation{plugins.Paint(pixels, int(ev.Fields.Int("colour")), cells...)}, nil
	case "clear":
		part, err := partOf(ev.Fields)
		if err != nil {
			return nil, err
		}
		return []plugins.Mutation{plugins.Clear(pixels, part)}, nil
	case "restore":
		part, err := partOf(ev.Fields)
		if err != nil {
			return nil, err
		}
		at := ev.Time.Add(-time.Duration(ev.Fields.Int("minutes")) * time.Minute)
		return []plugins.Mutation{plugins.Revert(pixels, part, at)}, nil
	case "block", "unblock":
		user, err := userOf(ev.Fields)
		if err != nil {
			return nil, err
		}
		if ev.Name == "block" {
			return []plugins.Mutation{plugins.Push(blocked, "+"+user)}, nil
		}
		if !isBlocked(s.Lists[blocked], user) {
			return nil, plugins.Refuse(fmt.Sprintf("#%s is not blocked in this room.", user))
		}
		return []plugins.Mutation{plugins.Push(blocked, "-"+user)}, nil
	}
	return nil, fmt.Errorf("handle event %q: not declared", ev.Name)
}

// cellsOf returns which cells an event paints: many, or the one that a form names.
func cellsOf(f plugins.Fields) ([]plugins.Point, error) {
	if _, many := f["cells"]; many {
		return f.Cells("cells"), nil
	}
	_, x := f["x"]
	_, y := f["y"]
	if !x || !y {
		return nil, plugins.Refuse("Say which cell to paint, by x and y.")
	}
	return []plugins.Point{{X: int(f.Int("x")), Y: int(f.Int("y"))}}, nil
}

// partOf returns the part of the board that an event names.
func partOf(f plugins.Fields) (plugins.Rect, error) {
	r := plugins.Rect{X: int(f.Int("x")), Y: int(f.Int("y")), W: int(f.Int("w")), H: int(f.Int("h"))}
	if r.X+r.W > side || r.Y+r.H > side {
		return r, plugins.Refuse(fmt.Sprintf("That reaches beyond the board, which is %d × %d cells.", side, side))
	}
	return r, nil
}

// userOf returns whom an event names: a whole user id or the part of it that people
// see, with or without the number sign.
func userOf(f plugins.Fields) (string, error) {
	user := strings.ToLower(strings.TrimPrefix(f.Text("user"), "#"))
	if !isUser(user) {
		return "", plugins.Refuse("\"user\" must be a number as the board's readout tells it, such as #k7qf2.")
	}
	return user, nil
}

// isUser reports whether s has the form of a whole user id or of its number.
func isUser(s string) bool {
	if len(s) != 5 && len(s) != 16 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// isBlocked reports what the newest decision about a user says. A number stands for
// everybody who has it.
func isBlocked(decisions []plugins.Item, user string) bool {
	for _, d := range decisions { // the newest first
		if len(d.Value) > 1 && (d.Value[1:] == user || d.Value[1:] == plugins.UserNumber(user)) {
			return d.Value[0] == '+'
		}
	}
	return false
}

// Render implements [plugins.Feature]. What is painted needs no render.
func (f feature) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	if v.Changes != nil {
		return nil, nil
	}
	m := f.Manifest()
	field, _ := m.Field(pixels)
	paint, _ := m.Event("paint")
	return plugins.Fragments(ctx,
		plugins.Part{ID: "board-pixels", Component: element.Board{
			Feature: m.Name, Room: v.Room, Field: field, Paint: paint, Action: v.Action("paint"),
		}},
		plugins.Part{ID: "board-about", Component: about()},
	)
}
