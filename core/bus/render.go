package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/markup"
)

// renderJob is one render of one part: the views that it takes, all of one state.
type renderJob struct {
	part    *part
	version uint64
	all     bool             // the first view is for everything
	common  bool             // it may change what anybody sees of their own, not only the users of groups
	groups  []plugins.Change // that the views after it tell of
	views   []plugins.View
}

// startRender begins to render p; p.room.mu is held.
func (b *Bus) startRender(p *part) {
	job := renderJob{part: p, version: p.version, all: p.all, groups: slices.Collect(maps.Keys(p.groups))}
	slices.SortFunc(job.groups, func(a, b plugins.Change) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Group, b.Group))
	})
	if p.all {
		job.add(p, nil)
	}
	changes := p.values
	for chunk := range slices.Chunk(job.groups, maxGroups) {
		job.add(p, append(changes, chunk...))
		changes = nil
	}
	if len(changes) > 0 {
		job.add(p, changes)
	}
	job.common = p.all || len(p.values) > 0 || slices.ContainsFunc(job.groups, func(c plugins.Change) bool { return !p.isOfUser(c) })
	p.rendering, p.began = true, time.Now()
	p.all, p.values = false, nil
	clear(p.groups)
	if p.next == nil {
		p.next = make(chan struct{})
	}
	ok := b.spawn(func(ctx context.Context) {
		rendered, full, err := b.render(ctx, job)
		unplaced := b.publish(job, rendered, full, err == nil)
		b.noteRender(p, err)
		p.room.mu.Lock()
		b.endRender(job, full, unplaced, err)
		p.room.mu.Unlock()
		if err == nil {
			b.showMissed(ctx, p)
		}
	})
	if !ok {
		b.endRender(job, false, false, errStopped)
	}
}

// isOfUser reports whether the group that a change names is a user.
func (p *part) isOfUser(c plugins.Change) bool {
	m, _ := p.feature.manifest()
	field, ok := m.Field(c.Field)
	return ok && field.By != plugins.ByRegion
}

// add adds a view of p's room as it is now.
func (j *renderJob) add(p *part, changes []plugins.Change) {
	var groups []string
	for _, c := range changes {
		if c.Group != "" {
			groups = append(groups, c.Group)
		}
	}
	j.views = append(j.views, plugins.View{
		Feature: p.feature.name, Room: p.room.name, State: p.room.state.State(p.feature.name, groups), Changes: changes,
	})
}

// endRender notes how a render went; p.room.mu is held.
func (b *Bus) endRender(job renderJob, full, unplaced bool, err error) {
	p := job.part
	p.rendering, p.renderErr = false, err
	if err == nil {
		p.done = job.version
	} else { // to be tried again: everything, and the people that were missed
		p.all = p.all || !full || len(job.groups) == 0 // which is all that says that something is left
		for _, c := range job.groups {
			p.groups[c] = struct{}{}
		}
	}
	if unplaced {
		p.markAll()
	}
	p.end()
	if !errors.Is(err, errStopped) {
		b.kick(p)
	}
}

// render asks the feature for the views of a job. It returns what it got before an
// error, and whether that holds everything that everybody sees.
func (b *Bus) render(ctx context.Context, job renderJob) (rendered []plugins.Fragment, full bool, err error) {
	for i, v := range job.views {
		fragments, err := b.call(ctx, job.part.feature, v)
		if err != nil {
			return rendered, full, err
		}
		if job.all && i == 0 {
			full = true
		} else if job.all { // everybody's are there already
			fragments = slices.DeleteFunc(fragments, func(f plugins.Fragment) bool { return f.Audience == plugins.Audience{} })
		}
		rendered = append(rendered, fragments...)
	}
	return rendered, full, nil
}

// showMissed shows people what they were to see of p when it could not be rendered.
func (b *Bus) showMissed(ctx context.Context, p *part) {
	s := &p.out
	s.mu.Lock()
	missed := slices.Collect(maps.Values(s.missed))
	clear(s.missed)
	s.mu.Unlock()
	if m, _ := p.feature.manifest(); !m.Personal {
		return
	}
	for _, viewer := range missed {
		if b.ensurePersonal(ctx, p, viewer) != nil {
			continue // it is noted again
		}
		s.mu.Lock()
		own := join(s.personal[viewer.User].fragments)
		b.broadcast(p, plugins.Audience{User: viewer.User}, ops(dom.MorphChildren("#"+ownCorner(p.feature.name), own)))
		s.mu.Unlock()
	}
}

// retryMissed sees to it that people who miss something are shown it although p is not
// rendered again by itself: nothing need ever change in its room. One that does not run
// is rendered when it does. out.mu is held.
func (b *Bus) retryMissed(p *part) {
	if p.out.retrying || !p.feature.isUp() {
		return
	}
	p.out.retrying = b.spawn(func(ctx context.Context) {
		if !sleep(ctx, retryAfter) {
			return
		}
		p.out.mu.Lock()
		p.out.retrying = false
		p.out.mu.Unlock()
		p.room.mu.Lock()
		idle := p.room.closed || !p.room.isSeen(p.feature.name)
		p.room.mu.Unlock()
		if !idle {
			b.showMissed(ctx, p)
		}
	})
}

// noteRender says in p's corner whether it can be shown.
func (b *Bus) noteRender(p *part, err error) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.broken = err != nil && !errors.Is(err, plugins.ErrUnavailable)
	b.tellNote(p)
}

