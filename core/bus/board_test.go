package bus_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// boardManifest is that of a feature with a board and all that goes straight to
// elements.
var boardManifest = plugins.Manifest{
	Name: "demo", Title: "Demo", Leaves: "left",
	State: []plugins.Field{
		{Name: "pixels", Kind: plugins.Grid, Width: 100, Height: 80, Palette: []plugins.Colour{
			{Name: "white", RGB: "#ffffff"}, {Name: "red", RGB: "#ff0000"}, {Name: "blue", RGB: "#0000ff"},
		}},
		{Name: "at", Kind: plugins.Volatile, Direct: true},
		{Name: "wave", Kind: plugins.Volatile},
		{Name: "traffic", Kind: plugins.Traffic},
		{Name: "trace", Kind: plugins.Register},
	},
	Events: []plugins.EventType{
		{Name: "paint", Rate: 10, Burst: 70, Fields: []plugins.Param{{Name: "cells", Type: plugins.Cells, Of: "pixels"}, {Name: "colour", Type: plugins.Int, Max: 2}}},
		{Name: "move", Rate: 1000, Burst: 1000, Latest: true, Fields: []plugins.Param{{Name: "x", Type: plugins.Int}}},
		{Name: "wave"},
		{Name: "clear", Admin: true},
		{Name: "revert", Admin: true, Fields: []plugins.Param{{Name: "ms", Type: plugins.Int}}},
		{Name: "pulse", Trace: "trace"},
	},
}

var wholeBoard = plugins.Rect{W: 100, H: 80}

func handleBoard(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	switch ev.Name {
	case "paint":
		return []plugins.Mutation{plugins.Paint("pixels", int(ev.Fields.Int("colour")), ev.Fields.Cells("cells")...)}, nil
	case "move":
		return []plugins.Mutation{plugins.SignalAs("at", ev.Person.User, ev.Person.User+" "+ev.Fields.Text("x"))}, nil
	case "left":
		return []plugins.Mutation{plugins.SignalAs("at", ev.Person.User, ev.Person.User)}, nil
	case "wave":
		return []plugins.Mutation{plugins.Signal("wave", "hey")}, nil
	case "clear":
		return []plugins.Mutation{plugins.Clear("pixels", wholeBoard)}, nil
	case "revert":
		return []plugins.Mutation{plugins.Revert("pixels", wholeBoard, time.UnixMilli(ev.Fields.Int("ms")))}, nil
	case "pulse":
		return nil, nil
	}
	return nil, fmt.Errorf("event %q", ev.Name)
}

func renderBoard(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	said := ""
	for _, c := range v.Changes {
		said += c.Value
	}
	return []plugins.Fragment{{ID: "demo-said", HTML: `<p id="demo-said">` + said + v.State.Registers["trace"].Site + `</p>`}}, nil
}

// startBoard runs a bus with that feature, which somebody looks at in the room "home".
func startBoard(t *testing.T) *node {
	t.Helper()
	return startBoardOn(t, startEngine(t, memory.Config{Site: "lhr"}))
}

func startBoardOn(t *testing.T, e engine.Engine) *node {
	t.Helper()
	n := startNode(t, e)
	n.demo.setHandle(handleBoard)
	n.demo.setRender(renderBoard)
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: boardManifest})
	if err := n.Join("home", plugins.Person{User: "ann", Session: "ann-1", Region: "lhr"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Page(t.Context(), "home", "", plugins.Person{User: "ann"}); err != nil {
		t.Fatal(err)
	}
	n.waitSignals(t, e)
	return n
}

// waitSignals waits until what is signalled is shown: the bus is ready a moment before it
// follows signals, and what it misses is gone.
func (n *node) waitSignals(t *testing.T, e engine.Engine) {
	t.Helper()
	signal := func(value string) {
		cell := state.Cell{Room: "home", Feature: "demo", Field: "at", Kind: plugins.Volatile, Key: "waited for", Value: value}
		if err := e.Signal(t.Context(), []state.Cell{cell}); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "a signal to be shown", func() bool {
		signal("first")
		all, _ := values(n.wall.take(), "at")
		return len(all) > 0
	})
	signal("last")
	n.waitValue(t, "at", "last")
}

func (n *node) event(t *testing.T, user, name string, fields map[string]string) bus.Outcome {
	t.Helper()
	typ, _ := boardManifest.Event(name)
	return n.Do(t.Context(), bus.Request{
		ID: fmt.Sprintf("%s-%d", name, time.Now().UnixNano()), Room: "home", Target: "demo#" + name, Fields: fields,
		Person: plugins.Person{User: user, Session: user + "-1", Region: "lhr"}, Admin: typ.Admin,
	})
}

func (n *node) paint(t *testing.T, user string, colour int, cells string) {
	t.Helper()
	if o := n.event(t, user, "paint", map[string]string{"cells": cells, "colour": fmt.Sprint(colour)}); o.Status != bus.OK {
		t.Fatalf("paint %s: %+v", cells, o)
	}
}

// board returns the painted cells of the board in the room "home".
func (n *node) board(t *testing.T) map[string]int {
	t.Helper()
	b, err := n.Board(t.Context(), "home", "demo")
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]int{}
	for i, c := range b.Colours {
		if c != 0 {
			cells[fmt.Sprintf("%d,%d", i%100, i/100)] = int(c)
		}
	}
	return cells
}

