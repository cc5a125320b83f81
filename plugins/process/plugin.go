package process

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// Plugin is one feature in a process of its own, kept running.
type Plugin struct {
	cfg      Config
	cfgErr   error // what Run returns
	metrics  metrics
	current  atomic.Pointer[session] // nil while the process is not running
	lastDown atomic.Pointer[error]   // why it is not
}

var _ plugins.Carrier = (*Plugin)(nil)

// New returns a plugin that is down until [Plugin.Run] starts it. Run reports
// what is wrong with cfg.
func New(cfg Config) *Plugin {
	p := &Plugin{}
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
	s, err := p.session()
	if err != nil {
		return nil, err
	}
	a, err := s.call(ctx, p.cfg.HandleTimeout, &pb.Call{Body: &pb.Call_Handle{Handle: &pb.Handle{
		Events: list(events, eventOut),
		States: table(states, stateOut),
	}}})
	if err == nil {
		err = errorIn(a.GetError())
	}
	if err != nil {
		return nil, fmt.Errorf("handle events of %s: %w", p.cfg.Name, err)
	}
	answer := a.GetOutcomes().GetOutcomes()
	if len(answer) != len(events) {
		return nil, fmt.Errorf("handle events of %s: got %d outcomes for %d events", p.cfg.Name, len(answer), len(events))
	}
	outcomes := make([]plugins.Outcome, len(answer))
	for i, o := range answer {
		if outcomes[i].Err = errorIn(o.GetError()); outcomes[i].Err == nil {
			outcomes[i].Mutations = list(o.GetMutations(), mutationIn)
		}
	}
	return outcomes, nil
}

// Render implements [plugins.Carrier]. Its errors are those of [Plugin.Handle],
// or the feature's own.
func (p *Plugin) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	defer observe(p.metrics.render, time.Now())
	s, err := p.session()
	if err != nil {
		return nil, err
	}
	a, err := s.call(ctx, p.cfg.RenderTimeout, &pb.Call{Body: &pb.Call_Render{Render: viewOut(v)}})
	if err == nil {
		err = errorIn(a.GetError())
	}
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", p.cfg.Name, err)
	}
	body, ok := a.GetBody().(*pb.Answer_Fragments)
	if !ok {
		return nil, fmt.Errorf("render %s: got an answer of another kind", p.cfg.Name)
	}
	fragments, err := fragmentsIn(body.Fragments.GetFragments())
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", p.cfg.Name, err)
	}
	return fragments, nil
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
