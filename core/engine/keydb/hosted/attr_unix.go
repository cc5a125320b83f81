//go:build unix && !linux

package hosted

import (
	"os/exec"
	"syscall"
)

// setProcessAttributes gives the server a group of its own, so that what a
// terminal sends to this process's group does not reach it.
func setProcessAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
