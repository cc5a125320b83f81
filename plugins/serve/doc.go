// Package serve makes a program out of a feature: an executable, and a module for
// WebAssembly, from the same source.
//
//	package main
//
//	import "github.com/global-presence/presence/plugins/serve"
//
//	func init() { serve.Register(Claps{}) }
//
//	func main() { serve.Main() }
//
// As a process of its own:
//
//	go build -o claps .
//
// As a module for WebAssembly:
//
//	GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags="-s -w" -o claps.wasm .
//
// Either file works in the folder that presence's --plugins names. The feature is
// registered in an init function because a module's main is never run.
//
// # In a module
//
// There are no files, no environment, no arguments and no network. The clock stands
// still and crypto/rand gives the same bytes in every module: what is to be shown comes
// with the call ([plugins.Event.Time], [plugins.Event.Rand]). What is printed becomes a
// line in the host's log. A panic ends the module's carrier, which the host starts
// again, as it does a process.
package serve

import (
	"sync/atomic"

	"github.com/global-presence/presence/plugins"
)

// feature is what this program is.
var feature atomic.Pointer[plugins.Feature]

// Register says which feature this program is. It is called once, in an init function;
// a second call panics, since a program is one feature.
func Register(f plugins.Feature) {
	if !feature.CompareAndSwap(nil, &f) {
		panic("serve: feature " + f.Manifest().Name + ": a program is one feature, and " +
			(*feature.Load()).Manifest().Name + " is registered already")
	}
}

// registered returns the feature.
func registered() plugins.Feature {
	f := feature.Load()
	if f == nil {
		panic("serve: no feature is registered: call serve.Register in an init function")
	}
	return *f
}
