package memory

import (
	"context"
	"time"
)

// keep tries the file while it fails, until ctx ends.
func (e *Engine) keep(ctx context.Context) {
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return
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
