//go:build !linux

package process

// resident cannot be told here.
func resident(int) (bytes int64, ok bool) { return 0, false }

func preferAsVictim(int) {}
