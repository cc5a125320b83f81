package wasm

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// maxLine is how many bytes of a line are kept; the rest of it is dropped.
	maxLine = 8 << 10

	// A guest may print linesPerSecond, and burstLines at once: a stack fits, a
	// flood does not. All instances of a module count together.
	linesPerSecond = 50
	burstLines     = 1000
)

// sink is where the lines of all instances go.
type sink struct {
	limit *rate.Limiter

	mu      sync.Mutex
	dropped int // lines not written since the last one that was; guarded by mu
}

func newSink() *sink { return &sink{limit: rate.NewLimiter(linesPerSecond, burstLines)} }

// write writes one line, with its end, or counts it as dropped.
func (s *sink) write(w io.Writer, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limit.Allow() {
		s.dropped++
		return
	}
	s.tellDropped(w)
	// Nobody is there to be told that nobody listens.
	_, _ = w.Write(append(line, '\n'))
}

// tellDropped writes how many lines are missing here. The caller holds mu.
func (s *sink) tellDropped(w io.Writer) {
	if s.dropped > 0 {
		fmt.Fprintf(w, "… %d lines dropped: the guest prints too much\n", s.dropped)
		s.dropped = 0
	}
}

// lines is the standard output or standard error of one instance.
type lines struct {
	sink *sink
	to   io.Writer

	partial  []byte
	panicked string // the line that began a panic, if any
}

// Write implements io.Writer. It never fails, whatever the guest prints.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLine-len(l.partial))]...)
		if !ended {
			return n, nil
		}
		l.flush()
		b = rest
	}
}

// flush writes what there is of a line.
func (l *lines) flush() {
	if len(l.partial) == 0 {
		return
	}
	if l.panicked == "" && (bytes.HasPrefix(l.partial, []byte("panic: ")) || bytes.HasPrefix(l.partial, []byte("fatal error: "))) {
		l.panicked = string(l.partial[:min(len(l.partial), 512)])
	}
	l.sink.write(l.to, l.partial)
	l.partial = l.partial[:0]
}
