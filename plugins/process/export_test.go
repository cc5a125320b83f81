package process

import (
	"log/slog"
	"time"
)

// Waits returns the waits after processes that lived as long as given.
func Waits(least, most, healthyAfter time.Duration, lived ...time.Duration) []time.Duration {
	b := backoff{min: least, max: most, healthyAfter: healthyAfter}
	var waits []time.Duration
	for _, l := range lived {
		waits = append(waits, b.next(l))
	}
	return waits
}

var (
	NewHostLog = newHostLog
	OpenFolder = openFolder
)

// NewLines is newLines for a feature's only start.
func NewLines(log *slog.Logger, stream string) *lines {
	return newLines(log, stream, newLineLimits().stderr)
}

// FolderPath is where a folder is.
func FolderPath(f *folder) string { return f.path }
