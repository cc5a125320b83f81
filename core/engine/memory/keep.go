package memory

import (
	"context"
	"time"
)

// keep sweeps tombstones and, while the file fails, tries it, until ctx ends.
func (e *Engine) keep(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			e.sweep()
		case <-probe.C:
			e.probe()
		}
	}
}

// probe tries the file if it failed before.
func (e *Engine) probe() {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.failure == nil || e.closed {
		return
	}
	if err := e.file.probe(e.last, e.stale, e.ring.trimmed); err != nil {
		e.fail(err) //nolint:errcheck // Ready tells it
		return
	}
	e.healed()
}

// sweep drops tombstones older than tombstoneAge. Those that the file does not
// give up now are tried again the next time.
func (e *Engine) sweep() {
	e.writing.Lock()
	defer e.writing.Unlock()
	old := e.state.buried(e.cfg.Now().Add(-tombstoneAge))
	if len(old) == 0 || e.closed {
		return
	}
	if e.file != nil {
		if err := e.file.remove(old); err != nil {
			e.fail(err) //nolint:errcheck // Ready tells it
			return
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range old {
		e.state.remove(a)
	}
}
