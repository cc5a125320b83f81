package process

// Resident returns what tells how many bytes of memory a process holds, and what gives it
// back.
func Resident(pid int) (bytes func() (int64, bool), done func()) {
	var r residence
	return func() (int64, bool) { return r.bytes(pid) }, r.close
}
