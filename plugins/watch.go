package plugins

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ownKeys is what the keys of the host itself begin with.
const ownKeys = "gp:"

// maxRoomSize is the size of a room's name in bytes, as the host has it.
const maxRoomSize = 128

// RoomOf returns the room in which a change of key happens: "" where Keys does not
// match it.
func (w Watch) RoomOf(key string) string {
	room := cmp.Or(w.Room, Home)
	before, after, wild := strings.Cut(w.Keys, "*")
	if !wild {
		if key != w.Keys {
			return ""
		}
		return room
	}
	if len(key) < len(before)+len(after) || !strings.HasPrefix(key, before) || !strings.HasSuffix(key, after) {
		return ""
	}
	return strings.Replace(room, "*", key[len(before):len(key)-len(after)], 1)
}

func (w Watch) validate() error {
	before, _, wild := strings.Cut(w.Keys, "*")
	switch {
	case w.Keys == "" || len(w.Keys) > MaxPatternSize || !utf8.ValidString(w.Keys) || hasControl(w.Keys, false):
		return fmt.Errorf("watch of %q: want 1 to %d bytes of UTF-8 without control characters", w.Keys, MaxPatternSize)
	case strings.Count(w.Keys, "*") > 1:
		return fmt.Errorf("watch of %q: want at most one *", w.Keys)
	case strings.HasPrefix(before, ownKeys) || wild && strings.HasPrefix(ownKeys, before):
		return fmt.Errorf("watch of %q: it matches keys of the host, which begin with %q", w.Keys, ownKeys)
	case !hyphenName.MatchString(w.Event):
		return fmt.Errorf("watch of %q: event %q: want %s", w.Keys, w.Event, hyphenRule)
	case len(w.Room) > maxRoomSize || !utf8.ValidString(w.Room) || hasControl(w.Room, false):
		return fmt.Errorf("watch of %q: room %q: want at most %d bytes of UTF-8 without control characters", w.Keys, w.Room, maxRoomSize)
	case strings.Count(w.Room, "*") > 1 || strings.Contains(w.Room, "*") && !wild:
		return fmt.Errorf("watch of %q: room %q: want at most one *, and only where the keys have one", w.Keys, w.Room)
	}
	return nil
}
