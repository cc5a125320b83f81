// Command carrier is what the tests of hostile features start:
//
//	carrier feature hostile
//	carrier feature raw FILE
//	carrier feature --wasm FILE --cache DIR [--digest SHA256]
//
// It is a program of its own, and not the test binary, because it is started some
// hundred times, and with the race detector each start takes most of a second.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/global-presence/presence/core/carriers"
	"github.com/global-presence/presence/core/internal/hostile"
	"github.com/global-presence/presence/plugins/process"
)

func main() {
	if err := serve(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	switch args[0] {
	case "hostile":
		process.Serve(hostile.Feature{})
	case "raw":
		r, err := hostile.ReadRaw(args[1])
		if err != nil {
			return err
		}
		process.ServeAnswerer(r)
	case "--wasm":
		return carriers.ServeModule(context.Background(), args[1], args[3], strings.Join(args[min(5, len(args)):], ""))
	}
	return nil
}

var _ process.Answerer = hostile.Raw{}
