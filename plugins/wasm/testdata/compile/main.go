// Command compile puts modules into a compilation cache:
//
//	compile CACHE_DIR MODULE...
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/global-presence/presence/plugins/wasm"
)

func main() {
	ctx := context.Background()
	for _, path := range os.Args[2:] {
		m, err := wasm.Open(ctx, wasm.Config{Path: path, CacheDir: os.Args[1]})
		if err == nil {
			err = m.Close(ctx)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
