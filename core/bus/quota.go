package bus

import (
	"errors"
	"log/slog"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// A feature may be complained of complaintsPerSecond times in the log, and
	// burstComplaints times at once: it fails as often as people press, and with other
	// words each time if it likes.
	complaintsPerSecond = 1
	burstComplaints     = 20

	// maxComplaint is the size in bytes of an error in the log that holds words of a
	// feature.
	maxComplaint = 2 << 10
)

// quota is how much is said of one feature.
type quota struct {
	limit *rate.Limiter

	mu     sync.Mutex
	unsaid int // since something was said; guarded by mu
}

func newQuota() *quota { return &quota{limit: rate.NewLimiter(complaintsPerSecond, burstComplaints)} }

// take reports whether something may be said, and returns what goes with it: how much was
// not said before. What is only for those who look for a bug is not counted.
func (q *quota) take(level slog.Level) (unsaid slog.Attr, ok bool) {
	if level < slog.LevelWarn {
		return slog.Attr{}, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.limit.Allow() {
		q.unsaid++
		return slog.Attr{}, false
	}
	if q.unsaid > 0 { // an empty attribute is left out
		unsaid, q.unsaid = slog.Int("unsaid", q.unsaid), 0
	}
	return unsaid, true
}

// brief returns err, or the beginning of what it says.
func brief(err error) error {
	text := err.Error()
	if len(text) <= maxComplaint {
		return err
	}
	return errors.New(clipTo(text, maxComplaint) + "…")
}
