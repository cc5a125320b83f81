// Command plugin is the feature regions as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/regions"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(regions.New()) }

func main() { serve.Main() }
