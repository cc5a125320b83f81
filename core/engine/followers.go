package engine

import (
	"context"
	"sync"

	"github.com/global-presence/presence/core/state"
)

// maxHeld is how many messages a follower may be behind before it loses some.
const maxHeld = 256

// Followers hands signals to all who follow them. The zero value works; its methods may
// be called at once.
type Followers struct {
	mu    sync.Mutex
	chans map[chan signals]struct{}
}

type signals struct {
	site  string
	cells []state.Cell
}

// Send hands cells of a site to everybody who follows now. It never blocks: who is too
// slow loses them. The cells are shared and not changed any more.
func (f *Followers) Send(site string, cells []state.Cell) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.chans {
		select {
		case c <- signals{site, cells}:
		default:
		}
	}
}

// Follow is Engine.Signals.
func (f *Followers) Follow(ctx context.Context, deliver func(site string, cells []state.Cell)) error {
	c := make(chan signals, maxHeld)
	f.mu.Lock()
	if f.chans == nil {
		f.chans = map[chan signals]struct{}{}
	}
	f.chans[c] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.chans, c)
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case s := <-c:
			deliver(s.site, s.cells)
		}
	}
}
