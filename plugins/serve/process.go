//go:build !wasip1

package serve

import "github.com/global-presence/presence/plugins/process"

// Main serves the registered feature to the host that started this program, and
// returns when the host wants it to end or is gone. Started by hand, it says what the
// program is and exits with status 2.
func Main() { process.Serve(registered()) }
