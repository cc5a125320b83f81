// Command plugin is the feature ticker as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/ticker"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(ticker.New()) }

func main() { serve.Main() }
