// Package page renders the documents that people see: a room with its features,
// and the pages that say that something is not there or went wrong.
//
// It turns plain data into HTML and does nothing else: it knows no server, no
// store and no feature. Every document is complete without script and stays
// within a Content-Security-Policy without inline script or style.
//
// # Ids
//
// A feature owns the ids that are its name or start with its name and a hyphen.
// The ids that the page makes for itself start with "page_", which no feature's
// can; only the section of a feature has the feature's bare name.
//
// # Addresses
//
//	/                 the room "home"
//	/r/NAME           any other room
//	/r?room=NAME      what the form "Open a room" asks for; the server answers
//	                  with a redirect to the room's own address
package page

import (
	"strconv"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// Frame is what every document needs around its content.
type Frame struct {
	// Styles are the addresses of the style sheets, in order.
	Styles []string

	// FeatureStyle is the address of the style sheet of all features, or "" for none. It
	// comes after the others, and is changed in pages that are open when a feature is.
	FeatureStyle string

	// Scripts are the addresses of the live client and its elements, in order.
	Scripts []string

	// Icon is the address of the SVG icon, or "" for none.
	Icon string

	// Again is the address that a browser without script loads after AgainAfter, or
	// "" for none.
	Again string
}

// AgainAfter is when a page that is not complete is worth another look, in seconds.
const AgainAfter = 3

// Room is a room's page.
type Room struct {
	Frame

	// Name is the room's, such as "home".
	Name string

	// Region is the region whose server made the page, or "" for none. Edge is
	// where the request entered the network; the page names it where it is
	// another one.
	Region, Edge region.Code

	// Sections are the features, in order.
	Sections []Section

	// Absent says that the room's state cannot be had now: the sections are empty,
	// and the script fills them as soon as it can.
	Absent bool

	// Message, if its Sentence is set, tells how a form that was sent without
	// script ended.
	Message Message
}

// Section is one feature's part of the page.
type Section struct {
	// Name and Title are those of the feature's manifest, and TitleRev the revision of the
	// heading, by which it is live; "" for one that is not.
	Name, Title, TitleRev string

	// HTML are the feature's fragments one after the other: checked, and with
	// their revisions. It is written as it is.
	HTML string

	// StatusHTML is the host's own fragment that says whether the feature is
	// resting: a live region, empty while it is not. It is written as it is.
	StatusHTML string
}

// Message is a sentence for the person who sent a form.
type Message struct {
	// Feature is the name of the feature whose form it was, or "" for a sentence
	// about the whole page.
	Feature string

	// Sentence is plain text.
	Sentence string
}

// to returns the sentence of m if it is meant for feature.
func (m Message) to(feature string) string {
	if m.Feature != feature {
		return ""
	}
	return m.Sentence
}

// general returns the sentence of m if no section of the page shows it.
func (r Room) general() string {
	for _, s := range r.Sections {
		if s.Name == r.Message.Feature {
			return ""
		}
	}
	return r.Message.Sentence
}

// refresh returns what a browser is told that loads f.Again.
func (f Frame) refresh() string { return strconv.Itoa(AgainAfter) + "; url=" + f.Again }

// title returns the title of the window.
func (r Room) title() string {
	if r.Name == plugins.Home {
		return "Global Presence"
	}
	return r.Name + " · Global Presence"
}
