package bus

import (
	"fmt"
	"maps"
	"slices"

	"github.com/global-presence/presence/plugins"
)

// set is the features of the page at one moment. It is never changed: [Bus.Add] and
// [Bus.Remove] put another in its place.
type set struct {
	order  []*feature // as they stand on the page
	byName map[string]*feature
	gone   map[string]bool // names of those that were removed and are not back
}

// maxGone is how many removed features are remembered.
const maxGone = 1000

// feature returns the feature of a name, or nil.
func (b *Bus) feature(name string) *feature { return b.set.Load().byName[name] }

// features returns all features in page order. The slice is not to be changed.
func (b *Bus) features() []*feature { return b.set.Load().order }

// with returns the set that has f, too, as the last of the page.
func (s *set) with(f *feature) *set {
	next := s.clone()
	next.order = append(next.order, f)
	next.byName[f.name] = f
	delete(next.gone, f.name)
	return next
}

// without returns the set that does not have f.
func (s *set) without(f *feature) *set {
	next := s.clone()
	next.order = slices.DeleteFunc(next.order, func(other *feature) bool { return other == f })
	delete(next.byName, f.name)
	for name := range next.gone {
		if len(next.gone) < maxGone {
			break
		}
		delete(next.gone, name)
	}
	next.gone[f.name] = true
	return next
}

func (s *set) clone() *set {
	return &set{order: slices.Clone(s.order), byName: maps.Clone(s.byName), gone: maps.Clone(s.gone)}
}

// check reports why no feature can be called name, or nil. What a feature shows has ids
// that begin with its name and a hyphen: one that is called so would be taken for it.
func (s *set) check(name string) error {
	if err := (plugins.Manifest{Name: name, Title: name}).Validate(); err != nil {
		return err
	}
	for _, f := range s.order {
		switch {
		case f.name == name:
			return fmt.Errorf("feature %q: there is one of that name", name)
		case plugins.TooClose(name, f.name):
			return fmt.Errorf("feature %q: the name is too close to that of feature %q, whose elements have ids that begin with %q", name, f.name, f.name+"-")
		}
	}
	return nil
}
