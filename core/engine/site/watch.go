package site

import (
	"context"

	"github.com/global-presence/presence/core/engine"
)

var _ engine.Watcher = (*Engine)(nil)

// Watch is the store's, or returns engine.ErrNoKeys.
func (e *Engine) Watch(ctx context.Context, patterns []string, changed func(engine.KeyChange)) error {
	w, ok := e.store.(engine.Watcher)
	if !ok {
		return engine.ErrNoKeys
	}
	return w.Watch(ctx, patterns, changed)
}
