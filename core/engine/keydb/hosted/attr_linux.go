package hosted

import (
	"os/exec"
	"syscall"
)

// setProcessAttributes gives the server a group of its own, so that what a
// terminal sends to this process's group does not reach it, and asks the kernel to
// end it should this process be killed: by SIGTERM, since while it writes its file
// anew there are writes that no file has yet. It refuses to end then, and the next
// host asks again (endOrphan).
//
// The kernel looks at the thread that started the server, not at the process
// (https://go.dev/issue/27505), so that thread has to stay.
func setProcessAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
