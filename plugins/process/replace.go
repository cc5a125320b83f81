package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

// Description is what a program says of itself.
type Description struct {
	Manifest plugins.Manifest

	// SDK is the version of the library that serves it, for people: "v1.2.3".
	SDK string
}

// Describe starts the program once, asks what it is and ends it. The manifest is valid;
// cfg.Name is what it has to be called, anything if that is empty.
func Describe(ctx context.Context, cfg Config) (Description, error) {
	named := cfg
	if named.Name == "" {
		named.Name = "any"
	}
	named, err := named.withDefaults()
	if err != nil {
		return Description{}, err
	}
	named.Name = cfg.Name
	sockets, err := openFolder(cfg.SocketDir)
	if err != nil {
		return Description{}, fmt.Errorf("describe program: %w", err)
	}
	defer sockets.Close()
	c, err := connect(ctx, named, sockets.path)
	if err != nil {
		return Description{}, err
	}
	return Description(c.description), c.end(true, nil)
}

// running is what there is while Run is under way.
type running struct {
	ctx     context.Context // ends with Run
	sockets string
}

func (p *Plugin) setRunning(r *running) { p.running.Store(r) }

// Replace starts another program for the same feature: Path, Args, Env, Checksum and
// StartTimeout of cfg count, all else stays as it is. When the program is up it takes over at once, and
// is what is started again from then on; the one before answers what it was asked and
// ends. An error leaves everything as it was.
//
// It works while Run does, also while the feature is down. OnStatus is told of the new
// manifest as of a start, without the feature having been down.
func (p *Plugin) Replace(ctx context.Context, cfg Config) error {
	r := p.running.Load()
	if r == nil {
		return fmt.Errorf("replace %s: %w", p.cfg.Name, errNotRunning)
	}
	cfg.Name = p.cfg.Name
	filled, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("replace %s: %w", p.cfg.Name, err)
	}
	next := p.cfg
	next.StartTimeout = filled.StartTimeout
	next.Path, next.Args, next.Env, next.Checksum = cfg.Path, cfg.Args, cfg.Env, cfg.Checksum
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	c, err := connect(ctx, next, r.sockets)
	if err != nil {
		return fmt.Errorf("replace %s: %w", p.cfg.Name, err)
	}
	select {
	case p.replacements <- c:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("replace %s: %w", p.cfg.Name, c.end(true, context.Cause(ctx)))
	}
}

var errNotRunning = errors.New("it is not looked after now")
