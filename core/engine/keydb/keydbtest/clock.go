package keydbtest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// Skewed returns an Options.Prefix that gives a server a clock that is ahead by d, or
// behind. It skips the test where Debian's libfaketime is missing.
func Skewed(tb testing.TB, d time.Duration) []string {
	tb.Helper()
	// Not the program faketime, which stays between the test and the server.
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if err != nil {
		tb.Fatal(err)
	}
	if len(found) == 0 {
		tb.Skip("libfaketime is missing: apt-get install faketime")
	}
	return []string{"env", "LD_PRELOAD=" + found[0], fmt.Sprintf("FAKETIME=%+ds", int(d.Seconds())), "FAKETIME_DONT_FAKE_MONOTONIC=1"}
}
