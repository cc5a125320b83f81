package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// resident returns how many bytes of memory a process holds; ok is false where that
// cannot be told.
func resident(pid int) (bytes int64, ok bool) {
	// Its fields are counted in pages, the second of them is what is resident.
	// Source: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html.
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

// preferAsVictim tells the kernel to end this process first when the machine runs out
// of memory: a feature comes back in a moment, its host and its store are what it
// comes back to.
func preferAsVictim(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0) // it may be gone
}
