// Command plugin is the feature identity as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/identity"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(identity.New()) }

func main() { serve.Main() }
