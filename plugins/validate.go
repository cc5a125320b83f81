package plugins

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	hyphenName     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	underscoreName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

const (
	hyphenRule     = "lower-case letters, digits and hyphens, starting with a letter, at most 32 characters"
	underscoreRule = "lower-case letters, digits and underscores, starting with a letter, at most 32 characters"
)

// Validate reports all that is wrong with m, joined, or nil.
func (m Manifest) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if !hyphenName.MatchString(m.Name) {
		bad("name %q: want %s", m.Name, hyphenRule)
	}
	if m.Title == "" || len(m.Title) > MaxSentenceSize || hasControl(m.Title, false) {
		bad("title %q: want 1 to %d bytes of text on one line", m.Title, MaxSentenceSize)
	}
	if err := checkStyle(m.Style); err != nil {
		bad("style: %w", err)
	}
	seen := map[string]bool{}
	for _, f := range m.State {
		if seen[f.Name] {
			bad("state field %q: declared twice", f.Name)
		}
		seen[f.Name] = true
		errs = append(errs, f.validate())
	}
	clear(seen)
	for _, e := range m.Events {
		if seen[e.Name] {
			bad("event %q: declared twice", e.Name)
		}
		seen[e.Name] = true
		errs = append(errs, e.validate())
	}
	if len(m.Watches) > MaxWatches {
		bad("%d watches: want at most %d", len(m.Watches), MaxWatches)
	}
	keys := map[string]bool{}
	for _, w := range m.Watches {
		if keys[w.Keys] {
			bad("watch of %q: declared twice", w.Keys)
		}
		keys[w.Keys] = true
		if seen[w.Event] {
			bad("watch of %q: event %q is one that people send", w.Keys, w.Event)
		}
		errs = append(errs, w.validate())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("manifest of %q: %w", m.Name, err)
	}
	return nil
}

func (f Field) validate() error {
	switch {
	case !underscoreName.MatchString(f.Name):
		return fmt.Errorf("state field %q: want %s", f.Name, underscoreRule)
	case f.Kind < Register || f.Kind > Sites:
		return fmt.Errorf("state field %q: unknown kind %d", f.Name, f.Kind)
	case f.Kind == List && (f.Cap < 1 || f.Cap > MaxListSize):
		return fmt.Errorf("state field %q: cap %d: want 1 to %d", f.Name, f.Cap, MaxListSize)
	case f.Kind != List && f.Cap != 0:
		return fmt.Errorf("state field %q: only a list has a cap", f.Name)
	case f.Kind == Presence && f.By != ByRegion && f.By != ByUser:
		return fmt.Errorf("state field %q: want by region or by user", f.Name)
	case f.Kind != Presence && f.By != 0:
		return fmt.Errorf("state field %q: only presence is grouped", f.Name)
	}
	return nil
}

func (e EventType) validate() error {
	var errs []error
	if !hyphenName.MatchString(e.Name) {
		errs = append(errs, fmt.Errorf("event %q: want %s", e.Name, hyphenRule))
	}
	if e.Rate < 0 || e.Rate > 1000 || e.Burst < 0 || e.Burst > 10000 {
		errs = append(errs, fmt.Errorf("event %q: rate %g, burst %d: want 0 to 1000 a second and a burst of 0 to 10000", e.Name, e.Rate, e.Burst))
	}
	seen := map[string]bool{}
	for _, p := range e.Fields {
		if seen[p.Name] {
			errs = append(errs, fmt.Errorf("event %q: field %q declared twice", e.Name, p.Name))
		}
		seen[p.Name] = true
		if err := p.validate(); err != nil {
			errs = append(errs, fmt.Errorf("event %q: %w", e.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (p Param) validate() error {
	switch {
	case !underscoreName.MatchString(p.Name):
		return fmt.Errorf("field %q: want %s", p.Name, underscoreRule)
	case p.Type < Text || p.Type > Choice:
		return fmt.Errorf("field %q: unknown type %d", p.Name, p.Type)
	case p.Min > p.Max:
		return fmt.Errorf("field %q: min %d is more than max %d", p.Name, p.Min, p.Max)
	case p.Type == Text && (p.Min < 0 || p.Max > MaxTextSize):
		return fmt.Errorf("field %q: want a length of 0 to %d characters", p.Name, MaxTextSize)
	case (p.Type == Bool || p.Type == Choice) && (p.Min != 0 || p.Max != 0):
		return fmt.Errorf("field %q: only a text and an int have min and max", p.Name)
	case p.Type == Choice && (len(p.Choices) == 0 || len(p.Choices) > 100):
		return fmt.Errorf("field %q: want 1 to 100 choices", p.Name)
	case p.Type != Choice && len(p.Choices) > 0:
		return fmt.Errorf("field %q: only a choice has choices", p.Name)
	}
	return nil
}

// Event returns the declaration of an event.
func (m Manifest) Event(name string) (EventType, bool) {
	i := slices.IndexFunc(m.Events, func(e EventType) bool { return e.Name == name })
	if i < 0 {
		return EventType{}, false
	}
	return m.Events[i], true
}

// Field returns the declaration of a state field.
func (m Manifest) Field(name string) (Field, bool) {
	i := slices.IndexFunc(m.State, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return m.State[i], true
}

// Check returns the declared fields out of raw, checked, and drops the others.
// Its error is a [Refusal] whose sentence names the field:
//
//	"by" must be a whole number from -1 to 1.
func (e EventType) Check(raw map[string]string) (Fields, error) {
	fields := make(Fields, len(e.Fields))
	for _, p := range e.Fields {
		v, sent := raw[p.Name]
		if !sent {
			if !p.Optional {
				return nil, Refuse(fmt.Sprintf("%q is missing.", p.Name))
			}
			continue
		}
		if !p.holds(v) {
			return nil, Refuse(fmt.Sprintf("%q must be %s.", p.Name, p.describe()))
		}
		fields[p.Name] = v
	}
	return fields, nil
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

// Check reports whether m fits the feature's declared state: a [Mutation] of a
// field that the manifest does not declare, of the wrong kind, or too large is
// refused by the host.
func (m Mutation) Check(manifest Manifest) error {
	f, ok := manifest.Field(m.Field)
	if !ok {
		return fmt.Errorf("mutation of %q: the manifest declares no such field", m.Field)
	}
	kind, ok := map[Op]Kind{OpSet: Register, OpUnset: Register, OpAdd: Counter, OpPush: List, OpSignal: Volatile}[m.Op]
	if !ok || kind != f.Kind {
		return fmt.Errorf("mutation of %q: operation %d does not fit kind %d", m.Field, m.Op, f.Kind)
	}
	if len(m.Value) > MaxValueSize {
		return fmt.Errorf("mutation of %q: value of %d bytes, at most %d are allowed", m.Field, len(m.Value), MaxValueSize)
	}
	if !utf8.ValidString(m.Value) {
		return fmt.Errorf("mutation of %q: value is not UTF-8", m.Field)
	}
	return nil
}

func hasControl(s string, lineBreaks bool) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		if lineBreaks && (r == '\n' || r == '\r' || r == '\t') {
			return false
		}
		return unicode.IsControl(r)
	})
}
