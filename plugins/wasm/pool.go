package wasm

import (
	"context"
	"sync"
)

// pool lends instances. The one given back last is lent first, so that no more of
// them are touched than calls are under way.
type pool struct {
	slots chan struct{} // one for each instance that may be lent

	mu     sync.Mutex
	idle   []*instance // guarded by mu
	closed bool        // guarded by mu
}

func newPool(size int) *pool { return &pool{slots: make(chan struct{}, size)} }

// take returns an idle instance, or nil when the caller is to make one, and waits
// for its turn until ctx ends. give ends what take began.
func (p *pool) take(ctx context.Context) (*instance, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		<-p.slots
		return nil, ErrClosed
	}
	n := len(p.idle)
	if n == 0 {
		return nil, nil
	}
	i := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return i, nil
}

// give takes an instance back; nil when it was dropped.
func (p *pool) give(i *instance) {
	if i != nil {
		p.mu.Lock()
		p.idle = append(p.idle, i)
		p.mu.Unlock()
	}
	<-p.slots
}

// close lends no more and waits until all are back, or until ctx ends; what is back
// by then it returns.
func (p *pool) close(ctx context.Context) ([]*instance, error) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var err error
	taken := 0
	for err == nil && taken < cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
			taken++
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	for range taken { // so that nobody waits for ever, and close can be called again
		<-p.slots
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = nil
	return idle, err
}
