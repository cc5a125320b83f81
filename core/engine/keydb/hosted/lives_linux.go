package hosted

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// place says which file f is among all that are open or on a disk of this machine
// until it starts anew: who holds the lock of one file is alone with it there.
//
// Source: random(4) for boot_id.
func place(f *os.File) (string, bool) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return "", false
	}
	return fmt.Sprint(strings.TrimSpace(string(boot)), " ", st.Dev, " ", st.Ino), true
}
