package bus

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota()
		said := 0
		for range 10 * burstComplaints {
			if _, ok := q.take(slog.LevelWarn); ok {
				said++
			}
		}
		if said != burstComplaints {
			t.Errorf("%d complaints at once were said, want %d", said, burstComplaints)
		}
		if _, ok := q.take(slog.LevelDebug); !ok {
			t.Error("a line for those who look for a bug was not said")
		}
		time.Sleep(time.Second)
		unsaid, ok := q.take(slog.LevelWarn)
		if want := slog.Int("unsaid", 9*burstComplaints); !ok || !unsaid.Equal(want) {
			t.Errorf("a second later: %v, %t; want %v, true", unsaid, ok, want)
		}
		time.Sleep(time.Second)
		if unsaid, ok := q.take(slog.LevelWarn); !ok || !unsaid.Equal(slog.Attr{}) {
			t.Errorf("another second later: %v, %t; want nothing, true", unsaid, ok)
		}
	})
}

func TestBrief(t *testing.T) {
	short := errors.New("short")
	if got := brief(short); got != short { //nolint:errorlint // the very one
		t.Errorf("brief(%v) = %v", short, got)
	}
	if got := brief(errors.New(strings.Repeat("é", maxComplaint))).Error(); len(got) > maxComplaint+len("…") || !strings.HasPrefix(got, "éé") {
		t.Errorf("brief of a long error has %d bytes", len(got))
	}
}
