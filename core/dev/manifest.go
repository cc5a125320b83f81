package dev

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/global-presence/presence/plugins"
)

// Manifest is what the page shows of a plugins.Manifest.
type Manifest struct {
	Name  string `json:"name"`
	Title string `json:"title"`

	// Look changes when title or style do, which open pages show after a load.
	Look string `json:"look"`

	State  []Field     `json:"state"`
	Events []EventType `json:"events"`

	// Notes are the rest of it, in words.
	Notes []string `json:"notes,omitempty"`
}

// Field is a declared field of the state, in words.
type Field struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// EventType is an event with what its form needs.
type EventType struct {
	Name   string  `json:"name"`
	Note   string  `json:"note"`
	Admin  bool    `json:"admin,omitempty"`
	Fields []Param `json:"fields,omitempty"`
}

// Param is a field of an event: Type is "text", "int", "bool", "choice" or "cells".
type Param struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Note     string   `json:"note"`
	Optional bool     `json:"optional,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

func newManifest(m plugins.Manifest) Manifest {
	s := Manifest{Name: m.Name, Title: m.Title, Look: m.Title + "\x00" + m.Style}
	for _, f := range m.State {
		s.State = append(s.State, Field{Name: f.Name, Kind: kindWords(f)})
	}
	for _, e := range m.Events {
		rate, burst := e.Limits()
		t := EventType{Name: e.Name, Admin: e.Admin, Note: fmt.Sprintf("%s a second, %d at once", strconv.FormatFloat(rate, 'g', -1, 64), burst)}
		if e.Admin {
			t.Note = "for whoever runs the host"
		}
		if e.Latest {
			t.Note += "; only the newest counts"
		}
		for _, p := range e.Fields {
			t.Fields = append(t.Fields, newParam(p))
		}
		s.Events = append(s.Events, t)
	}
	if m.Personal {
		s.Notes = append(s.Notes, "Personal: it also renders for single people.")
	}
	if m.Leaves != "" {
		s.Notes = append(s.Notes, fmt.Sprintf("The event %q happens when somebody's tab has left.", m.Leaves))
	}
	if m.Joins != "" {
		s.Notes = append(s.Notes, fmt.Sprintf("The event %q happens when somebody's tab has come.", m.Joins))
	}
	for _, w := range m.Watches {
		s.Notes = append(s.Notes, fmt.Sprintf("Watches %s as the event %q. The store here is this process's own, so that no other program writes to it and nothing is told.", w.Keys, w.Event))
	}
	if m.Style != "" {
		s.Notes = append(s.Notes, fmt.Sprintf("Style of %s.", sizeWords(len(m.Style))))
	}
	return s
}

func newParam(p plugins.Param) Param {
	s := Param{Name: p.Name, Optional: p.Optional, Choices: p.Choices}
	bounds := func(unit string) string {
		if p.Min == 0 && p.Max == 0 {
			return ""
		}
		return fmt.Sprintf(" from %d to %d%s", p.Min, p.Max, unit)
	}
	switch p.Type {
	case plugins.Text:
		s.Type, s.Note = "text", "text"+bounds(" characters")
	case plugins.Int:
		s.Type, s.Note = "int", "whole number"+bounds("")
	case plugins.Bool:
		s.Type, s.Note = "bool", "yes or no"
	case plugins.Choice:
		s.Type, s.Note = "choice", "one of "+strconv.Itoa(len(p.Choices))
	case plugins.Cells:
		s.Type, s.Note = "cells", "cells of "+p.Of+", such as 0,0 1,0"
	}
	if p.Optional {
		s.Note += ", or nothing"
	}
	return s
}

// kindWords says what a field is: "list of the newest 20".
func kindWords(f plugins.Field) string {
	direct := func(kind string) string {
		if f.Direct {
			return kind + ", told to its element without a render"
		}
		return kind
	}
	switch f.Kind {
	case plugins.Register:
		return "register"
	case plugins.Counter:
		return "counter"
	case plugins.List:
		return fmt.Sprintf("list of the newest %d", f.Cap)
	case plugins.Presence:
		if f.By == plugins.ByRegion {
			return "presence by region"
		}
		return "presence by user, those who changed last"
	case plugins.Volatile:
		return direct("volatile, not kept")
	case plugins.Sites:
		return "sites"
	case plugins.Grid:
		return fmt.Sprintf("board of %d × %d cells and %d colours, not handed to the feature", f.Width, f.Height, len(f.Palette))
	case plugins.Traffic:
		return direct("traffic, not kept")
	}
	return fmt.Sprintf("kind %d", f.Kind)
}

// opWords are the names of operations as the functions that make them have them.
var opWords = map[plugins.Op]string{
	plugins.OpSet: "Set", plugins.OpUnset: "Unset", plugins.OpAdd: "Add", plugins.OpPush: "Push", plugins.OpSignal: "Signal",
	plugins.OpPaint: "Paint", plugins.OpClear: "Clear", plugins.OpRevert: "Revert",
}

// mutationWords writes a mutation as an author does: Push("lines", "hello").
func mutationWords(m plugins.Mutation) string {
	args := []string{strconv.Quote(m.Field)}
	switch {
	case m.Op == plugins.OpAdd:
		args = append(args, strconv.FormatInt(m.Delta, 10))
	case m.Op == plugins.OpSignal && m.Key != "":
		args = append(args, strconv.Quote(m.Key), strconv.Quote(clip(m.Value)))
		return "SignalAs(" + strings.Join(args, ", ") + ")"
	case m.Op != plugins.OpUnset:
		args = append(args, strconv.Quote(clip(m.Value)))
	}
	word, known := opWords[m.Op]
	if !known {
		word = fmt.Sprintf("Op%d", m.Op)
	}
	return word + "(" + strings.Join(args, ", ") + ")"
}

// maxShown is how many bytes of one value are shown.
const maxShown = 400

// clip shortens a value for people.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + fmt.Sprintf("… (%s)", sizeWords(len(s)))
}

// sizeWords says a size.
func sizeWords(n int) string {
	if n < 10_000 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d kB", n/1000)
}
