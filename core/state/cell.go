package state

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/global-presence/presence/plugins"
)

// People is the name under which the members of every room are kept, in place of
// a feature's. It is no valid feature name.
const People = "@people"

// Cell is one value that one site has written: a field of a feature in a room.
// Values are absolute, so that a cell may be lost, repeated or overtaken by a
// newer one without harm. A log entry is a list of cells and a site's state is
// the newest cell of each address.
type Cell struct {
	// Room, Feature and Field say what it is a value of. Members of a room have
	// the feature [People] and no field.
	Room    string `json:"r,omitempty"`
	Feature string `json:"f,omitempty"`
	Field   string `json:"n,omitempty"`

	// Key tells apart what a field holds many of: an item of a list by its
	// [Stamp.Key], a member by the session, a tile of a board as [TileName] says. A
	// volatile value may have one of its feature's choice. Otherwise it is empty.
	Key string `json:"k,omitempty"`

	// Kind says how cells of this address merge.
	Kind plugins.Kind `json:"t,omitempty"`

	// Stamp says when and by which site it was written. In a log entry it is
	// implied by the entry.
	Stamp Stamp `json:"-"`

	// Value is the register's value, the site's total of a counter in decimal,
	// an item, a member as [Member.Encode] writes it, a volatile value, or of a board:
	// a [Patch] in a log, a tile in a state.
	Value string `json:"v,omitempty"`

	// Removed marks a tombstone: a register without a value or a member who
	// left. A register's is kept for ever, which costs one cell for each field
	// that a manifest declares: were it dropped, an older value of another site would come back.
	Removed bool `json:"x,omitempty"`
}

// Address is what a cell is a value of, within one site.
type Address struct {
	Room, Feature, Field, Key string
}

// Address returns the cell's address.
func (c Cell) Address() Address {
	return Address{Room: c.Room, Feature: c.Feature, Field: c.Field, Key: c.Key}
}

// Durable reports whether cells of kind k outlive the process that wrote them. A
// member is bound to the binary that holds its socket, and a volatile value is
// not kept at all.
func Durable(k plugins.Kind) bool {
	return k == plugins.Register || k == plugins.Counter || k == plugins.List || k == plugins.Grid
}

// MaxRoomSize is the size of a room's name in bytes.
const MaxRoomSize = 128

// CheckRoom reports whether name may name a room: 1 to MaxRoomSize bytes of
// UTF-8 without control characters and without space at either end.
func CheckRoom(name string) error {
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	switch {
	case name == "." || name == "..":
		return fmt.Errorf("room name %q: browsers take it for another address", name)
	case name == "" || len(name) > MaxRoomSize:
		return fmt.Errorf("room name of %d bytes: want 1 to %d", len(name), MaxRoomSize)
	case !utf8.ValidString(name):
		return fmt.Errorf("room name %q: want UTF-8", name)
	case unicode.IsSpace(first) || unicode.IsSpace(last):
		return fmt.Errorf("room name %q: want no space at its ends", name)
	}
	for _, r := range name {
		if !unicode.IsGraphic(r) {
			return fmt.Errorf("room name %q: want no control characters", name)
		}
	}
	return nil
}
