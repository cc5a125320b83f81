// Package features lists the demo features, each of which has a folder of its
// own here.
package features

import (
	"github.com/global-presence/presence/features/board"
	"github.com/global-presence/presence/features/counter"
	"github.com/global-presence/presence/features/cursors"
	"github.com/global-presence/presence/features/globe"
	"github.com/global-presence/presence/features/hello"
	"github.com/global-presence/presence/features/identity"
	"github.com/global-presence/presence/features/lightbulb"
	"github.com/global-presence/presence/features/reactions"
	"github.com/global-presence/presence/features/regions"
	"github.com/global-presence/presence/features/tabs"
	"github.com/global-presence/presence/features/ticker"
	"github.com/global-presence/presence/features/viewers"
	"github.com/global-presence/presence/plugins"
)

// All returns the demo features in the order in which the page shows them.
func All() []plugins.Feature {
	return []plugins.Feature{
		ticker.New(),
		globe.New(),
		lightbulb.New(),
		board.New(),
		counter.New(),
		reactions.New(),
		hello.New(),
		regions.New(),
		identity.New(),
		tabs.New(),
		viewers.New(),
		cursors.New(),
	}
}

// Names returns their names, in the same order.
func Names() []string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Manifest().Name)
	}
	return names
}
