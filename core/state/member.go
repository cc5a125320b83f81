package state

import (
	"encoding/json"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

// Member is somebody in a room: one open tab.
type Member struct {
	// User is the user id, and Region the code of the region that serves the tab.
	User   string `json:"u"`
	Region string `json:"r"`

	// Binary holds the tab's socket; the member is gone when it stops beating.
	Binary string `json:"b"`
}

// Encode returns the value of a member's cell.
func (m Member) Encode() string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // three strings always marshal
	}
	return string(b)
}

// DecodeMember reads what Encode wrote.
func DecodeMember(s string) (Member, error) {
	var m Member
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return Member{}, fmt.Errorf("decode member: %w", err)
	}
	if m.User == "" || m.Binary == "" {
		return Member{}, fmt.Errorf("decode member: no user or no binary in %q", s)
	}
	return m, nil
}

// Join returns the cell that puts session into room.
func Join(room, session string, m Member) Cell {
	return Cell{Room: room, Feature: People, Key: session, Kind: plugins.Presence, Value: m.Encode()}
}

// Leave returns the cell that takes session out of room.
func Leave(room, session string) Cell {
	return Cell{Room: room, Feature: People, Key: session, Kind: plugins.Presence, Removed: true}
}
