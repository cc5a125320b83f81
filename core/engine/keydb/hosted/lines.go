package hosted

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxLine is how many bytes of a line are kept; the rest of it is dropped.
	maxLine = 4 << 10

	// keptLines is how many of the last lines can be told of when the server ends:
	// a fault in the settings takes four.
	keptLines = 4

	// keptFor is how long before the server's end a line may have been written and
	// still tell why: what was wrong earlier did not end it.
	keptFor = 10 * time.Second

	// A server may write linesPerSecond to the log, and burstLines at once: the
	// report of a crash fits.
	linesPerSecond = 5
	burstLines     = 200
)

// lines turns what the server writes into log records: error for what endangers the
// data, warn for what else somebody could act on, and debug for the rest. What it
// says of its links is among the rest: the mesh tells of those, and by their names.
// Repeats are counted by folds, floods are cut off, and the password is left out.
type lines struct {
	log    *slog.Logger
	secret string
	folds  *folds

	// What is worth a warning and what is not do not take each other's place.
	loud, quiet limit

	mu      sync.Mutex
	partial []byte // the beginning of a line; guarded by mu
	faults  kept   // guarded by mu
	worries kept   // guarded by mu
}

// limit is how much may be logged, and what was not: lines at debug or louder.
type limit struct {
	*rate.Limiter
	level   slog.Level
	dropped int // guarded by lines.mu
}

func newLimit(level slog.Level) limit {
	return limit{Limiter: rate.NewLimiter(linesPerSecond, burstLines), level: level}
}

func newLines(log *slog.Logger, secret string, f *folds) *lines {
	return &lines{log: log, secret: secret, folds: f, loud: newLimit(slog.LevelWarn), quiet: newLimit(slog.LevelDebug)}
}

// kept are the last lines of a kind, oldest first.
type kept []keptLine

type keptLine struct {
	text string
	at   time.Time
}

func (k *kept) add(text string) {
	*k = append((*k)[max(0, len(*k)-keptLines+1):], keptLine{text, time.Now()})
}

// recent returns those of the last keptFor.
func (k kept) recent() []string {
	var all []string
	for _, l := range k {
		if time.Since(l.at) <= keptFor {
			all = append(all, l.text)
		}
	}
	return all
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLine-len(l.partial))]...)
		if !ended {
			return n, nil
		}
		l.line(string(l.partial))
		l.partial, b = l.partial[:0], rest
	}
}

// flush takes a last line without an end and tells what was counted and not told.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(string(l.partial))
	l.partial = l.partial[:0]
	for _, f := range l.folds.rest() {
		l.write(f.level, f.text, f.attrs())
	}
	l.tellDropped(&l.loud)
	l.tellDropped(&l.quiet)
}

// reason returns what the server said of its end: the faults that it has just told
// of, else its last warnings and lines without a level, such as those on wrong
// settings; "" when there are none.
func (l *lines) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := l.faults.recent()
	if len(said) == 0 {
		said = l.worries.recent()
	}
	return strings.Join(said, " / ")
}

// line logs one line. The caller holds mu.
func (l *lines) line(text string) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if l.secret != "" {
		text = strings.ReplaceAll(text, l.secret, "***")
	}
	if text == "" {
		return
	}
	s := parseSaying(text)
	switch {
	case s.level >= slog.LevelError:
		l.faults.add(s.text)
	case s.level >= slog.LevelWarn:
		l.worries.add(s.text)
	}
	if !l.log.Enabled(context.Background(), s.level) {
		return
	}
	var attrs []slog.Attr
	if s.folds {
		f, tell := l.folds.see(s, time.Now())
		if !tell {
			return
		}
		attrs = f.attrs()
		f.untold, f.silent = 0, 0
	}
	to := &l.loud
	switch {
	case s.level >= slog.LevelError: // is never cut off
	case s.level < slog.LevelInfo:
		to = &l.quiet
		fallthrough
	default:
		if !to.Allow() {
			to.dropped++
			return
		}
	}
	l.tellDropped(to)
	l.write(s.level, s.text, attrs)
}

func (l *lines) write(level slog.Level, text string, attrs []slog.Attr) {
	l.log.LogAttrs(context.Background(), level, "keydb server says", append([]slog.Attr{slog.String("line", text)}, attrs...)...)
}

// tellDropped logs how many lines were not. The caller holds mu.
func (l *lines) tellDropped(to *limit) {
	if to.dropped > 0 {
		l.log.LogAttrs(context.Background(), to.level, "keydb server writes too much", slog.Int("lines_dropped", to.dropped))
		to.dropped = 0
	}
}
