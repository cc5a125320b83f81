// Command plugin is the feature globe as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/globe"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(globe.New()) }

func main() { serve.Main() }
