package cable

import "syscall"

// mostUnsent is how many bytes the kernel keeps of what a browser has no room for.
// Without a bound it is as much as the send buffer may grow to, 4 MiB by default: a
// page that lags would have to read all that before anything new, and a thousand
// that have stopped would hold gigabytes. What is on its way is not counted, so
// a fast connection over a long distance is none the slower.
const mostUnsent = 128 << 10

// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
//
// Source: linux/include/uapi/linux/tcp.h.
const tcpNotSentLowat = 25

// boundUnsent makes the kernel keep to mostUnsent. One that cannot keeps more.
func boundUnsent(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, mostUnsent)
	})
}