// screen is what a page makes of the messages for its board.
type boardPage struct {
	cells  map[string]int
	at     any // the version, nil before the first
	reload bool
	gaps   int
}

func (p *boardPage) take(ops ...map[string]any) {
	for _, op := range ops {
		if op["selector"] != "#demo-pixels" || op["name"] != "live:cells" {
			continue
		}
		detail := op["detail"].(map[string]any)
		if detail["reload"] == true {
			p.reload = true
			continue
		}
		if from, told := detail["from"]; told && from != p.at {
			p.gaps++
			continue
		}
		p.at = detail["to"]
		b, err := base64.StdEncoding.DecodeString(detail["cells"].(string))
		if err != nil {
			panic(err)
		}
		for ; len(b) > 0; b = b[4:] {
			c := binary.BigEndian.Uint32(b)
			i := int(c >> 8)
			p.cells[fmt.Sprintf("%d,%d", i%100, i/100)] = int(c & 255)
			if c&255 == 0 {
				delete(p.cells, fmt.Sprintf("%d,%d", i%100, i/100))
			}
		}
	}
}

// sync asks for what a page at a position lacks.
func (n *node) syncBoard(t *testing.T, p *boardPage, position string) {
	t.Helper()
	replies := make(chan []dom.Operation, 4)
	n.SyncBoards("home", map[string]string{"demo-pixels": position, "demo-other": ""}, func(ops ...dom.Operation) { replies <- ops })
	select {
	case ops := <-replies:
		w := wall{}
		message, err := dom.Message(ops...)
		if err != nil {
			t.Fatal(err)
		}
		w.Broadcast("", "", plugins.Audience{}, "", message)
		p.take(w.take()[0].ops...)
	case <-time.After(10 * time.Second):
		t.Fatal("a sync got no answer")
	}
}

// TestBoard follows a page from its snapshot through deltas, a missed message and a
// sync: it never misses a cell.
func TestBoard(t *testing.T) {
	n := startBoard(t)
	n.paint(t, "ann", 1, "0,0 99,79 64,0")
	n.paint(t, "bob", 2, "0,0")
	want := map[string]int{"0,0": 2, "99,79": 1, "64,0": 1}
	if diff := cmp.Diff(want, n.board(t)); diff != "" {
		t.Errorf("board (-want +got):\n%s", diff)
	}
	b, err := n.Board(t.Context(), "home", "demo")
	if err != nil || !strings.HasPrefix(b.Position, "lhr:") || b.Field.Width != 100 {
		t.Errorf("Board = %+v, %v", b.Field, err)
	}
	if empty, err := n.Board(t.Context(), "attic", "demo"); err != nil || empty.Position != "" {
		t.Errorf("board of another room at %q, %v; want none painted", empty.Position, err)
	}
	if _, err := n.Board(t.Context(), "home", "nothing"); !errors.Is(err, bus.ErrNoBoard) {
		t.Errorf("board of no feature: %v", err)
	}

	page := &boardPage{cells: map[string]int{}}
	n.syncBoard(t, page, "")
	n.wall.take()
	n.paint(t, "ann", 1, "5,5 6,5")
	waitFor(t, "the delta", func() bool {
		for _, m := range n.wall.take() {
			page.take(m.ops...)
		}
		return page.cells["6,5"] == 1
	})
	if diff := cmp.Diff(n.board(t), page.cells); diff != "" || page.gaps > 0 || page.reload {
		t.Errorf("page after a delta, %d gaps (-board +page):\n%s", page.gaps, diff)
	}
	// A message is lost; the next one shows it, and a sync by the old position heals.
	at := b.Position
	n.paint(t, "ann", 2, "7,7")
	waitFor(t, "the lost delta", func() bool { return len(n.wall.take()) > 0 })
	n.paint(t, "ann", 2, "8,8")
	waitFor(t, "a gap", func() bool {
		for _, m := range n.wall.take() {
			page.take(m.ops...)
		}
		return page.gaps > 0
	})
	n.syncBoard(t, page, at)
	if diff := cmp.Diff(n.board(t), page.cells); diff != "" {
		t.Errorf("page after a sync (-board +page):\n%s", diff)
	}
	for _, bad := range []string{"x", "lhr", "lhr:1", "LHR:1-1", strings.Repeat("a", 20_000)} {
		n.SyncBoards("home", map[string]string{"demo-pixels": bad}, func(...dom.Operation) { t.Errorf("position %.20q was answered", bad) })
	}
}

