package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/global-presence/presence/plugins"
)

// Run starts the process, watches it and starts it again whenever it ends, until
// ctx ends; then it stops the process and returns nil. An error means that the
// plugin could not be looked after at all, and that nothing was started: a wrong
// Config, or no folder for sockets.
//
// Run is called once.
func (p *Plugin) Run(ctx context.Context) error {
	if p.cfgErr != nil {
		return p.cfgErr
	}
	sockets, err := openFolder(p.cfg.SocketDir)
	if err != nil {
		return fmt.Errorf("run plugin %q: %w", p.cfg.Name, err)
	}
	defer sockets.Close()

	wait := backoff{min: p.cfg.BackoffMin, max: p.cfg.BackoffMax, healthyAfter: p.cfg.HealthyAfter}
	status := plugins.Status{Name: p.cfg.Name}
	for {
		started := time.Now()
		err := p.live(ctx, sockets.path, &status)
		if ctx.Err() != nil {
			p.stopped(&status)
			return nil
		}
		lived := time.Since(started)
		pause := wait.next(lived)
		p.down(&status, err)
		p.cfg.Logger.Warn("feature restarts",
			slog.Any("err", err), slog.Duration("lived", lived), slog.Duration("pause", pause))
		if !sleep(ctx, pause) {
			p.stopped(&status)
			return nil
		}
		status.Restarts++
		p.metrics.restarted()
	}
}

// live is one life of the process. It returns why it ended.
func (p *Plugin) live(ctx context.Context, sockets string, status *plugins.Status) error {
	began := time.Now()
	c, err := connect(ctx, p.cfg, sockets)
	if err != nil {
		return err
	}
	p.up(status, c)
	p.cfg.Logger.Info("feature started", slog.String("pid", c.child.ID()), slog.Duration("took", time.Since(began)))
	err = c.wait(ctx)
	p.current.Store(nil) // first of all: nobody is to wait for it
	return c.end(err == nil, err)
}

func (p *Plugin) up(status *plugins.Status, c *connection) {
	p.current.Store(c.session)
	status.Up, status.Manifest, status.Err = true, c.manifest, nil
	p.metrics.setUp(true)
	p.cfg.OnStatus(*status)
}

func (p *Plugin) down(status *plugins.Status, err error) {
	p.lastDown.Store(&err)
	status.Up, status.Err = false, err
	p.metrics.setUp(false)
	p.cfg.OnStatus(*status)
}

// stopped is down as asked.
func (p *Plugin) stopped(status *plugins.Status) {
	p.down(status, nil)
	p.lastDown.Store(new(errors.New("stopped")))
	p.cfg.Logger.Info("feature stopped")
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
