package bus

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/markup"
)

// renderJob is one render of one part.
type renderJob struct {
	part    *part
	version uint64
	all     bool
	changes []plugins.Change
	state   plugins.State
}

// startRender begins to render p; p.room.mu is held.
func (b *Bus) startRender(p *part) {
	job := renderJob{part: p, version: p.version, all: p.all, changes: p.changes}
	var groups []string
	for _, c := range p.changes {
		if c.Group != "" {
			groups = append(groups, c.Group)
		}
	}
	job.state = p.room.state.State(p.feature.name, groups)
	p.rendering, p.began = true, time.Now()
	p.all, p.changes = false, nil
	if p.next == nil {
		p.next = make(chan struct{})
	}
	ok := b.spawn(func(ctx context.Context) {
		unplaced, err := b.render(ctx, job)
		p.room.mu.Lock()
		defer p.room.mu.Unlock()
		b.endRender(job, unplaced, err)
	})
	if !ok {
		b.endRender(job, false, errStopped)
	}
}

// endRender notes how a render went; p.room.mu is held.
func (b *Bus) endRender(job renderJob, unplaced bool, err error) {
	p := job.part
	p.rendering, p.renderErr = false, err
	if err != nil { // to be tried again, with what was missed
		p.all = true
		p.changes = append(job.changes, p.changes...)
	} else {
		p.done = job.version
	}
	if unplaced {
		p.markAll()
	}
	p.end()
	b.kick(p)
}

// render asks the feature for what is new and publishes it. It reports whether a
// fragment came up of which only a full render tells where it belongs.
func (b *Bus) render(ctx context.Context, job renderJob) (unplaced bool, err error) {
	f := job.part.feature
	view := plugins.View{Feature: f.name, Room: job.part.room.name, State: job.state}
	var rendered []plugins.Fragment
	if job.all {
		if rendered, err = b.call(ctx, f, view); err != nil {
			return false, err
		}
	}
	if len(job.changes) > 0 {
		view.Changes = job.changes
		changed, err := b.call(ctx, f, view)
		if err != nil {
			return false, err
		}
		if job.all { // everybody's are there already
			changed = slices.DeleteFunc(changed, func(f plugins.Fragment) bool { return f.Audience == plugins.Audience{} })
		}
		rendered = append(rendered, changed...)
	}
	return b.publish(job, rendered), nil
}

// call renders a view and checks what comes back.
func (b *Bus) call(ctx context.Context, f *feature, v plugins.View) ([]plugins.Fragment, error) {
	began := time.Now()
	fragments, err := f.carrier.Render(ctx, v)
	b.metrics.renderSeconds.WithLabelValues(f.name).Observe(time.Since(began).Seconds())
	if err == nil {
		err = markup.Fragments(f.name, fragments)
	}
	if err != nil {
		b.metrics.renderFailures.WithLabelValues(f.name).Inc()
		if ctx.Err() == nil {
			b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "feature not rendered",
				slog.String("feature", f.name), slog.String("room", v.Room), slog.Any("err", err))
		}
		return nil, fmt.Errorf("render %s in %q: %w", f.name, v.Room, err)
	}
	return fragments, nil
}

// publish remembers what was rendered and broadcasts what is new.
func (b *Bus) publish(job renderJob, rendered []plugins.Fragment) (unplaced bool) {
	p, s := job.part, &job.part.out
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = job.version

	var ops []dom.Operation
	var all []fragment
	for _, f := range rendered {
		shown := newFragment(f)
		if f.Audience != (plugins.Audience{}) {
			b.publishPersonal(p, f, shown)
			continue
		}
		i := s.index(f.ID)
		if job.all {
			all = append(all, shown)
		} else if i < 0 {
			unplaced = true
			continue
		}
		if i < 0 || s.shown[i].rev == shown.rev {
			continue
		}
		s.shown[i] = shown
		if len(f.Patch) > 0 && !job.all {
			ops = append(ops, f.Patch...)
			ops = append(ops, dom.SetAttribute("#"+shown.id, revAttribute, shown.rev))
		} else {
			ops = append(ops, shown.morph())
		}
	}
	if job.all {
		if !sameIDs(s.shown, all) { // one came, went or moved
			ops = []dom.Operation{dom.MorphChildren("#"+roomCorner(p.feature.name), join(all))}
		}
		s.shown = all
	}
	b.broadcast(p.room.name, plugins.Audience{}, ops)
	return unplaced
}

// publishPersonal broadcasts a fragment for one user or session; s.mu is held.
func (b *Bus) publishPersonal(p *part, f plugins.Fragment, shown fragment) {
	if f.Audience.Session == "" {
		if own, ok := p.out.personal[f.Audience.User]; ok {
			i := slices.IndexFunc(own.fragments, func(old fragment) bool { return old.id == f.ID })
			switch {
			case i < 0: // a new one; their next page view or sync renders all
				delete(p.out.personal, f.Audience.User)
			case own.fragments[i].rev == shown.rev:
				return
			default:
				own.fragments[i] = shown
			}
		}
	}
	b.broadcast(p.room.name, f.Audience, []dom.Operation{shown.morph()})
}

// ensurePersonal sees to it that what viewer alone sees of p is in p.out.
func (b *Bus) ensurePersonal(ctx context.Context, p *part, viewer plugins.Person) error {
	viewer.Session = ""
	for {
		p.out.mu.Lock()
		own, ok := p.out.personal[viewer.User]
		p.out.mu.Unlock()
		if ok && own.viewer == viewer {
			return nil
		}
		if !p.feature.isUp() {
			return plugins.ErrUnavailable
		}
		p.room.mu.Lock()
		state := p.room.state.State(p.feature.name, []string{viewer.User})
		version := p.version
		p.room.mu.Unlock()
		rendered, err := b.call(ctx, p.feature, plugins.View{Feature: p.feature.name, Room: p.room.name, State: state, Viewer: viewer})
		if err != nil {
			return err
		}
		if p.out.keepPersonal(version, viewer, rendered) {
			return nil
		}
	}
}

// keepPersonal stores what viewer sees, unless something newer was published since
// it was rendered, of which it may lack a change.
func (s *screen) keepPersonal(version uint64, viewer plugins.Person, rendered []plugins.Fragment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version > version {
		return false
	}
	own := personal{viewer: viewer}
	for _, f := range rendered {
		own.fragments = append(own.fragments, newFragment(f))
	}
	if _, known := s.personal[viewer.User]; !known && len(s.personal) >= maxPersonal {
		for other := range s.personal {
			delete(s.personal, other)
			break
		}
	}
	s.personal[viewer.User] = own
	return true
}

func (b *Bus) broadcast(room string, a plugins.Audience, ops []dom.Operation) {
	if len(ops) == 0 {
		return
	}
	message, err := dom.Message(ops...)
	if err != nil { // a bug: what came from a feature was checked
		b.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "operations not encoded", slog.String("room", room), slog.Any("err", err))
		return
	}
	b.cfg.Broadcaster.Broadcast(room, a, message)
}
