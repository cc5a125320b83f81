package pluginfolder_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be the features that the tests start.
func TestMain(m *testing.M) {
	if process.Started() {
		process.Serve(greeter{name: os.Args[1], version: os.Args[2]})
		return
	}
	goleak.VerifyTestMain(m)
}
