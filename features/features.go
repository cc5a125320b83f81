// Package features lists the demo features, each of which has a folder of its
// own here.
package features

import (
	"github.com/global-presence/presence/features/counter"
	"github.com/global-presence/presence/features/hello"
	"github.com/global-presence/presence/features/identity"
	"github.com/global-presence/presence/features/lightbulb"
	"github.com/global-presence/presence/features/regions"
	"github.com/global-presence/presence/features/tabs"
	"github.com/global-presence/presence/features/ticker"
	"github.com/global-presence/presence/plugins"
)

// All returns the demo features in the order in which the page shows them.
func All() []plugins.Feature {
	return []plugins.Feature{
		ticker.New(),
		lightbulb.New(),
		regions.New(),
		hello.New(),
		counter.New(),
		identity.New(),
		tabs.New(),
	}
}
