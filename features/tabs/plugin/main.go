// Command plugin is the feature tabs as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/tabs"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(tabs.New()) }

func main() { serve.Main() }
