// Command plugin is the feature cursors as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/cursors"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(cursors.New()) }

func main() { serve.Main() }
