//go:build !unix

package process

import (
	"os"
	"os/exec"
)

func ownExecutable() (string, error) { return os.Executable() }

func setProcessAttributes(*exec.Cmd) {}

func giveWay(int, int) {}

func killProcess(p *os.Process) error { return ignoreDone(p.Kill()) }

func awaitEnd(*os.Process) {}
