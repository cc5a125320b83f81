package storage

import (
	"context"
	"log/slog"
	"time"

	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/settings"
)

// OwnStore is ownStore.
type OwnStore struct{ *ownStore }

// NewOwnStore is newOwnStore.
func NewOwnStore(s site.Store, claim func(context.Context) error, syncTimeout time.Duration, log *slog.Logger) *OwnStore {
	return &OwnStore{newOwnStore(s, nil, claim, syncTimeout, log)}
}

// Guard is guard.
func (o *OwnStore) Guard(ctx context.Context, keep func(context.Context) error) error {
	return o.guard(ctx, keep)
}

// StopTimeoutOf is the time that a hosted server has to end, of an engine that has
// timeout.
func StopTimeoutOf(timeout time.Duration) time.Duration {
	return hostedConfig(settings.Store{}, Options{StopTimeout: timeout}).StopTimeout
}
