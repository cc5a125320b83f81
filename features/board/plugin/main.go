// Command plugin is the feature board as a plugin: an executable, or a module for
// WebAssembly.
package main

import (
	"github.com/global-presence/presence/features/board"
	"github.com/global-presence/presence/plugins/serve"
)

func init() { serve.Register(board.New()) }

func main() { serve.Main() }
