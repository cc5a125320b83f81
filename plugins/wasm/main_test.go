package wasm_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// modeVariable makes the test binary something else than tests: see TestMain.
const modeVariable = "PRESENCE_WASM_TEST"

var soak = flag.Int("soak", 20_000, "how often to call a guest that must not grow; a leak without runtime.Gosched shows from 200000 on")

// TestMain lets the test binary be a process that holds modules, for what cannot be
// seen in the process that looks.
func TestMain(m *testing.M) {
	switch os.Getenv(modeVariable) {
	case "":
		dir, err := os.MkdirTemp("", "presence-wasm-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		cacheDir = dir
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			os.RemoveAll(dir)
			os.Exit(code)
		}))
	case "hold":
		hold()
	default:
		os.Exit(64)
	}
}
