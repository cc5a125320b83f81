package bus

import (
	"context"
	"fmt"

	"github.com/global-presence/presence/plugins"
)

// ensurePersonal sees to it that what viewer alone sees of p is in p.out. If that
// cannot be had now, it is shown when it can.
func (b *Bus) ensurePersonal(ctx context.Context, p *part, viewer plugins.Person) (err error) {
	viewer.Session = ""
	defer func() {
		if err != nil {
			p.out.mu.Lock()
			p.out.miss(viewer)
			b.retryMissed(p)
			p.out.mu.Unlock()
		}
	}()
	for {
		p.out.mu.Lock()
		own, ok := p.out.personal[viewer.User]
		up := p.feature.isUp()
		if !up { // under the lock, so that what it renders when it is up finds them noted
			p.out.miss(viewer)
		}
		other := p.out.asked[viewer.User]
		mine := &ask{viewer: viewer, done: make(chan struct{})}
		has := ok && own.viewer == viewer
		if !has && up && other == nil {
			p.out.asked[viewer.User] = mine
		}
		p.out.mu.Unlock()
		switch {
		case has:
			return nil
		case !up:
			return plugins.ErrUnavailable
		case other == nil:
			kept, err := b.renderPersonal(ctx, p, mine)
			p.out.answer(mine, ctx, err)
			if kept || err != nil {
				return err
			}
			continue
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if other.viewer == viewer && other.err != nil {
			return other.err
		}
	}
}

// answer ends a render for one person. That the time of who asked was up is no answer
// for others.
func (s *screen) answer(a *ask, ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		a.err = err
	}
	delete(s.asked, a.viewer.User)
	close(a.done)
}

// outdate notes, for those who wait for something of their own, that a job was published
// that may change it; s.mu is held.
func (s *screen) outdate(job renderJob) {
	if job.common {
		for _, a := range s.asked {
			a.newest = max(a.newest, job.version)
		}
		return
	}
	for _, c := range job.groups {
		if a := s.asked[c.Group]; a != nil {
			a.newest = max(a.newest, job.version)
		}
	}
}

// renderPersonal renders what one person sees of p and keeps it, unless something newer
// was published meanwhile that concerns them.
func (b *Bus) renderPersonal(ctx context.Context, p *part, a *ask) (kept bool, err error) {
	p.room.mu.Lock()
	err = b.awaitPart(ctx, p)
	state := p.room.state.State(p.feature.name, []string{a.viewer.User})
	version := p.version
	p.room.mu.Unlock()
	if err != nil {
		return false, err
	}
	rendered, err := b.call(ctx, p.feature, plugins.View{Feature: p.feature.name, Room: p.room.name, State: state, Viewer: a.viewer})
	if err != nil {
		return false, err
	}
	return p.out.keepPersonal(version, a, rendered)
}

// miss notes that viewer has not seen what they were to; s.mu is held.
func (s *screen) miss(viewer plugins.Person) {
	viewer.Session = ""
	if len(s.missed) < maxPersonal {
		s.missed[viewer.User] = viewer
	}
}

// forget drops what single people see; s.mu is held.
func (s *screen) forget() {
	clear(s.personal)
	clear(s.missed)
}

// keepPersonal stores what a person sees, unless something newer that concerns them was
// published since it was rendered, of which it may lack a change.
func (s *screen) keepPersonal(version uint64, a *ask, rendered []plugins.Fragment) (kept bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	viewer := a.viewer
	if a.newest > version {
		return false, nil
	}
	own := personal{viewer: viewer}
	for _, f := range rendered {
		switch {
		case f.Audience != plugins.Audience{User: viewer.User}:
			return false, fmt.Errorf("fragment %q for one person: its audience is another", f.ID)
		case s.index(f.ID) >= 0:
			return false, fmt.Errorf("fragment %q for one person: everybody has one of that id", f.ID)
		}
		own.fragments = append(own.fragments, newFragment(f))
	}
	if _, known := s.personal[viewer.User]; !known && len(s.personal) >= maxPersonal {
		for other := range s.personal {
			delete(s.personal, other)
			break
		}
	}
	s.personal[viewer.User] = own
	return true, nil
}
