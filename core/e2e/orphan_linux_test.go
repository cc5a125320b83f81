package e2e_test

import (
	"os/exec"
	"syscall"
)

// tieToTests makes a server end with the tests, also when those are killed.
func tieToTests(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
