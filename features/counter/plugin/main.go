// Command plugin is the feature counter as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/counter"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(counter.New()) }

func main() { serve.Main() }
