package process

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ownExecutable is the program that is running now, even when another version
// has been put in its place since.
func ownExecutable() (string, error) { return "/proc/self/exe", nil }

// setProcessAttributes gives the process a group of its own, so that what a
// terminal sends to the host's group does not reach it, and its death to the
// kernel should the host be killed.
func setProcessAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// giveWay has a process that was just started give way to others. Each of its threads has
// a priority of its own, and a new one that of the thread that makes it: it is done when
// all of them were found to have it.
func giveWay(pid, nice int) {
	if nice == 0 {
		return
	}
	// The system call counts from 40 for the first to get the processor down to 1.
	// Source: https://man7.org/linux/man-pages/man2/getpriority.2.html.
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return
	}
	want := max(1, own-nice)
	for again := true; again; {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return // it has ended
		}
		again = false
		for _, t := range threads {
			id, _ := strconv.Atoi(t.Name())
			is, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
			if err == nil && is > want { // less is always allowed
				again = syscall.Setpriority(syscall.PRIO_PROCESS, id, 20-want) == nil || again
			}
		}
	}
}

// killProcess kills the process and what it has started.
func killProcess(p *os.Process) error {
	if err := p.Kill(); err != nil {
		return ignoreDone(err) // its number may be somebody else's by now
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	return nil
}

// awaitEnd waits until the process has ended and kills what it has started. Until
// it is waited for, its number, which is that of its group, is nobody else's.
func awaitEnd(p *os.Process) {
	const byPID = 1 // P_PID
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(p.Pid), 0, syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if err == 0 {
			break
		}
		if err != syscall.EINTR {
			return // not told: then nobody is killed
		}
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
