package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Plugin: p, sockets: sockets.path, cfg: p.cfg, status: plugins.Status{Name: p.cfg.Name}}
	defer r.leaving.Wait()
	p.setRunning(&running{ctx: ctx, sockets: sockets.path})
	defer p.setRunning(nil)
	r.loop(ctx)
	return nil
}

// run is what one Run knows.
type run struct {
	*Plugin
	sockets string
	cfg     Config // of the program that is started next
	status  plugins.Status
	life    life           // the last one
	leaving sync.WaitGroup // processes that were replaced and end
}

// life is when a process came up, and from when on it may count as hung. It is zero when
// there was none.
type life struct{ up, settled time.Time }

// lasted returns how long the life was, and how long the process can be held to have been
// well: without the time in which nothing counts.
func (l life) lasted() (lived, well time.Duration) {
	if l.up.IsZero() {
		return 0, 0
	}
	return time.Since(l.up), max(0, time.Since(l.settled))
}

func (r *run) loop(ctx context.Context) {
	wait := backoff{min: r.cfg.BackoffMin, max: r.cfg.BackoffMax, healthyAfter: r.cfg.HealthyAfter}
	var c *connection // up already, if it is a replacement
	for {
		r.life = life{}
		err := r.live(ctx, c)
		if ctx.Err() != nil {
			r.stopped()
			return
		}
		lived, well := r.life.lasted()
		pause := wait.next(well)
		r.down(err)
		r.cfg.Logger.Warn("feature restarts",
			slog.Any("err", err), slog.Duration("lived", lived), slog.Duration("pause", pause))
		if c = r.sleep(ctx, pause); ctx.Err() != nil {
			if c != nil { // it came as Run was told to end
				_ = c.end(true, nil)
			}
			r.stopped()
			return
		}
		r.status.Restarts++
		r.metrics.restarted()
	}
}

// live is one life of the process, which is c or, if that is nil, started here; when
// another one takes over, that one's life goes on. It returns why it ended.
func (r *run) live(ctx context.Context, c *connection) error {
	if c == nil {
		began := time.Now()
		var err error
		if c, err = connect(ctx, r.cfg, r.sockets); err != nil {
			return err
		}
		r.cfg.Logger.Info("feature started", slog.String("pid", c.child.ID()), slog.Duration("took", time.Since(began)))
	}
	for {
		r.cfg = c.cfg
		r.up(c)
		next, err := c.wait(ctx, r.replacements)
		if next != nil {
			old := c
			c = next
			r.cfg.Logger.Info("feature replaced", slog.String("pid", c.child.ID()))
			// New calls go to the new one from here on. What the old one was asked it
			// answers before it ends.
			r.current.Store(c.session)
			r.leaving.Go(func() { _ = old.end(true, nil) })
			continue
		}
		r.current.Store(nil) // first of all: nobody is to wait for it
		if err == nil {      // it is asked to end, which takes its time: nothing fails by its fault meanwhile
			r.down(nil)
		}
		return c.end(err == nil, err)
	}
}

func (r *run) up(c *connection) {
	r.life = life{up: time.Now(), settled: c.session.settled}
	r.current.Store(c.session)
	r.status.Up, r.status.Manifest, r.status.Err = true, c.description.Manifest, nil
	r.metrics.setUp(true)
	r.cfg.OnStatus(r.status)
}

func (r *run) down(err error) {
	r.lastDown.Store(&err)
	r.status.Up, r.status.Err = false, err
	r.metrics.setUp(false)
	r.cfg.OnStatus(r.status)
}

// stopped is down as asked.
func (r *run) stopped() {
	if r.status.Up {
		r.down(nil)
	}
	r.lastDown.Store(new(errors.New("stopped")))
	r.cfg.Logger.Info("feature stopped")
}

// sleep waits for d, for the end of ctx, or for a replacement, which it returns.
func (r *run) sleep(ctx context.Context, d time.Duration) *connection {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case c := <-r.replacements:
		return c
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
