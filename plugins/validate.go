//go:build !wasip1

package plugins

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate reports all that is wrong with m as a [*ManifestError], or nil.
func (m Manifest) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if !hyphenName.matches(m.Name) {
		bad("name %.100q: want %s", m.Name, hyphenRule)
	}
	if m.Title == "" || len(m.Title) > MaxSentenceSize || hasControl(m.Title, false) || !utf8.ValidString(m.Title) {
		bad("title %.100q: want 1 to %d bytes of text on one line", m.Title, MaxSentenceSize)
	}
	if err := checkStyle(m.Style); err != nil {
		bad("style: %w", err)
	}
	// What is too much is counted and not gone through: a fault costs a line.
	if len(m.State) > MaxFields {
		bad("%d state fields: want at most %d", len(m.State), MaxFields)
		m.State = m.State[:MaxFields]
	}
	if len(m.Events) > MaxEvents {
		bad("%d events: want at most %d", len(m.Events), MaxEvents)
		m.Events = m.Events[:MaxEvents]
	}
	seen := map[string]bool{}
	for _, f := range m.State {
		if seen[f.Name] {
			bad("state field %.100q: declared twice", f.Name)
		}
		seen[f.Name] = true
		errs = append(errs, f.validate())
	}
	errs = append(errs, m.validateGrids())
	clear(seen)
	for _, e := range m.Events {
		if seen[e.Name] {
			bad("event %.100q: declared twice", e.Name)
		}
		seen[e.Name] = true
		errs = append(errs, e.validate(m))
	}
	if m.Leaves != "" && (seen[m.Leaves] || !hyphenName.matches(m.Leaves)) {
		bad("leaves %.100q: want %s, and none of the events", m.Leaves, hyphenRule)
	}
	if m.Joins != "" && (seen[m.Joins] || m.Joins == m.Leaves || !hyphenName.matches(m.Joins)) {
		bad("joins %.100q: want %s, and none of the events nor that of leaves", m.Joins, hyphenRule)
	}
	if len(m.Watches) > MaxWatches {
		bad("%d watches: want at most %d", len(m.Watches), MaxWatches)
		m.Watches = m.Watches[:MaxWatches]
	}
	keys := map[string]bool{}
	for _, w := range m.Watches {
		if keys[w.Keys] {
			bad("watch of %.100q: declared twice", w.Keys)
		}
		keys[w.Keys] = true
		if seen[w.Event] || w.Event == m.Leaves || w.Event == m.Joins {
			bad("watch of %.100q: event %.100q is one that people send", w.Keys, w.Event)
		}
		errs = append(errs, w.validate())
	}
	if err := few(errs); err != nil {
		return &ManifestError{Name: m.Name, Err: err}
	}
	return nil
}

// maxFaults is how many faults of a manifest are told one by one. One that was made to
// be wrong has hundreds of thousands, and is read again at every start.
const maxFaults = 50

// few joins errs, of which each may be joined of others, as far as people read on.
func few(errs []error) error {
	faults := split(nil, errs)
	if more := len(faults) - maxFaults; more > 0 {
		faults = append(faults[:maxFaults:maxFaults], fmt.Errorf("and %d more", more))
	}
	return errors.Join(faults...)
}

// split appends the single errors of which errs are joined to faults.
func split(faults, errs []error) []error {
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			faults = split(faults, joined.Unwrap())
		} else if err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

// ManifestError is what is wrong with a manifest: all of it, or the first 50 faults and
// how many more there are.
type ManifestError struct {
	// Name is the feature's, as the manifest has it.
	Name string

	// Err has a line for each fault.
	Err error
}

// Error returns a line for each fault, the first of them after whose they are.
func (e *ManifestError) Error() string { return fmt.Sprintf("manifest of %.100q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *ManifestError) Unwrap() error { return e.Err }

func (f Field) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("state field %.100q: "+format, append([]any{f.Name}, args...)...))
	}
	if !underscoreName.matches(f.Name) {
		bad("want %s", underscoreRule)
	}
	if f.Kind < Register || f.Kind > Traffic {
		bad("unknown kind %d", f.Kind) // what else it has cannot be judged
		return errors.Join(errs...)
	}
	if f.Kind == List && (f.Cap < 1 || f.Cap > MaxListSize) {
		bad("cap %d: want 1 to %d", f.Cap, MaxListSize)
	}
	if f.Kind != List && f.Cap != 0 {
		bad("only a list has a cap")
	}
	if f.Kind == Presence && f.By != ByRegion && f.By != ByUser {
		bad("want by region or by user")
	}
	if f.Kind != Presence && f.By != 0 {
		bad("only presence is grouped")
	}
	if f.Direct && f.Kind != Volatile && f.Kind != Traffic {
		bad("only a volatile one is direct")
	}
	if f.Kind == Grid {
		errs = append(errs, f.validateGrid())
	} else if f.Width != 0 || f.Height != 0 || f.Palette != nil {
		bad("only a grid has a width, a height and a palette")
	}
	return errors.Join(errs...)
}

