package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// Plugin is one feature in a process of its own, kept running.
type Plugin struct {
	cfg      Config
	cfgErr   error // what Run returns
	metrics  metrics
	current  atomic.Pointer[session] // nil while the process is not running
	lastDown atomic.Pointer[error]   // why it is not

	running      atomic.Pointer[running] // nil before and after Run
	replacements chan *connection        // that are up; taken by Run
}

var _ plugins.Carrier = (*Plugin)(nil)

// New returns a plugin that is down until [Plugin.Run] starts it. Run reports
// what is wrong with cfg.
func New(cfg Config) *Plugin {
	p := &Plugin{replacements: make(chan *connection)}
	if p.cfg, p.cfgErr = cfg.withDefaults(); p.cfgErr == nil {
		p.metrics, p.cfgErr = newMetrics(cfg.Registerer, cfg.Name)
	}
	p.cfg.Logger = p.cfg.Logger.With(slog.String("feature", p.cfg.Name))
	return p
}

// Handle implements [plugins.Carrier]. The events are handled in order, and the
// host's deadline is for all of them together; one that had no time left has an
// outcome that wraps [plugins.ErrUnavailable] and context.DeadlineExceeded.
//
// An error means that there are no outcomes at all:
//
//   - [plugins.ErrUnavailable]: the process is not running or died meanwhile.
//   - the same and context.DeadlineExceeded: it did not answer in time.
//   - ctx's own error, when ctx was cancelled.
//   - any other: an event or its answer does not fit the wire.
func (p *Plugin) Handle(ctx context.Context, events []plugins.Event, states map[string]plugins.State) ([]plugins.Outcome, error) {
	if len(events) == 0 {
		return nil, nil
	}
	defer observe(p.metrics.handle, time.Now())
	var outcomes []plugins.Outcome
	body, err := wire.Handle(events, states)
	if err == nil {
		err = p.call(ctx, p.cfg.HandleTimeout, wire.KindHandle, body, func(answer []byte) (told, err error) {
			outcomes, err = wire.ParseOutcomes(answer)
			return untimely(outcomes), err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("handle events of %s: %w", p.cfg.Name, err)
	}
	if len(outcomes) != len(events) {
		return nil, fmt.Errorf("handle events of %s: got %d outcomes for %d events", p.cfg.Name, len(outcomes), len(events))
	}
	return outcomes, nil
}

// Render implements [plugins.Carrier]. Its errors are those of [Plugin.Handle],
// or the feature's own.
func (p *Plugin) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	defer observe(p.metrics.render, time.Now())
	var fragments []plugins.Fragment
	body, err := wire.View(v)
	if err == nil {
		err = p.call(ctx, p.cfg.RenderTimeout, wire.KindRender, body, func(answer []byte) (told, err error) {
			fragments, err = wire.ParseFragments(answer)
			return err, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", p.cfg.Name, err)
	}
	return fragments, nil
}

// call asks the running process, and has its answer read by parse: told is what the
// feature says of its time.
func (p *Plugin) call(ctx context.Context, timeout time.Duration, kind wire.Kind, body []byte, parse func(answer []byte) (told, err error)) error {
	for {
		s, err := p.session()
		if err != nil {
			return err
		}
		answer, own, err := s.call(ctx, timeout, kind, body)
		if errors.Is(err, errRetired) { // it was not asked, and another one has taken its place
			continue
		}
		if err != nil {
			return err
		}
		told, err := parse(answer)
		s.count(timeout, own, told)
		return err
	}
}

// untimely returns the error of an event that came to its end too late or was given
// up, if there is one.
func untimely(outcomes []plugins.Outcome) error {
	for _, o := range outcomes {
		if errors.Is(o.Err, context.DeadlineExceeded) || errors.Is(o.Err, context.Canceled) {
			return o.Err
		}
	}
	return nil
}

// session returns the running process's session.
func (p *Plugin) session() (*session, error) {
	if s := p.current.Load(); s != nil {
		return s, nil
	}
	if why := p.lastDown.Load(); why != nil && *why != nil {
		return nil, fmt.Errorf("%w: %s: %w", plugins.ErrUnavailable, p.cfg.Name, *why)
	}
	return nil, fmt.Errorf("%w: %s is not running", plugins.ErrUnavailable, p.cfg.Name)
}
