package memory

import (
	"slices"
	"strconv"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// site is the state of the site: the newest cell of each address.
type site struct {
	rooms map[string]*room // no empty ones
}

// room is what one room holds.
type room struct {
	single map[state.Address]state.Cell   // registers, counters and members
	lists  map[state.Address][]state.Cell // items, oldest first, by an address without a key
	tiles  map[state.Address]*[state.TileSide * rowSize]byte
}

func newSite() site {
	return site{rooms: map[string]*room{}}
}

// cells returns a copy of what a room holds, in no order; own is the site's name.
func (s *site) cells(name, own string) []state.Cell {
	r := s.rooms[name]
	if r == nil {
		return nil
	}
	n := len(r.single)
	for _, items := range r.lists {
		n += len(items)
	}
	cells := make([]state.Cell, 0, n)
	for _, c := range r.single {
		cells = append(cells, c)
	}
	for _, items := range r.lists {
		cells = append(cells, items...)
	}
	return append(cells, r.tileCells(own)...)
}

// total returns the counter at a, 0 if there is none.
func (s *site) total(a state.Address) int64 {
	r := s.rooms[a.Room]
	if r == nil {
		return 0
	}
	c := r.single[a]
	if c.Kind != plugins.Counter {
		return 0
	}
	n, _ := strconv.ParseInt(c.Value, 10, 64) // written by plan
	return n
}

// list returns the items at a, oldest first; they must not be changed.
func (s *site) list(a state.Address) []state.Cell {
	if r := s.rooms[a.Room]; r != nil {
		return r.lists[a]
	}
	return nil
}

// set makes c what its address holds. A member who left is gone at once, since
// the log tells the others; a removed register stays as a tombstone.
func (s *site) set(c state.Cell) {
	a := c.Address()
	if c.Kind == plugins.Presence && c.Removed {
		s.remove(a)
		return
	}
	s.room(a.Room).single[a] = c
}

// setList makes items what the list at a holds.
func (s *site) setList(a state.Address, items []state.Cell) { s.room(a.Room).lists[a] = items }

// restore puts back a cell that the file holds, in any order.
func (s *site) restore(c state.Cell) {
	if c.Kind != plugins.List {
		s.set(c)
		return
	}
	a := listAddress(c)
	s.setList(a, append(s.list(a), c))
}

// sortLists brings the items of all lists into their order after restore.
func (s *site) sortLists() {
	for _, r := range s.rooms {
		for _, items := range r.lists {
			slices.SortFunc(items, func(a, b state.Cell) int { return a.Stamp.Compare(b.Stamp) })
		}
	}
}

// remove takes the single cell at a away.
func (s *site) remove(a state.Address) {
	r := s.rooms[a.Room]
	if r == nil {
		return
	}
	delete(r.single, a)
	if len(r.single) == 0 && len(r.lists) == 0 && len(r.tiles) == 0 {
		delete(s.rooms, a.Room)
	}
}

func (s *site) room(name string) *room {
	r := s.rooms[name]
	if r == nil {
		r = &room{
			single: map[state.Address]state.Cell{}, lists: map[state.Address][]state.Cell{},
			tiles: map[state.Address]*[state.TileSide * rowSize]byte{},
		}
		s.rooms[name] = r
	}
	return r
}

// listAddress returns the address of the list that c is an item of.
func listAddress(c state.Cell) state.Address {
	a := c.Address()
	a.Key = ""
	return a
}
