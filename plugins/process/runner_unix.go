//go:build unix && !linux

package process

import (
	"os"
	"os/exec"
	"syscall"
)

func ownExecutable() (string, error) { return os.Executable() }

// setProcessAttributes gives the process a group of its own, so that what a
// terminal sends to the host's group does not reach it.
func setProcessAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func giveWay(int, int) {}

// killProcess kills the process and what it has started.
func killProcess(p *os.Process) error {
	if err := p.Kill(); err != nil {
		return ignoreDone(err) // its number may be somebody else's by now
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	return nil
}

// awaitEnd does nothing: what a process that ends by itself has started lives on
// here. There is no way to wait for the end alone that all systems share, and
// afterwards the group's number may be somebody else's.
func awaitEnd(*os.Process) {}