// tellNote broadcasts p's note and its heading if they are news; out.mu is held.
func (b *Bus) tellNote(p *part) {
	if h := p.heading(); h.rev != p.out.headed {
		p.out.headed = h.rev
		b.showWhole(p, plugins.Audience{}, []string{h.id}, ops(h.morph()))
	}
	if n := p.note(); n.rev != p.out.noted {
		p.out.noted = n.rev
		b.showWhole(p, plugins.Audience{}, []string{n.id}, ops(n.morph()))
	}
}

// call renders a view and checks what comes back. It waits for its turn.
func (b *Bus) call(ctx context.Context, f *feature, v plugins.View) ([]plugins.Fragment, error) {
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-f.gone:
		return nil, fmt.Errorf("render %s in %q: %w", f.name, v.Room, plugins.ErrUnavailable)
	case <-ctx.Done():
		return nil, fmt.Errorf("render %s in %q: %w", f.name, v.Room, context.Cause(ctx))
	}
	began := time.Now()
	fragments, err := f.carrier.Render(ctx, v)
	if f.isGone() { // no series and no complaint of it any more
		return nil, fmt.Errorf("render %s in %q: %w", f.name, v.Room, plugins.ErrUnavailable)
	}
	b.metrics.renderSeconds.WithLabelValues(f.name).Observe(time.Since(began).Seconds())
	if err == nil {
		err = markup.Fragments(f.name, fragments)
	}
	if err != nil {
		b.metrics.renderFailures.WithLabelValues(f.name).Inc()
		if ctx.Err() == nil && f.unrendered.isNews(err) {
			if unsaid, ok := f.complaints.take(failureLevel(err)); ok {
				b.cfg.Logger.LogAttrs(ctx, failureLevel(err), "feature not rendered",
					slog.String("feature", f.name), slog.String("room", v.Room), slog.Any("err", brief(err)), unsaid)
			}
		}
		return nil, fmt.Errorf("render %s in %q: %w", f.name, v.Room, err)
	}
	return fragments, nil
}

// failureLevel is how loud an error of a feature is: that it does not run, its
// carrier has said already.
func failureLevel(err error) slog.Level {
	if errors.Is(err, plugins.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// publish remembers what was rendered and broadcasts what is new. full says that
// rendered holds everything that everybody sees, and complete that it holds what
// every group of the job sees. It reports whether a fragment came up of which only a
// full render tells where it belongs.
func (b *Bus) publish(job renderJob, rendered []plugins.Fragment, full, complete bool) (unplaced bool) {
	p, s := job.part, &job.part.out
	s.mu.Lock()
	defer s.mu.Unlock()
	if complete {
		s.outdate(job)
	}
	if full {
		clear(s.personal) // everything may have changed for everybody
	}
	if full && job.version >= s.renewed {
		for _, viewer := range s.renew {
			s.miss(viewer)
		}
		s.renew = nil
	}
	gone := map[string]bool{} // users whose fragments are not to be kept
	for _, c := range job.groups {
		gone[c.Group] = true
	}

	var ops []dom.Operation
	var whole []string // ids of the fragments that ops show as a whole
	var all []fragment
	for _, f := range rendered {
		shown := newFragment(f)
		if f.Audience != (plugins.Audience{}) {
			delete(gone, f.Audience.User)
			b.publishPersonal(p, f, shown)
			continue
		}
		i := s.index(f.ID)
		if full {
			all = append(all, shown)
		} else if i < 0 {
			unplaced = true
			continue
		}
		if i < 0 || s.shown[i].rev == shown.rev {
			continue
		}
		s.shown[i] = shown
		if len(f.Patch) > 0 && !full {
			ops = append(ops, f.Patch...)
			ops = append(ops, dom.SetAttribute("#"+shown.id, revAttribute, shown.rev))
		} else {
			ops = append(ops, shown.morph())
			whole = append(whole, shown.id)
		}
	}
	if full {
		if !sameIDs(s.shown, all) { // one came, went or moved
			ops = []dom.Operation{dom.MorphChildren("#"+roomCorner(p.feature.name), join(all))}
			whole = nil
		}
		s.shown = all
	}
	for user := range gone {
		delete(s.personal, user)
	}
	if len(whole) < len(ops) {
		whole = nil
	}
	b.showWhole(p, plugins.Audience{}, whole, ops)
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
	b.showWhole(p, f.Audience, []string{shown.id}, ops(shown.morph()))
}

// broadcast sends operations of a part to those in its room whom a names; out.mu is
// held. Of a feature that was removed nothing is to be seen any more.
func (b *Bus) broadcast(p *part, a plugins.Audience, ops []dom.Operation) {
	b.showWhole(p, a, nil, ops)
}

// showWhole is broadcast for operations that show the fragments of these ids as a whole and
// change nothing else: what showed the same ones before is worthless then. With no ids
// that is not so.
func (b *Bus) showWhole(p *part, a plugins.Audience, ids []string, ops []dom.Operation) {
	if !p.feature.isGone() {
		b.sendKeyed(p.room.name, p.feature.name, a, strings.Join(ids, " "), ops)
	}
}

// send sends operations of a feature, or of the host if that is "", to those in a room
// whom a names.
func (b *Bus) send(room, feature string, a plugins.Audience, ops []dom.Operation) {
	b.sendKeyed(room, feature, a, "", ops)
}

func (b *Bus) sendKeyed(room, feature string, a plugins.Audience, key string, ops []dom.Operation) {
	if len(ops) == 0 {
		return
	}
	message, err := dom.Message(ops...)
	if err != nil { // a bug: what came from a feature was checked
		b.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "operations not encoded", slog.String("room", room), slog.Any("err", err))
		return
	}
	b.cfg.Broadcaster.Broadcast(room, feature, a, key, message)
}
