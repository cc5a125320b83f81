package pluginfolder

import "syscall"

// noExec reports whether programs cannot be started from a folder, as is often said of
// /tmp.
func noExec(path string) bool {
	const stNoExec = 8 // ST_NOEXEC of statvfs(3)
	var s syscall.Statfs_t
	return syscall.Statfs(path, &s) == nil && s.Flags&stNoExec != 0
}
