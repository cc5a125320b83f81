// Command plugin is the feature lightbulb as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/lightbulb"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(lightbulb.New()) }

func main() { serve.Main() }
