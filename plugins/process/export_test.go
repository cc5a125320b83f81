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

// Miss is a call that missed its timeout.
type Miss struct{ At, Timeout time.Duration }

// Hung reports of each miss whether it was once too often.
func Hung(most int, all ...Miss) []bool {
	var m misses
	var hung []bool
	for _, miss := range all {
		hung = append(hung, m.add(time.Time{}.Add(miss.At), miss.Timeout, most))
	}
	return hung
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
