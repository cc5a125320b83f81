// Command plugin is the feature viewers as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/viewers"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(viewers.New()) }

func main() { serve.Main() }
