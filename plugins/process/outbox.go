package process

import (
	"context"
	"sync"
)

const (
	// MaxMessageSize is the most bytes that one call or one answer may have,
	// encoded. An answer that is larger is an error; a process that sends one
	// all the same loses its stream, and so ends.
	MaxMessageSize = 16 << 20

	// maxFrameSize is when a frame is full. It is small enough to keep a batch
	// from delaying what comes after it, and a single larger part goes alone.
	maxFrameSize = 256 << 10
)

// outbox holds encoded parts until the stream takes them. Whatever waits goes
// into one frame: a lone part waits for nothing, a crowd shares the cost.
type outbox struct {
	wake chan struct{} // holds a token when there may be something to send

	mu      sync.Mutex
	waiting [][]byte // guarded by mu
	closed  bool     // guarded by mu
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put adds a part, which the outbox owns from then on. It reports false, and does not,
// when the outbox is closed.
func (o *outbox) put(part []byte) bool {
	o.mu.Lock()
	closed := o.closed
	if !closed {
		o.waiting = append(o.waiting, part)
	}
	o.mu.Unlock()
	o.ring()
	return !closed
}

// close makes run return once everything is sent.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends until the outbox is closed and empty, ctx ends, or send fails.
func (o *outbox) run(ctx context.Context, send func(any) error) error {
	for {
		f, closed := o.take()
		switch {
		case len(f) > 0:
			if err := send(f); err != nil {
				return err
			}
		case closed:
			return nil
		default:
			select {
			case <-o.wake:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// take removes the parts of the next frame.
func (o *outbox) take() (f frame, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size, n := 0, 0
	for ; n < len(o.waiting); n++ {
		if size += len(o.waiting[n]); size > maxFrameSize && n > 0 {
			break
		}
	}
	f = frame(o.waiting[:n:n])
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil // f is gRPC's now; do not write into its array
	}
	return f, o.closed
}
