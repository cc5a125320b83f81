package site

import (
	"context"
	"log/slog"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// Signal hands cells to all who follow Signals in any site.
func (e *Engine) Signal(ctx context.Context, cells []state.Cell) error {
	if err := engine.CheckSignals(cells); err != nil {
		return err
	}
	payload, err := engine.EncodeSignals(cells)
	if err != nil {
		return err
	}
	return e.store.Signal(ctx, payload)
}

// Signals is as engine.Engine says.
func (e *Engine) Signals(ctx context.Context, deliver func(site string, cells []state.Cell)) error {
	return e.followers.Follow(ctx, deliver)
}

// signalled is what the store calls.
func (e *Engine) signalled(site string, payload []byte) {
	cells, err := engine.DecodeSignals(payload)
	if err != nil { // of another version of this program, or another program's
		e.log.LogAttrs(context.Background(), slog.LevelDebug, "passed over signals that cannot be read", slog.String("of", site), slog.Any("err", err))
		return
	}
	e.followers.Send(site, cells)
}
