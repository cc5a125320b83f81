package bus

import (
	"html"
	"strings"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// Section is one feature's corner of a page.
type Section struct {
	// Name is the feature's, and Title the text of its heading, which is on the page with
	// the revision TitleRev.
	Name, Title, TitleRev string

	// HTML holds the feature's fragments as they are now, for one person. What
	// could not be rendered is as it was shown last, or missing.
	HTML string

	// Resting is the live element that says so when the feature does not run.
	Resting string
}

// section returns p's corner of a page with the fragments that everybody sees and
// those of one person; out.mu is held.
func (p *part) section(shown, own []fragment) Section {
	s := Section{Name: p.feature.name, Title: p.feature.title(), TitleRev: p.heading().rev}
	s.Resting = p.note().html
	s.HTML = `<div class="corner" id="` + roomCorner(s.Name) + `">` + join(shown) + `</div>` +
		`<div class="corner" id="` + ownCorner(s.Name) + `">` + join(own) + `</div>`
	return s
}

// title returns what the heading of the feature's corner says: its name while nobody
// knows better.
func (f *feature) title() string {
	if m, known := f.manifest(); known {
		return m.Title
	}
	return f.name
}

// heading is the heading of p's corner.
func (p *part) heading() fragment {
	id := "page_title-" + p.feature.name
	return newFragment(plugins.Fragment{ID: id, HTML: `<h2 id="` + id + `">` + html.EscapeString(p.feature.title()) + `</h2>`})
}

// Where sections stand: in whole pages, and in frames that show one feature alone.
const wholePage = `html:not([data-live-only]) main`

func frameOf(feature string) string { return `html[data-live-only="` + feature + `"]` }

// SayGone is what the frame of a feature says that is not on the page; elsewhere the
// others just close up.
const SayGone = "This is not here any more."

// insertEverywhere returns what puts a section at the end of all pages, or back into the
// frames of its feature. A page that has it already has it once in the end.
func (b *Bus) insertEverywhere(s Section) []dom.Operation {
	if b.cfg.Corner == nil {
		return ops(say("", sayReload))
	}
	corner := b.cfg.Corner(s)
	return ops(
		dom.Remove("#"+s.Name),
		dom.InsertAdjacentHTML(wholePage, dom.BeforeEnd, corner),
		dom.InsertAdjacentHTML(frameOf(s.Name)+" main", dom.AfterBegin, corner),
		say(frameOf(s.Name), ""),
	)
}

// insert returns the same for one page, which shows all features or only one. Features
// are added at the end of the page, so that is where one belongs that a page lacks.
func (b *Bus) insert(s Section, only string) []dom.Operation {
	switch {
	case b.cfg.Corner == nil:
		return ops(say("", sayReload))
	case only != "":
		return ops(dom.Remove("#"+s.Name), dom.InsertAdjacentHTML("main", dom.AfterBegin, b.cfg.Corner(s)), say("", ""))
	}
	return ops(dom.Remove("#"+s.Name), dom.InsertAdjacentHTML("main", dom.BeforeEnd, b.cfg.Corner(s)))
}

// removeEverywhere returns what takes a section off all pages.
func removeEverywhere(feature string) []dom.Operation {
	return ops(dom.Remove("#"+feature), say(frameOf(feature), SayGone))
}

// say puts a sentence of the host on the page, or on those pages that root selects.
func say(root, sentence string) dom.Operation {
	return dom.SetProperty(strings.TrimSpace(root+" [data-live-message]"), "textContent", sentence)
}

// sayReload is for a page that features came to and that cannot be told of them.
const sayReload = "This page has changed. Reload it to see all of it."
