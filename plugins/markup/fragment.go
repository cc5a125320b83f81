package markup

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// Fragments reports what is wrong with what a feature rendered: their number and
// size, two of one id for the same people, HTML that [Check] refuses, and patches
// that reach beyond the feature. One fault spoils the lot: half a corner is worse
// than the one that was there.
func Fragments(feature string, fragments []plugins.Fragment) error {
	type place struct {
		id       string
		audience plugins.Audience
	}
	type total struct{ fragments, bytes int }
	if len(fragments) > plugins.MaxRendered {
		return fmt.Errorf("%d fragments: at most %d are allowed in one render", len(fragments), plugins.MaxRendered)
	}
	size := 0
	seen := make(map[place]bool, len(fragments))
	totals := map[plugins.Audience]total{}
	for _, f := range fragments {
		if len(f.HTML) > plugins.MaxFragmentSize {
			id := strings.ToValidUTF8(f.ID[:min(len(f.ID), 64)], "")
			return fmt.Errorf("fragment %q: %d bytes of HTML: at most %d are allowed", id, len(f.HTML), plugins.MaxFragmentSize)
		}
		if size += len(f.HTML); size > plugins.MaxRenderedSize {
			return fmt.Errorf("more than %d bytes of HTML in one render", plugins.MaxRenderedSize)
		}
		t := totals[f.Audience]
		t.fragments++
		t.bytes += len(f.HTML)
		totals[f.Audience] = t
		if t.fragments > plugins.MaxFragments {
			return fmt.Errorf("more than %d fragments for the same people", plugins.MaxFragments)
		}
		if t.bytes > plugins.MaxCornerSize {
			return fmt.Errorf("more than %d bytes of HTML for the same people", plugins.MaxCornerSize)
		}
		if err := Check(feature, f.ID, f.HTML); err != nil {
			return err
		}
		at := place{f.ID, f.Audience}
		if seen[at] {
			return fmt.Errorf("fragment %q: rendered twice for the same people", f.ID)
		}
		seen[at] = true
		if err := patch(feature, f); err != nil {
			return fmt.Errorf("fragment %q: patch: %w", f.ID, err)
		}
	}
	return nil
}

// ownID is the selector of one element by its id.
var ownID = regexp.MustCompile(`^#[a-z][A-Za-z0-9_-]*$`)

// patch holds a fragment's patch to what a fragment may do: it changes elements of
// the feature only, and what it inserts passes the same check.
func patch(feature string, f plugins.Fragment) error {
	if len(f.Patch) > plugins.MaxPatch {
		return fmt.Errorf("%d operations: at most %d are allowed", len(f.Patch), plugins.MaxPatch)
	}
	if len(f.Patch) > 0 && f.Audience != (plugins.Audience{}) {
		return errors.New("only a fragment for everybody may have one")
	}
	size := 0
	for _, op := range f.Patch {
		if err := op.Broadcastable(); err != nil {
			return err
		}
		sel := op.Selector()
		switch {
		case !op.Element() || op.UsesXPath() || op.SelectsAll() || !ownID.MatchString(sel):
			return fmt.Errorf("operation %s: want one that changes one element, named by its id", op)
		case !belongs(feature, sel[1:]):
			return fmt.Errorf("operation %s: the element is not %s's", op, feature)
		case op.Name() == "graft" || op.Name() == "dispatchEvent": // one leaves the corner, the other acts for people
			return fmt.Errorf("operation %s: not in a patch", op)
		case !harmless(op.Attribute()) || !harmless(op.Property()):
			return fmt.Errorf("operation %s: may not change %q", op, op.Attribute()+op.Property())
		}
		if err := inserted(feature, op.HTML()); err != nil {
			return fmt.Errorf("operation %s: %w", op, err)
		}
		size += len(op.AppendJSON(nil))
	}
	if size > plugins.MaxPatchSize {
		return fmt.Errorf("%d bytes of operations: at most %d are allowed", size, plugins.MaxPatchSize)
	}
	return nil
}

// harmless reports whether a patch may set an attribute or a property.
func harmless(name string) bool {
	name = strings.ToLower(name)
	return !strings.HasPrefix(name, "on") && !slices.Contains([]string{"id", "style", Rev}, name) && !dom.URLAttribute(name)
}

// inserted reports what is wrong with HTML that an operation puts somewhere. It does
// not know where, so it is content with any element that could hold it.
func inserted(feature, html string) error {
	if html == "" {
		return nil
	}
	id := feature + "-patched"
	var fault error
	for _, holder := range []string{"div", "ul", "dl", "select"} {
		err := Check(feature, id, "<"+holder+` id="`+id+`">`+html+"</"+holder+">")
		if err == nil {
			return nil
		}
		if fault == nil {
			fault = err // the most common place says it best
		}
	}
	return fault
}
