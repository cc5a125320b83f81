package keydb

import (
	"strings"

	"github.com/global-presence/presence/core/state"
)

const (
	logPrefix  = "gp:log:"
	gridPrefix = "gp:grid:"
	livePrefix = "gp:live:" // of channels

	itemSep   = "\x1f" // between a list's name and an item's number
	memberSep = "\x1e" // between a field's name and a member's key
	tileSep   = "\x1d" // between a board's name and that of a tile
)

func logKey(site string) string  { return logPrefix + site }
func siteKey(site string) string { return "gp:site:" + site }

// stateKey returns the key of the hash that holds a feature's state in a room.
func stateKey(site, room, feature string) string {
	return "gp:state:" + site + ":" + room + ":" + escapeFeature.Replace(feature)
}

// gridKey returns the key of a tile of a feature's board in a room. A feature has one
// board at most.
func gridKey(site, room, feature, tile string) string {
	return gridPrefix + site + ":" + room + ":" + escapeFeature.Replace(feature) + ":" + tile
}

// liveChannel returns the channel of a site's signals.
func liveChannel(site string) string { return livePrefix + site }

var escapeFeature = strings.NewReplacer("%", "%25", ":", "%3A")

// member returns the field of a member's cell.
func memberField(c *state.Cell) string { return c.Field + memberSep + c.Key }

// glob returns s with the characters that mean something in a pattern of the
// server taken for themselves.
func glob(s string) string { return escapeGlob.Replace(s) }

var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `-`, `\-`)
