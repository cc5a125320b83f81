package bus

import "github.com/global-presence/presence/plugins"

// Rooms returns how many rooms are held in memory.
func (b *Bus) Rooms() int { return len(b.loadedRooms()) }

// Manifest returns a feature's manifest, if it has been up.
func (b *Bus) Manifest(feature string) (plugins.Manifest, bool) {
	return b.features[feature].manifest()
}
