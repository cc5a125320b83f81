//go:build !unix

package hosted

import (
	"os"
	"os/exec"
)

func setProcessAttributes(*exec.Cmd) {}

// terminate cannot ask here.
func terminate(p *os.Process) error { return p.Kill() }

func kill(p *os.Process) { _ = p.Kill() }
