package plugintest

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/markup"
)

// difference compares two answers. No entries and none at all are the same.
func difference(a, b any) string { return cmp.Diff(a, b, cmpopts.EquateEmpty()) }

// outcomeFault reports what a host would refuse of an answer to an event.
func outcomeFault(m plugins.Manifest, mutations []plugins.Mutation, err error) error {
	if refusal, ok := errors.AsType[*plugins.Refusal](err); ok {
		s := refusal.Sentence
		if s == "" || len(s) > plugins.MaxSentenceSize || !utf8.ValidString(s) {
			return fmt.Errorf("refuses with %q: want a sentence of 1 to %d bytes", s, plugins.MaxSentenceSize)
		}
		return nil
	}
	if err != nil {
		return nil // for the caller to judge
	}
	if len(mutations) > plugins.MaxMutations {
		return fmt.Errorf("%d mutations: at most %d are allowed", len(mutations), plugins.MaxMutations)
	}
	for _, mutation := range mutations {
		if err := mutation.Check(m); err != nil {
			return err
		}
	}
	return nil
}

// fragmentsFault reports what a host would refuse of a render.
func fragmentsFault(v plugins.View, fragments []plugins.Fragment) error {
	if err := markup.Fragments(v.Feature, fragments); err != nil {
		return err
	}
	for _, f := range fragments {
		if err := escaped(f.HTML); err != nil {
			return fmt.Errorf("fragment %q: %w", f.ID, err)
		}
		for _, op := range f.Patch {
			if err := escaped(op.HTML()); err != nil {
				return fmt.Errorf("fragment %q: patch: operation %s: %w", f.ID, op, err)
			}
		}
		if v.Personal() && f.Audience != (plugins.Audience{User: v.Viewer.User}) {
			return fmt.Errorf("fragment %q: its audience is %+v, but only %s was to be shown something", f.ID, f.Audience, v.Viewer.User)
		}
	}
	return nil
}

// key tells fragments apart.
type key struct {
	id       string
	audience plugins.Audience
}

func keyOf(f plugins.Fragment) key { return key{f.ID, f.Audience} }

// text is an error's, "" for none: what may be compared of one that crossed a
// wire.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
