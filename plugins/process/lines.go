package process

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxLine is how many bytes of a line are kept; the rest of it is dropped.
	maxLine = 8 << 10

	// maxReason is how many bytes of a line may become part of an error.
	maxReason = 1 << 10

	// A feature may write linesPerSecond of each stream to the log, and burstLines at
	// once: a stack fits, a flood does not. Its next starts count with those before, so
	// that one that floods and dies is not given a new burst each time.
	linesPerSecond = 50
	burstLines     = 1000

	// bytesPerSecond of each stream are read, and burstBytes at once, which is what a pipe
	// holds: who writes more waits, and others have the processor meanwhile.
	bytesPerSecond = 8 << 20
	burstBytes     = 64 << 10
)

// lines turns what a feature writes into log records.
//
// A line that slog's JSON handler or hclog made keeps its level, message and
// attributes. Any other becomes the attribute "line": at Error from a panic on,
// at Info otherwise. Nothing a feature writes is trusted: lines are cut, floods
// are counted instead of logged, and a record cannot pose as another feature's.
type lines struct {
	log    *slog.Logger
	stream string // "stdout" or "stderr"
	limit  *rate.Limiter
	pace   *rate.Limiter // of bytes

	mu       sync.Mutex
	partial  []byte // the beginning of a line; guarded by mu
	dropped  int    // lines not logged; guarded by mu
	panicked string // the line that began a panic, if any; guarded by mu
	last     string // line that was no record; guarded by mu
}

func newLines(log *slog.Logger, stream string, limit *rate.Limiter) *lines {
	return &lines{log: log, stream: stream, limit: limit, pace: newPace()}
}

// lineLimits are how much a feature may write, over all its starts.
type lineLimits struct{ stdout, stderr *rate.Limiter }

func newLineLimits() *lineLimits {
	return &lineLimits{
		stdout: rate.NewLimiter(linesPerSecond, burstLines),
		stderr: rate.NewLimiter(linesPerSecond, burstLines),
	}
}

func newPace() *rate.Limiter { return rate.NewLimiter(bytesPerSecond, burstBytes) }

// await waits until n bytes more keep the pace.
func await(pace *rate.Limiter, n int) {
	for ; n > 0; n -= burstBytes {
		time.Sleep(pace.ReserveN(time.Now(), min(n, burstBytes)).Delay())
	}
}

// paced keeps the pace with what is read of it.
type paced struct {
	io.ReadCloser
	pace *rate.Limiter
}

func (p paced) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	await(p.pace, n)
	return n, err
}

// Write implements io.Writer. It never fails, and takes its time with a flood.
func (l *lines) Write(b []byte) (int, error) {
	await(l.pace, len(b))
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLine-len(l.partial))]...)
		if !ended {
			return n, nil
		}
		l.line(l.partial)
		l.partial, b = l.partial[:0], rest
	}
}

// Flush logs what waits for something to follow it: a last line without an end,
// and how many lines were dropped since the last one that was not.
func (l *lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(l.partial)
	l.partial = l.partial[:0]
	l.tellDropped()
}

// Reason returns what of the lines says best why a process has ended by itself: the
// one that began a panic, else the last one, else "".
func (l *lines) Reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(l.panicked, l.last)
}

// line logs one line. The caller holds mu.
func (l *lines) line(line []byte) {
	text := strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\uFFFD")
	if l.panicked == "" && (strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")) {
		l.panicked = text
	}
	if text == "" {
		return
	}
	if !l.limit.Allow() {
		l.dropped++
		if text[0] != '{' {
			l.last = text[:min(len(text), maxReason)] // it may say why the process ends, all the same
		}
		return
	}
	l.tellDropped()
	ctx := context.Background()
	if level, attrs, ok := parseRecord(text); ok {
		l.log.LogAttrs(ctx, level, "feature says", attrs...)
		return
	}
	l.last = text[:min(len(text), maxReason)]
	level := slog.LevelInfo
	if l.panicked != "" {
		level = slog.LevelError
	}
	l.log.LogAttrs(ctx, level, "feature writes", slog.String("stream", l.stream), slog.String("line", text))
}

// tellDropped logs how many lines were not. The caller holds mu.
func (l *lines) tellDropped() {
	if l.dropped > 0 {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "feature writes too much", slog.Int("lines_dropped", l.dropped))
		l.dropped = 0
	}
}

// parseRecord reads a line of slog's JSON handler or of hclog's.
func parseRecord(text string) (slog.Level, []slog.Attr, bool) {
	if !strings.HasPrefix(text, "{") {
		return 0, nil, false
	}
	var raw map[string]any
	if json.Unmarshal([]byte(text), &raw) != nil {
		return 0, nil, false
	}
	take := func(names ...string) (value string, ok bool) {
		for _, name := range names {
			if v, is := raw[name].(string); is {
				delete(raw, name)
				return v, true
			}
		}
		return "", false
	}
	message, ok := take("@message", slog.MessageKey)
	if !ok {
		return 0, nil, false
	}
	level := slog.LevelInfo
	if name, ok := take("@level", slog.LevelKey); ok {
		if name == "trace" {
			level = slog.LevelDebug
		} else if level.UnmarshalText([]byte(name)) != nil {
			level = slog.LevelInfo
		}
	}
	take("@timestamp", slog.TimeKey) // the host's clock stamps the record
	attrs := make([]any, 0, len(raw))
	for name, value := range raw {
		attrs = append(attrs, slog.Any(name, value))
	}
	slices.SortFunc(attrs, func(a, b any) int { return strings.Compare(a.(slog.Attr).Key, b.(slog.Attr).Key) })
	// Its own attributes go into a group, so that none replaces the host's.
	return level, []slog.Attr{slog.String("text", message), slog.Group("attrs", attrs...)}, true
}