// TestBoard_limits: what a person may paint is bounded by cells, and nobody else's
// events come from people.
func TestBoard_limits(t *testing.T) {
	n := startBoard(t)
	many := make([]string, 64)
	for i := range many {
		many[i] = fmt.Sprintf("%d,1", i)
	}
	n.paint(t, "ann", 1, strings.Join(many, " "))
	o := n.event(t, "ann", "paint", map[string]string{"cells": strings.Join(many[:30], " "), "colour": "1"})
	if o.Status != bus.Busy || o.RetryAfter < time.Second {
		t.Errorf("94 cells at once: %+v, want to wait for more than a second", o)
	}
	n.paint(t, "bob", 1, "1,2") // has a budget of his own
	for name, fields := range map[string]map[string]string{
		"a cell outside": {"cells": "100,0", "colour": "1"}, "an unknown colour": {"cells": "1,1", "colour": "3"},
		"no cells": {"cells": "", "colour": "1"}, "no colour": {"cells": "1,1"},
	} {
		if o := n.event(t, "cyd", "paint", fields); o.Status != bus.Invalid || o.Sentence == "" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	for _, admin := range []bool{true, false} {
		target := map[bool]string{true: "demo#wave", false: "demo#clear"}[admin]
		o := n.Do(t.Context(), bus.Request{ID: "x-" + target[5:], Room: "home", Target: target, Person: plugins.Person{User: "cyd"}, Admin: admin})
		if o.Status != bus.Forbidden {
			t.Errorf("%s with admin %t: %+v, want forbidden", target, admin, o)
		}
	}
}

// TestBoard_past: who painted a cell, the film of it, and the way back.
func TestBoard_past(t *testing.T) {
	n := startBoard(t)
	n.paint(t, "ann", 1, "1,1 2,1")
	before := n.board(t)
	b, _ := n.Board(t.Context(), "home", "demo")
	painted := time.Now()
	waitFor(t, "a later millisecond", func() bool { return time.Since(painted) > 2*time.Millisecond })
	moment := time.Now()
	waitFor(t, "the next millisecond", func() bool { return time.Since(moment) > 2*time.Millisecond })
	n.paint(t, "bob", 2, "2,1 3,1")
	n.paint(t, "bob", 1, "3,1")

	cell, err := n.BoardCell(t.Context(), "home", "demo", plugins.Point{X: 2, Y: 1})
	if err != nil || cell.By != "bob" || !cell.Known || cell.Site != "lhr" || cell.Colour != 2 || time.Since(cell.At) > time.Minute {
		t.Errorf("BoardCell = %+v, %v", cell, err)
	}
	for _, at := range []plugins.Point{{X: 9, Y: 9}, {X: -1, Y: 0}, {X: 100, Y: 0}} {
		if cell, err := n.BoardCell(t.Context(), "home", "demo", at); err != nil || cell != (bus.BoardCell{}) {
			t.Errorf("BoardCell(%v) = %+v, %v; want nothing", at, cell, err)
		}
	}
	replay, err := n.BoardReplay(t.Context(), "home", "demo")
	if err != nil {
		t.Fatal(err)
	}
	film := slices.Clone(replay.Start)
	for i, s := range replay.Steps {
		film[s.Index] = s.Colour
		if i > 0 && s.At.Before(replay.Steps[i-1].At) {
			t.Errorf("step %d is before the one before it", i)
		}
	}
	now, _ := n.Board(t.Context(), "home", "demo")
	if len(replay.Steps) != 5 || !slices.Equal(film, now.Colours) || slices.Max(replay.Start) != 0 {
		t.Errorf("film of %d steps does not lead from an empty board to what it is", len(replay.Steps))
	}

	if o := n.event(t, "", "revert", map[string]string{"ms": fmt.Sprint(moment.UnixMilli())}); o.Status != bus.OK {
		t.Fatalf("revert: %+v", o)
	}
	if diff := cmp.Diff(before, n.board(t)); diff != "" {
		t.Errorf("board after it was restored from %s (-before +after):\n%s", b.Position, diff)
	}
	if o := n.event(t, "", "revert", map[string]string{"ms": fmt.Sprint(moment.Add(-2 * time.Hour).UnixMilli())}); o.Status != bus.Invalid {
		t.Errorf("revert by two hours: %+v, want a sentence", o)
	}
	if o := n.event(t, "", "clear", nil); o.Status != bus.OK {
		t.Fatalf("clear: %+v", o)
	}
	if got := n.board(t); len(got) != 0 {
		t.Errorf("board after it was cleared: %v", got)
	}
}

// TestBoard_clearLarge: a part that is larger than a batch is cleared in several.
func TestBoard_clearLarge(t *testing.T) {
	n := startBoard(t)
	user := 0
	for y := range 80 {
		for x := 0; x < 100; x += 50 {
			var cells []string
			for i := range 50 {
				cells = append(cells, fmt.Sprintf("%d,%d", x+i, y))
			}
			user++
			n.paint(t, fmt.Sprint("u", user), 1+(x/50+y)%2, strings.Join(cells, " "))
		}
	}
	if got := len(n.board(t)); got != 8000 {
		t.Fatalf("%d cells are painted, want 8000", got)
	}
	if o := n.event(t, "", "clear", nil); o.Status != bus.OK {
		t.Fatalf("clear: %+v", o)
	}
	if got := len(n.board(t)); got != 0 {
		t.Errorf("%d cells are left", got)
	}
}

// TestBoard_renewed: pages of before a new version of a feature load its board anew,
// since the store may have what the log has yet to tell.
func TestBoard_renewed(t *testing.T) {
	n := startBoard(t)
	n.paint(t, "ann", 1, "0,0")
	page := &boardPage{cells: map[string]int{}}
	n.syncBoard(t, page, "")
	n.wall.take()
	next := boardManifest
	next.State = append(slices.Clone(next.State), plugins.Field{Name: "more", Kind: plugins.Register})
	n.FeatureChanged(plugins.Status{Name: "demo", Up: true, Manifest: next})
	waitFor(t, "word to load the board", func() bool {
		for _, m := range n.wall.take() {
			page.take(m.ops...)
		}
		return page.reload
	})
	if diff := cmp.Diff(map[string]int{"0,0": 1}, n.board(t)); diff != "" {
		t.Errorf("board of the new version (-want +got):\n%s", diff)
	}
}

// TestBoard_firstLoad: what a room was loaded with is no news to its pages, which have a
// snapshot, also where somebody paints meanwhile.
func TestBoard_firstLoad(t *testing.T) {
	e := startEngine(t, memory.Config{Site: "lhr"})
	startBoardOn(t, e).paint(t, "ann", 1, "0,0 1,0 2,0")
	late := startBoardOn(t, e)
	late.paint(t, "bob", 2, "5,0")
	page := &boardPage{cells: map[string]int{}, at: "none"}
	all := late.wall.take()
	for _, m := range all {
		for _, op := range m.ops {
			if detail, ok := op["detail"].(map[string]any); ok && op["name"] == "live:cells" {
				delete(detail, "from")
			}
		}
		page.take(m.ops...)
	}
	if page.reload || page.cells["0,0"] != 0 {
		t.Errorf("pages were told %v, reload %t; want only what was painted since", page.cells, page.reload)
	}
}

// TestBoard_answers: many pages at one position get one answer, until something changes.
func TestBoard_answers(t *testing.T) {
	n := startBoard(t)
	n.paint(t, "ann", 1, "0,0")
	for range 3 {
		page := &boardPage{cells: map[string]int{}}
		n.syncBoard(t, page, "")
		if diff := cmp.Diff(map[string]int{"0,0": 1}, page.cells); diff != "" {
			t.Errorf("page after a sync (-want +got):\n%s", diff)
		}
	}
	n.paint(t, "ann", 2, "0,0")
	page := &boardPage{cells: map[string]int{}}
	n.syncBoard(t, page, "")
	if diff := cmp.Diff(map[string]int{"0,0": 2}, page.cells); diff != "" {
		t.Errorf("page after a change (-want +got):\n%s", diff)
	}
	stranger := &boardPage{cells: map[string]int{}}
	n.syncBoard(t, stranger, "elsewhere:5-0")
	if !stranger.reload {
		t.Error("a page of another board is not told to load this one")
	}
}

// FuzzParsePosition: whatever a page says of its board is a position that reads the same
// again, or none.
func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{"", "lhr:1795465238123-4", "iad:5-0,lhr-2:7-1", "lhr:", ":1-1", "lhr:1-1,", "lhr:-1-1", "lhr:99999999999999999999-1", "a:1-1,a:2-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := bus.ParsePosition(s)
		if err != nil {
			return
		}
		again, err := bus.ParsePosition(bus.FormatPosition(at))
		if diff := cmp.Diff(at, again); diff != "" || err != nil {
			t.Errorf("position %q read again, %v (-first +again):\n%s", s, err, diff)
		}
	})
}
