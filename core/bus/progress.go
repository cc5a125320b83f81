package bus

import (
	"context"
	"sync"

	"github.com/global-presence/presence/core/state"
)

// progress is how far each site's log has been merged.
type progress struct {
	mu      sync.Mutex
	at      map[string]state.ID
	written map[string]state.ID // what this binary wrote last
	highest state.ID            // of all that was merged or loaded
	moved   chan struct{}       // closed and renewed at each step, if somebody waits
	waiters int
}

func newProgress() *progress {
	return &progress{at: map[string]state.ID{}, written: map[string]state.ID{}, moved: make(chan struct{})}
}

func (p *progress) reached(site string, id state.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id.Compare(p.at[site]) <= 0 {
		return
	}
	p.at[site] = id
	if id.Compare(p.highest) > 0 {
		p.highest = id
	}
	if p.waiters > 0 {
		close(p.moved)
		p.moved, p.waiters = make(chan struct{}), 0
	}
}

// saw notes the stamps of cells that were loaded and may be newer than all that was
// merged from the logs: who is shown them and changes them must get higher ones.
func (p *progress) saw(cells []state.Cell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cells {
		if c.Stamp.ID.Compare(p.highest) > 0 {
			p.highest = c.Stamp.ID
		}
	}
}

// wrote notes that this binary's write became entry id.
func (p *progress) wrote(site string, id state.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id.Compare(p.written[site]) > 0 {
		p.written[site] = id
	}
}

// waitAll returns when what this binary wrote so far has been merged, or ctx ended.
func (p *progress) waitAll(ctx context.Context, site string) {
	p.mu.Lock()
	id := p.written[site]
	p.mu.Unlock()
	p.wait(ctx, site, id)
}

// reading returns how far a site's log has been merged.
func (p *progress) reading(site string) (id state.ID, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, known = p.at[site]
	return id, known
}

// max returns the highest stamp that was merged or loaded, of any site.
func (p *progress) max() state.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.highest
}

// wait returns when the site's log has been merged up to id, or ctx ended.
func (p *progress) wait(ctx context.Context, site string, id state.ID) {
	for {
		p.mu.Lock()
		if p.at[site].Compare(id) >= 0 {
			p.mu.Unlock()
			return
		}
		moved := p.moved
		p.waiters++
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}
