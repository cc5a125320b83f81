// Command plugin is the feature hello as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/hello"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(hello.New()) }

func main() { serve.Main() }
