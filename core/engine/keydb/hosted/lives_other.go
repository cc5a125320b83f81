//go:build !linux

package hosted

import "os"

// place is not known here, so that a new life waits to see whether earlier ones go on.
func place(*os.File) (string, bool) { return "", false }
