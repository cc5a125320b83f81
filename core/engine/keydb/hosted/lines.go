package hosted

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// maxLine is how many bytes of a line are kept; the rest of it is dropped.
	maxLine = 4 << 10

	// keptLines is how many of the last lines can be told of when the server ends:
	// a fault in the settings takes four.
	keptLines = 4

	// A server may write linesPerSecond to the log, and burstLines at once: the
	// report of a crash fits. One whose peer is away repeats itself every second.
	linesPerSecond = 5
	burstLines     = 200
)

// logLine is a line of the server's log: process, thread or role, time, level and
// text, such as
//
//	23215:23231:S 24 Nov 2026 01:51:58.987 # User requested shutdown...
//	5181:M 24 Nov 2026 02:00:39.279 # Server initialized
var logLine = regexp.MustCompile(`^\d+:(?:\d+:)?[XCSM] \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)$`)

// calm are beginnings of lines at level # that tell of nothing wrong.
var calm = []string{
	"oO0OoO0OoO0Oo", "KeyDB version=", "Redis version=", "Valkey version=", "Configuration loaded", "Server initialized",
	"User requested shutdown", "KeyDB is now ready to exit", "Redis is now ready to exit", "Valkey is now ready to exit",
	"Done loading RDB", "NOTICE: ",
}

// lines turns what the server writes into log records: debug for what it does at
// every copy and link, info for its start and end, warn for the rest. Floods are
// counted instead of logged, and the password is left out.
type lines struct {
	log    *slog.Logger
	secret string
	limit  *rate.Limiter

	mu      sync.Mutex
	partial []byte   // the beginning of a line; guarded by mu
	last    []string // the last lines, oldest first; guarded by mu
	dropped int      // lines not logged; guarded by mu
}

func newLines(log *slog.Logger, secret string) *lines {
	return &lines{log: log, secret: secret, limit: rate.NewLimiter(linesPerSecond, burstLines)}
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

// flush takes a last line without an end and tells how many were dropped since the
// last one that was not.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(string(l.partial))
	l.partial = l.partial[:0]
	l.tellDropped()
}

// reason returns why the server ended, as it says itself: its last line, or the
// last few where they have no time and level, as those on wrong settings.
func (l *lines) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) == 0 {
		return "it says nothing"
	}
	var said []string
	for _, line := range l.last {
		if m := logLine.FindStringSubmatch(line); m != nil {
			said = []string{m[2]}
		} else {
			said = append(said, line)
		}
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
	l.last = append(l.last[max(0, len(l.last)-keptLines+1):], text)
	level, said := levelOf(text)
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	if !l.limit.Allow() {
		l.dropped++
		return
	}
	l.tellDropped()
	l.log.LogAttrs(context.Background(), level, "keydb server says", slog.String("line", said))
}

// tellDropped logs how many lines were not. The caller holds mu.
func (l *lines) tellDropped() {
	if l.dropped > 0 {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "keydb server writes too much", slog.Int("lines_dropped", l.dropped))
		l.dropped = 0
	}
}

// levelOf returns the level of a line and what it says.
func levelOf(line string) (slog.Level, string) {
	m := logLine.FindStringSubmatch(line)
	switch {
	case m == nil && strings.Contains(line, ":signal-handler ("):
		return slog.LevelInfo, line
	case m == nil: // a crash, or a fault in the settings
		return slog.LevelWarn, line
	case m[1] != "#":
		return slog.LevelDebug, m[2]
	case strings.Contains(m[2], "'Command must be sent from a master'"):
		// For each of the peers' writes in the file that KeyDB loads: it does not
		// take them from there, but again from the peers.
		return slog.LevelDebug, m[2]
	}
	for _, beginning := range calm {
		if strings.HasPrefix(m[2], beginning) {
			return slog.LevelInfo, m[2]
		}
	}
	return slog.LevelWarn, m[2]
}
