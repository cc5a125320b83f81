package element

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/global-presence/presence/plugins"
)

// Board is a live-board.
type Board struct {
	// Feature is the feature's name and Room the room's.
	Feature, Room string

	// Field is the Grid field and Paint the event that paints: a Cells field "cells",
	// and an Int field "colour". Its Rate and Burst are shown.
	Field plugins.Field
	Paint plugins.EventType

	// Action is where a form without script posts one cell, with the fields x, y and
	// colour: View.Action of Paint, where those are Int fields of it, too.
	Action string

	// Label says what it is to people who do not see it. Default "The board".
	Label string
}

// Render writes the element.
func (b Board) Render(ctx context.Context, w io.Writer) error {
	width, height := strconv.Itoa(b.Field.Width), strconv.Itoa(b.Field.Height)
	var m markup
	m.add("<live-board")
	m.attributes(
		"id", b.id(), "role", "group", "aria-label", b.label(), "data-live", "act->"+b.Feature+"#"+b.Paint.Name,
		"data-width", width, "data-height", height, "data-palette", b.palette(),
		"data-src", b.path(".bin"), "data-png", b.path(".png"), "data-cell", b.path("/cell"), "data-replay", b.path("/replay"),
		"data-rate", b.rate(), "data-burst", b.burst(),
	)
	m.add(`><figure class="board-still"><img`)
	m.attributes("src", b.path(".png"), "width", width, "height", height, "alt", b.label()+": what everybody here has painted")
	m.add(` loading="lazy" decoding="async"><figcaption><a`)
	m.attribute("href", b.path(".png?scale=4"))
	m.add(`>The picture as a file</a></figcaption></figure><form class="board-form" method="post"`)
	m.attributes("action", b.Action, "data-live", b.dot())
	m.add(`><label>Column <input type="number" name="x" required min="0"`)
	m.attribute("max", strconv.Itoa(b.Field.Width-1))
	m.add(`></label> <label>Row <input type="number" name="y" required min="0"`)
	m.attribute("max", strconv.Itoa(b.Field.Height-1))
	m.add(`></label> <label>Colour <select name="colour">`)
	for i, c := range b.Field.Palette {
		m.add("<option")
		m.attribute("value", strconv.Itoa(i))
		if i == 1 {
			m.add(" selected")
		}
		m.add(">")
		m.text(c.Name)
		m.add("</option>")
	}
	m.add(`</select></label> <button type="submit">Paint</button></form></live-board>`)
	return m.write(ctx, w)
}

func (b Board) id() string { return b.Feature + "-" + b.Field.Name }

func (b Board) label() string {
	if b.Label == "" {
		return "The board"
	}
	return b.Label
}

// path returns the address of something of the board.
func (b Board) path(end string) string {
	return "/r/" + plugins.EscapePath(b.Room) + "/" + b.Feature + end
}

// dot returns the target of Action: its last two parts.
func (b Board) dot() string {
	event := b.Action[strings.LastIndexByte(b.Action, '/')+1:]
	return "submit->" + b.Feature + "#" + event
}

func (b Board) palette() string {
	var colours []string
	for _, c := range b.Field.Palette {
		colours = append(colours, c.Name+":"+c.RGB)
	}
	return strings.Join(colours, ";")
}

func (b Board) rate() string {
	perSecond, _ := b.Paint.Limits()
	return strconv.FormatFloat(perSecond, 'g', -1, 64)
}

func (b Board) burst() string {
	_, burst := b.Paint.Limits()
	return strconv.Itoa(burst)
}

// Cursors is a live-cursors.
type Cursors struct {
	// Feature is the feature's name and Field the Direct field.
	Feature, Field string

	// Event is what a moving pointer sends, with Int fields "x" and "y" from 0 to
	// 10000 and a Bool "tap", all optional: one that is gone sends none of them.
	Event string
}

// Render writes the element.
func (c Cursors) Render(ctx context.Context, w io.Writer) error {
	var m markup
	m.add("<live-cursors")
	m.attributes("id", c.Feature+"-"+c.Field, "data-live", "act->"+c.Feature+"#"+c.Event)
	m.add(" data-live-latest></live-cursors>")
	return m.write(ctx, w)
}

// Burst is a live-burst.
type Burst struct {
	// Feature is the feature's name and Field the Direct field.
	Feature, Field string

	// Event is what a button sends, with a Choice field "kind", and Action where its
	// form posts without script: View.Action of Event.
	Event, Action string

	// Reactions are the buttons.
	Reactions []Reaction
}

// Reaction is one symbol of a Burst.
type Reaction struct {
	// Kind is what is sent, Symbol what is seen and Name what it is called.
	Kind, Symbol, Name string
}

// Render writes the element.
func (b Burst) Render(ctx context.Context, w io.Writer) error {
	var m markup
	m.add("<live-burst")
	m.attributes("id", b.Feature+"-"+b.Field, "data-reactions", b.reactions())
	m.add(`><form method="post"`)
	m.attributes(
		"action", b.Action, "data-live", "submit->"+b.Feature+"#"+b.Event, "role", "group", "aria-label", "Reactions",
	)
	m.add(">")
	for _, r := range b.Reactions {
		m.add(`<button type="submit" name="kind"`)
		m.attributes("value", r.Kind, "aria-label", r.Name)
		m.add(">")
		m.text(r.Symbol)
		m.add("</button>")
	}
	m.add("</form></live-burst>")
	return m.write(ctx, w)
}

func (b Burst) reactions() string {
	var all []string
	for _, r := range b.Reactions {
		all = append(all, r.Kind+":"+r.Symbol)
	}
	return strings.Join(all, ";")
}

// Globe is a live-globe.
type Globe struct {
	// Feature is the feature's name and Field the Traffic field.
	Feature, Field string

	// Of is the id of the SVG over which arcs are drawn.
	Of string
}

// Render writes the element.
func (g Globe) Render(ctx context.Context, w io.Writer) error {
	var m markup
	m.add("<live-globe")
	m.attributes("id", g.Feature+"-"+g.Field, "data-of", g.Of)
	m.add("></live-globe>")
	return m.write(ctx, w)
}

// RoundTrips returns the round trips of a site as the data-rtt of its place on a map:
// "ams:8.4 iad:76", in milliseconds.
func RoundTrips(pings []plugins.Ping) string {
	var all []string
	for _, p := range pings {
		ms := float64(p.RTT.Microseconds()) / 1000
		precision := 0
		if ms < 10 {
			precision = 1
		}
		all = append(all, p.To+":"+strconv.FormatFloat(ms, 'f', precision, 64))
	}
	return strings.Join(all, " ")
}
