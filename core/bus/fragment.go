package bus

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/markup"
)

// revAttribute carries a fragment's revision on the page.
const revAttribute = markup.Rev

// roomCorner and ownCorner are the ids of the elements that hold a feature's
// fragments: those for everybody, and those for the viewer alone. No feature can
// have them, since its ids have no underscore before its name ends.
func roomCorner(feature string) string { return "page_room-" + feature }
func ownCorner(feature string) string  { return "page_own-" + feature }

// newFragment gives a checked fragment its revision: a hash of its HTML, the same
// in every region.
func newFragment(f plugins.Fragment) fragment {
	rev := strconv.FormatUint(xxhash.Sum64String(f.HTML), 36)
	return fragment{id: f.ID, rev: rev, html: markup.WithRev(f.HTML, rev)}
}

func (f fragment) morph() dom.Operation { return dom.Morph("#"+f.id, f.html) }

func (s *screen) index(id string) int {
	return slices.IndexFunc(s.shown, func(f fragment) bool { return f.id == id })
}

func sameIDs(a, b []fragment) bool {
	return slices.EqualFunc(a, b, func(x, y fragment) bool { return x.id == y.id })
}

func join(fragments []fragment) string {
	var b strings.Builder
	for _, f := range fragments {
		b.WriteString(f.html)
	}
	return b.String()
}

// noteID is the id of the line in which the host speaks of a feature.
func noteID(feature string) string { return notePrefix + feature }

const notePrefix = "page_rest-"

// note tells in a feature's corner that it rests, or that it cannot be shown. It is a
// live region that is on the page from the start. out.mu is held.
func (p *part) note() fragment {
	text := ""
	switch {
	case !p.feature.isUp():
		text = "Resting, back in a moment."
	case p.out.broken:
		text = "This part can't be shown right now."
	}
	id := noteID(p.feature.name)
	return newFragment(plugins.Fragment{ID: id, HTML: `<p id="` + id + `" class="rest" role="status">` + text + `</p>`})
}

func ops(ops ...dom.Operation) []dom.Operation { return ops }
