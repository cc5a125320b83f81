package keydbtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Skewed returns an Options.Prefix that gives a server of program a clock that is ahead by
// d, or behind. It skips the test where Debian's libfaketime is missing, or where program
// never starts with it: libfaketime allocates memory when it is first asked for the time,
// and jemalloc asks for the time when it is first asked for memory.
func Skewed(tb testing.TB, program string, d time.Duration) []string {
	tb.Helper()
	Have(tb, program)
	// Not the program faketime, which stays between the test and the server.
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if err != nil {
		tb.Fatal(err)
	}
	if len(found) == 0 {
		if os.Getenv("CI") != "" {
			tb.Fatal("libfaketime is missing: apt-get install faketime")
		}
		tb.Skip("libfaketime is missing: apt-get install faketime")
	}
	prefix := []string{"env", "LD_PRELOAD=" + found[0], fmt.Sprintf("FAKETIME=%+ds", int(d.Seconds())), "FAKETIME_DONT_FAKE_MONOTONIC=1"}
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, prefix[0], slices.Concat(prefix[1:], []string{program, "--version"})...).CombinedOutput(); err != nil {
		tb.Skipf("%s does not start with libfaketime, as one built with MALLOC=libc does: %v\n%s", program, err, out)
	}
	return prefix
}
