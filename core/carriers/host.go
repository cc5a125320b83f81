package carriers

import (
	"context"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/pluginfolder"
)

// Host runs the programs of a plugin folder as features of a server.
type Host struct {
	Server *core.Server
	Cache  string // of what was compiled
}

var _ pluginfolder.Host = Host{}

// Add implements pluginfolder.Host.
func (h Host) Add(_ context.Context, p pluginfolder.Program) error {
	return h.Server.AddFeature(Program(p, h.Cache))
}

// Replace implements pluginfolder.Host.
func (h Host) Replace(ctx context.Context, p pluginfolder.Program) error {
	return h.Server.ReplaceFeature(ctx, Program(p, h.Cache))
}

// Remove implements pluginfolder.Host.
func (h Host) Remove(_ context.Context, name string) error {
	h.Server.RemoveFeature(name)
	return nil
}
