// Command plugin is the feature reactions as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/reactions"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(reactions.New()) }

func main() { serve.Main() }
