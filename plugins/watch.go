//go:build !wasip1

package plugins

import (
	"cmp"
	"errors"
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

// validate reports all that is wrong with w.
func (w Watch) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("watch of %.100q: "+format, append([]any{w.Keys}, args...)...))
	}
	before, _, wild := strings.Cut(w.Keys, "*")
	if w.Keys == "" || len(w.Keys) > MaxPatternSize || !utf8.ValidString(w.Keys) || hasControl(w.Keys, false) {
		bad("want 1 to %d bytes of UTF-8 without control characters", MaxPatternSize)
	}
	if strings.Count(w.Keys, "*") > 1 {
		bad("want at most one *")
	}
	if w.Keys != "" && (strings.HasPrefix(before, ownKeys) || wild && strings.HasPrefix(ownKeys, before)) {
		bad("it matches keys of the host, which begin with %.100q", ownKeys)
	}
	if !hyphenName.matches(w.Event) {
		bad("event %.100q: want %s", w.Event, hyphenRule)
	}
	if len(w.Room) > maxRoomSize || !utf8.ValidString(w.Room) || hasControl(w.Room, false) {
		bad("room %.100q: want at most %d bytes of UTF-8 without control characters", w.Room, maxRoomSize)
	}
	if strings.Count(w.Room, "*") > 1 || strings.Contains(w.Room, "*") && !wild {
		bad("room %.100q: want at most one *, and only where the keys have one", w.Room)
	}
	return errors.Join(errs...)
}
