package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// residence tells how much memory a process holds. What it reads stays open, since it
// reads ten times a second, and is that of this process when its number is another's.
type residence struct {
	statm *os.File // nil until it could be opened
	line  [128]byte
}

// bytes returns how many a process holds; ok is false where that cannot be told.
func (r *residence) bytes(pid int) (size int64, ok bool) {
	if r.statm == nil {
		f, err := os.Open(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, false
		}
		r.statm = f
	}
	// Its fields are counted in pages, the second of them is what is resident.
	// Source: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html.
	n, _ := r.statm.ReadAt(r.line[:], 0) // to its end, which is an error
	_, rest, _ := bytes.Cut(r.line[:n], []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	pages, err := strconv.ParseInt(string(field), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

func (r *residence) close() {
	if r.statm != nil {
		r.statm.Close()
	}
}

// preferAsVictim tells the kernel to end this process first when the machine runs out
// of memory: a feature comes back in a moment, its host and its store are what it
// comes back to.
func preferAsVictim(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0) // it may be gone
}
