package core

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// feature is a feature of the page, and what runs it.
type feature struct {
	*process.Plugin
	name  string
	added bool // by AddFeature: that it cannot be run is no reason to stop

	stop    context.CancelFunc // ends its run; nil while that has not begun
	removed bool
	status  plugins.Status
	since   time.Time // when it came up or went down
	err     error     // the last
}

// features are those of a Server, in page order. What is in them is guarded by mu.
type features struct {
	mu  sync.Mutex
	all []*feature
	ctx context.Context // of their runs; nil before and after
	ran sync.WaitGroup
}

// newFeature returns a feature that does not run yet.
func (s *Server) newFeature(cfg process.Config) *feature {
	f := &feature{name: cfg.Name, since: time.Now(), status: plugins.Status{Name: cfg.Name}}
	cfg.Logger, cfg.Registerer = s.cfg.Logger, s.cfg.Registry
	cfg.OnStatus = func(st plugins.Status) { s.featureChanged(f, st) }
	f.Plugin = process.New(cfg)
	return f
}

// AddFeature puts a feature at the end of the page and keeps its process running, as
// those of Config.Features. People see it without loading the page again. Its Logger,
// Registerer and OnStatus are filled in here. It works before, during and after Run.
//
// An error means that nothing was added, and names what is wrong with cfg or which
// feature is in the way. A feature that was added and does not start rests; Ready does
// not wait for it.
func (s *Server) AddFeature(cfg process.Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.bus.Shows(cfg.Name) { // before its metrics, which are those of the other one
		return s.bus.Add(bus.Feature{Name: cfg.Name})
	}
	f := s.newFeature(cfg)
	f.added = true
	if err := s.bus.Add(bus.Feature{Name: f.name, Carrier: s.wrap(f)}); err != nil {
		f.Forget()
		return err
	}
	s.features.mu.Lock()
	defer s.features.mu.Unlock()
	s.features.all = append(s.features.all, f)
	s.start(f)
	return nil
}

// RemoveFeature takes a feature off the page, and has its process answer what it has
// and end. It does not wait for that, which takes process.Config.StopTimeout at most;
// Run does. A name that no feature has is fine. The feature may be added again at once:
// its state is kept.
func (s *Server) RemoveFeature(name string) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.features.mu.Lock()
	i := slices.IndexFunc(s.features.all, func(f *feature) bool { return f.name == name })
	if i < 0 {
		s.features.mu.Unlock()
		return
	}
	f := s.features.all[i]
	f.removed = true
	s.features.all = slices.Delete(s.features.all, i, i+1)
	s.features.mu.Unlock()

	s.bus.Remove(name) // first, so that nothing is asked of a process that ends
	s.tellManifests()
	f.Forget()
	if f.stop != nil {
		f.stop()
	}
}

// ReplaceFeature has another program carry the feature cfg.Name: when it is up it takes
// over, and the one before answers what it was asked and ends. Of cfg only what
// process.Plugin.Replace takes counts. An error leaves the one before as it was.
func (s *Server) ReplaceFeature(ctx context.Context, cfg process.Config) error {
	s.features.mu.Lock()
	i := slices.IndexFunc(s.features.all, func(f *feature) bool { return f.name == cfg.Name })
	var f *feature
	if i >= 0 {
		f = s.features.all[i]
	}
	s.features.mu.Unlock()
	if f == nil {
		return fmt.Errorf("replace feature %q: there is none of that name", cfg.Name)
	}
	return f.Replace(ctx, cfg)
}

// wrap is what the bus asks of f.
func (s *Server) wrap(f *feature) plugins.Carrier {
	if s.cfg.Wrap == nil {
		return f
	}
	return s.cfg.Wrap(f.name, f)
}

// start runs f if features run; s.features.mu is held.
func (s *Server) start(f *feature) {
	if s.features.ctx == nil || s.features.ctx.Err() != nil {
		return
	}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(s.features.ctx)
	s.features.ran.Go(func() {
		defer f.stop()
		if err := f.Run(ctx); err != nil {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "feature cannot be run", slog.String("feature", f.name), slog.Any("err", err))
			s.featureChanged(f, plugins.Status{Name: f.name, Err: err})
			if !f.added {
				s.unfit <- err
			}
		}
	})
}

// runFeatures keeps the features' processes running until ctx ends, and returns when
// all of them have, also of those that were removed. It fails when one of
// Config.Features cannot be run at all.
func (s *Server) runFeatures(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.features.ran.Wait()
	defer cancel()
	s.features.mu.Lock()
	s.features.ctx = ctx
	for _, f := range s.features.all {
		s.start(f)
	}
	s.features.mu.Unlock()
	defer func() {
		s.features.mu.Lock()
		defer s.features.mu.Unlock()
		s.features.ctx = nil
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.unfit:
		return err
	}
}

// featureChanged tells the parts what has become of f.
func (s *Server) featureChanged(f *feature, st plugins.Status) {
	s.changing.Lock() // so that what is known now is not overtaken by what was known before
	defer s.changing.Unlock()
	s.features.mu.Lock()
	removed := f.removed // and another one may have its name
	if f.status.Up != st.Up {
		f.since = time.Now()
	}
	if st.Err != nil {
		f.err = st.Err
	}
	f.status = st
	s.features.mu.Unlock()
	if !removed {
		s.bus.FeatureChanged(st)
		s.tellManifests()
	}
}

// tellManifests has pages take the style of the features that there are; s.changing is
// held.
func (s *Server) tellManifests() { s.bus.StyleChanged(s.web.FeaturesChanged(s.bus.Manifests())) }

// featureStates tells whoever runs the binary how its features do, in page order.
func (s *Server) featureStates() []web.FeatureState {
	s.features.mu.Lock()
	defer s.features.mu.Unlock()
	states := make([]web.FeatureState, 0, len(s.features.all))
	for _, f := range s.features.all {
		state := web.FeatureState{
			Name: f.name, Title: f.status.Manifest.Title, Up: f.status.Up, Since: f.since.UTC().Truncate(time.Millisecond), Restarts: f.status.Restarts,
		}
		if f.err != nil {
			state.LastError = f.err.Error()
		}
		states = append(states, state)
	}
	return states
}
