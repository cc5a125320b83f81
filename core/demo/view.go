package demo

import (
	"net"
	"strings"
	"time"

	frame "github.com/global-presence/presence/core/web/page"
)

// view is the page for one person.
type view struct {
	frame.Frame

	Status Status
	Title  string // how many regions there are, in words
	Hints  []hint
	Cards  []card

	// Framed says that the browser can show the regions in frames.
	Framed bool
}

// hint is something to try: what to do, and what to see then.
type hint struct{ Do, See string }

// card is one region on the page.
type card struct {
	RegionStatus

	Name string // what people call it
	Port string // of its own page
	URL  string // of that page
}

// newView returns the page for somebody who reached the demo by the name host.
func (p *page) newView(host string, framed bool) view {
	st, _, _ := p.board.now()
	v := view{
		Frame:  frame.Frame{Styles: []string{p.files.URL("app.css"), p.style.URL}, Scripts: []string{p.script.URL}, Icon: p.files.URL("favicon.svg")},
		Status: st, Framed: framed, Hints: p.hints,
		Title: strings.ToUpper(numbers[len(st.Regions)][:1]) + numbers[len(st.Regions)][1:],
	}
	for i, r := range st.Regions {
		place := p.places[i]
		port := portOf(place.server.Addr())
		v.Cards = append(v.Cards, card{
			RegionStatus: r, Name: siteTitle(place.site, place.region), Port: port,
			URL: "http://" + net.JoinHostPort(host, port) + "/",
		})
	}
	return v
}

// many reports whether the regions are too many for a phone to name them and their
// distances in the picture.
func (v view) many() bool { return len(v.Cards) > 4 }

// newHints returns what to try among these regions: a click in the first one, seen
// by the one that is farthest from it, and a cut of that one.
func newHints(sites []string, name func(site string) string, delay func(from, to string) time.Duration) []hint {
	here, there := sites[0], sites[1]
	for _, s := range sites[2:] {
		if delay(here, s) > delay(here, there) {
			there = s
		}
	}
	agree := "all regions agree again."
	if len(sites) == 2 {
		agree = "both regions agree again."
	}
	return []hint{
		{"Switch the light in " + name(here), name(there) + " sees it " + milliseconds(delay(here, there)) + " later."},
		{"Cut " + name(there) + " off", "people go on clicking on both sides."},
		{"Let " + name(there) + " rejoin", agree},
	}
}

// control is what the button of a region says.
func (c card) control() string {
	if c.Cut {
		return c.heal()
	}
	return c.cut()
}

func (c card) cut() string { return "Cut " + c.Name + " off" }

func (c card) heal() string { return "Let " + c.Name + " rejoin" }

// action is where the button of a region sends its form.
func (c card) action() string {
	if c.Cut {
		return "/heal"
	}
	return "/cut"
}