func (e EventType) validate(m Manifest) error {
	var errs []error
	if !hyphenName.matches(e.Name) {
		errs = append(errs, fmt.Errorf("event %.100q: want %s", e.Name, hyphenRule))
	}
	if !(e.Rate >= 0 && e.Rate <= 1000) || e.Burst < 0 || e.Burst > 10000 { // a rate may be NaN
		errs = append(errs, fmt.Errorf("event %.100q: rate %g, burst %d: want 0 to 1000 a second and a burst of 0 to 10000", e.Name, e.Rate, e.Burst))
	}
	if e.Trace != "" {
		if f, ok := m.Field(e.Trace); !ok || f.Kind != Register || e.Latest {
			errs = append(errs, fmt.Errorf("event %.100q: trace %.100q: want a register field, and an event of which not only the latest counts", e.Name, e.Trace))
		}
	}
	if len(e.Fields) > MaxParams {
		errs = append(errs, fmt.Errorf("event %.100q: %d fields: want at most %d", e.Name, len(e.Fields), MaxParams))
		e.Fields = e.Fields[:MaxParams]
	}
	seen := map[string]bool{}
	for _, p := range e.Fields {
		if seen[p.Name] {
			errs = append(errs, fmt.Errorf("event %.100q: field %.100q declared twice", e.Name, p.Name))
		}
		seen[p.Name] = true
		for _, err := range p.validate(m) {
			errs = append(errs, fmt.Errorf("event %.100q: field %.100q: %w", e.Name, p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// validate returns all that is wrong, without the field's name.
func (p Param) validate(m Manifest) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if !underscoreName.matches(p.Name) {
		bad("want %s", underscoreRule)
	}
	if p.Type < Text || p.Type > Cells {
		bad("unknown type %d", p.Type) // what else it has cannot be judged
		return errs
	}
	if p.Min > p.Max {
		bad("min %d is more than max %d", p.Min, p.Max)
	} else if p.Type == Text && (p.Min < 0 || p.Max > MaxTextSize) {
		bad("want a length of 0 to %d characters", MaxTextSize)
	}
	if (p.Type == Bool || p.Type == Choice) && (p.Min != 0 || p.Max != 0) {
		bad("only a text and an int have min and max")
	}
	if p.Type == Choice {
		errs = append(errs, p.validateChoices()...)
	} else if len(p.Choices) > 0 {
		bad("only a choice has choices")
	}
	if p.Type == Cells {
		if f, ok := m.Field(p.Of); !ok || f.Kind != Grid {
			bad("cells of %.100q: the manifest declares no such grid", p.Of)
		}
		if p.Min != 0 || p.Max < 0 || p.Max > MaxCells {
			bad("want no min, and a max of 1 to %d cells", MaxCells)
		}
	} else if p.Of != "" {
		bad("only cells lie in a grid")
	}
	return errs
}

func (p Param) validateChoices() []error {
	if len(p.Choices) == 0 || len(p.Choices) > MaxChoices {
		return []error{fmt.Errorf("want 1 to %d choices", MaxChoices)}
	}
	var errs []error
	seen := map[string]bool{}
	for _, c := range p.Choices {
		if seen[c] {
			errs = append(errs, fmt.Errorf("choice %.100q is there twice", c))
		}
		seen[c] = true
		if len(c) > MaxTextSize || !utf8.ValidString(c) || hasControl(c, false) {
			errs = append(errs, fmt.Errorf("choice %.100q: want at most %d bytes of text on one line", c, MaxTextSize))
		}
	}
	return errs
}

func (p Param) holds(v string) bool {
	switch p.Type {
	case Int:
		n, err := strconv.ParseInt(v, 10, 64)
		return err == nil && (!p.bounded() || p.Min <= n && n <= p.Max)
	case Bool:
		return v == "true" || v == "false"
	case Choice:
		return slices.Contains(p.Choices, v)
	case Text:
		if len(v) > MaxTextSize || !utf8.ValidString(v) || hasControl(v, true) {
			return false
		}
		n := int64(utf8.RuneCountInString(v))
		return !p.bounded() || p.Min <= n && n <= p.Max
	}
	return false
}

func (p Param) bounded() bool { return p.Min != 0 || p.Max != 0 }

func (p Param) describe() string {
	switch p.Type {
	case Int:
		if p.bounded() {
			return fmt.Sprintf("a whole number from %d to %d", p.Min, p.Max)
		}
		return "a whole number"
	case Bool:
		return "true or false"
	case Choice:
		if s := strings.Join(p.Choices, ", "); len(s) <= 100 {
			return "one of " + s
		}
		return "one of the choices offered"
	default:
		if p.bounded() {
			return fmt.Sprintf("a text of %d to %d characters", p.Min, p.Max)
		}
		return fmt.Sprintf("a text of at most %d bytes", MaxTextSize)
	}
}
