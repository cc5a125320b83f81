package dev

import (
	"fmt"
	"strconv"
	"time"

	"github.com/global-presence/presence/plugins"
)

// maxRows is how many rows of one field are shown.
const maxRows = 50

// Room is the state of the feature in one room, as the feature got it last.
type Room struct {
	N      uint64      `json:"n"`
	Name   string      `json:"name"`
	At     time.Time   `json:"at"`
	Fields []RoomField `json:"fields"`
}

// RoomField is one field: rows under headings, or none when nothing was ever written.
type RoomField struct {
	Name     string     `json:"name"`
	Headings []string   `json:"headings,omitempty"`
	Rows     [][]string `json:"rows,omitempty"`
	More     int        `json:"more,omitempty"` // rows that are not shown
}

// newRoom returns what the page shows of the fields that m declares.
func newRoom(name string, m plugins.Manifest, s plugins.State) Room {
	r := Room{Name: name, At: time.Now()}
	for _, f := range m.State {
		r.Fields = append(r.Fields, newRoomField(f, s))
	}
	return r
}

func newRoomField(f plugins.Field, s plugins.State) RoomField {
	r := RoomField{Name: f.Name}
	add := func(columns ...string) {
		if len(r.Rows) == maxRows {
			r.More++
			return
		}
		r.Rows = append(r.Rows, columns)
	}
	switch f.Kind {
	case plugins.Register:
		r.Headings = []string{"value", "written at", "site"}
		if item, ok := s.Registers[f.Name]; ok {
			add(clip(item.Value), clock(item.At), item.Site)
		}
	case plugins.Counter:
		r.Headings = []string{"total"}
		if n, ok := s.Counters[f.Name]; ok {
			add(strconv.FormatInt(n, 10))
		}
	case plugins.List:
		r.Headings = []string{"value", "pushed at", "site"}
		for _, item := range s.Lists[f.Name] {
			add(clip(item.Value), clock(item.At), item.Site)
		}
	case plugins.Presence:
		r.Headings = []string{"key", "people", "tabs"}
		for _, g := range s.Presence[f.Name] {
			add(g.Key, strconv.Itoa(g.People), strconv.Itoa(g.Tabs))
		}
	case plugins.Sites:
		r.Headings = []string{"site", "region", "cut off since", "round trips"}
		for _, site := range s.Sites[f.Name] {
			cut, pings := "", ""
			if !site.CutOff.IsZero() {
				cut = clock(site.CutOff)
			}
			for _, p := range site.Pings {
				pings += fmt.Sprintf("%s %v ", p.To, p.RTT)
			}
			add(site.Name, site.Region, cut, pings)
		}
	}
	return r
}

// clock says when.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
