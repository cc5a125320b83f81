// Command plugin is the feature hostile as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/core/internal/hostile"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(hostile.Feature{}) }

func main() { serve.Main() }
