//go:build unix

package hosted

import (
	"os"
	"syscall"
)

// terminate asks the server to end.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// kill ends the server and its forks, which would go on to write its files.
func kill(p *os.Process) {
	if p.Kill() == nil { // else its number may be somebody else's by now
		_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	}
}
