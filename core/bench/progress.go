package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// How often progress is told: on a terminal, where a line takes the place of the one before, and
// elsewhere.
const (
	eachOnTerminal = 200 * time.Millisecond
	eachElsewhere  = 5 * time.Second
)

// progress tells how far a run is.
type progress struct {
	to       io.Writer // nil tells nobody
	terminal bool
	say      atomic.Pointer[func() string]

	mu      sync.Mutex
	written bool // a line of the terminal
}

func newProgress(to io.Writer) *progress {
	p := &progress{to: to}
	if f, ok := to.(*os.File); ok {
		st, err := f.Stat()
		p.terminal = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// now has say called for the line from now on, from another goroutine.
func (p *progress) now(say func() string) {
	p.say.Store(&say)
	if !p.terminal { // each step has one line at least
		p.tell()
	}
}

// run tells until ctx ends.
func (p *progress) run(ctx context.Context) {
	each := eachElsewhere
	if p.terminal {
		each = eachOnTerminal
	}
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.clear()
			return
		case <-tick.C:
			p.tell()
		}
	}
}

func (p *progress) tell() {
	say := p.say.Load()
	if p.to == nil || say == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		p.written = true
		fmt.Fprintf(p.to, "\r%s\x1b[K", (*say)())
		return
	}
	fmt.Fprintln(p.to, (*say)())
}

// clear takes the line away.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.written {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
