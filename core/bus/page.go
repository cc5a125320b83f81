package bus

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// viewTimeout is how long a page view waits for features that do not answer; it
// then shows what was rendered last.
const viewTimeout = time.Second

// Shows reports whether there is a feature of that name.
func (b *Bus) Shows(feature string) bool { return b.feature(feature) != nil }

// Knows reports whether there is a feature of that name, or was one that may come back:
// a page that shows it alone may still follow it.
func (b *Bus) Knows(feature string) bool {
	s := b.set.Load()
	return s.byName[feature] != nil || s.gone[feature]
}

// Page returns what a person sees of a room, of all features or of only one. Its error means that the room's state
// cannot be had now: the sections have no fragments then, and a page that shows them
// gets those by its Sync, or when the room is there.
func (b *Bus) Page(ctx context.Context, name, only string, viewer plugins.Person) ([]Section, error) {
	if err := state.CheckRoom(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	r, leave, err := b.look(ctx, name, only)
	defer leave()
	parts := b.partsOf(r, only)
	sections := make([]Section, len(parts))
	if err != nil {
		for i, p := range parts {
			p.out.mu.Lock()
			sections[i] = p.section(nil, nil)
			p.out.mu.Unlock()
		}
		return sections, err
	}
	b.fresh(ctx, r, parts, viewer, func(i int, p *part) {
		p.out.mu.Lock()
		sections[i] = p.section(p.out.shown, p.out.personal[viewer.User].fragments)
		p.out.mu.Unlock()
	})
	return sections, nil
}

// partsOf returns the parts of a room in page order, or only one, if that is there.
func (b *Bus) partsOf(r *room, only string) []*part {
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.parts(r, only)
}

// parts is partsOf while r.mu is held.
func (b *Bus) parts(r *room, only string) []*part {
	var parts []*part
	for _, f := range b.features() {
		if p := r.parts[f.name]; p != nil && p.feature == f && (only == "" || f.name == only) {
			parts = append(parts, p)
		}
	}
	return parts
}

// look enters a room for a short while, in which its parts are rendered, or only that of
// one feature, and loads it. leave must be called in any case.
func (b *Bus) look(ctx context.Context, name, only string) (r *room, leave func(), err error) {
	r = b.enter(name)
	defer r.mu.Unlock()
	r.look(only, +1)
	leave = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.look(only, -1)
	}
	return r, leave, b.awaitLoad(ctx, r)
}

// fresh brings parts of a room up to date for a viewer, as far as that can be had, and
// calls show for each in their order.
func (b *Bus) fresh(ctx context.Context, r *room, parts []*part, viewer plugins.Person, show func(i int, p *part)) {
	r.mu.Lock()
	for _, p := range parts {
		b.kick(p) // all at once, then wait for each
	}
	for _, p := range parts {
		_ = b.awaitRender(ctx, p) // what was shown last will do; the failure is in the log
	}
	r.mu.Unlock()

	var wg sync.WaitGroup
	for _, p := range parts {
		if p.lacksPersonal(viewer) {
			wg.Go(func() { _ = b.ensurePersonal(ctx, p, viewer) })
		}
	}
	wg.Wait()
	for i, p := range parts {
		show(i, p)
	}
}

// lacksPersonal reports whether viewer alone sees something of p that is not there. Of a
// feature that has never been up nobody knows; they see it when it is.
func (p *part) lacksPersonal(viewer plugins.Person) bool {
	viewer.Session = ""
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	m, known := p.feature.manifest()
	if !known {
		p.out.miss(viewer)
		return false
	}
	own, there := p.out.personal[viewer.User]
	return m.Personal && (!there || own.viewer != viewer)
}

// Sync brings a page up to date that may have missed something: it shows all features,
// or only one, and of these the fragments whose ids and revisions are in revs. reply is called with what is stale,
// from another goroutine, within about a second; it must not block. Of a room that
// cannot be had by then the page keeps what it shows, and gets the rest when the room
// is there.
func (b *Bus) Sync(name, only string, viewer plugins.Person, revs map[string]string, reply func(ops ...dom.Operation)) {
	b.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, viewTimeout)
		defer cancel()
		b.sayStore(reply)
		b.sayStyle(revs, reply)
		r, leave, err := b.look(ctx, name, only)
		defer leave()
		parts := b.closeUp(r, only, revs, reply)
		if err != nil && b.owe(r, parts, only, viewer, revs, reply) {
			return
		}
		mine := b.byOwner(revs)
		b.fresh(ctx, r, parts, viewer, func(_ int, p *part) {
			// Under the lock, so that nothing newer is broadcast between the look and
			// the answer.
			p.out.mu.Lock()
			defer p.out.mu.Unlock()
			if p.feature.isGone() {
				return
			}
			if p.isMissing(revs) {
				reply(b.insert(p.section(p.out.shown, p.out.personal[viewer.User].fragments), only)...)
				return
			}
			p.sayNote(revs, reply)
			if stale := p.stale(viewer, mine[p.feature.name]); len(stale) > 0 {
				reply(stale...)
			}
		})
	})
}

// owe notes that a viewer is to see parts of a room that is not there yet: what everybody
// sees reaches them by the first renders, and what they alone see after those. It
// reports false if the room is there by now.
func (b *Bus) owe(r *room, parts []*part, only string, viewer plugins.Person, revs map[string]string, reply func(ops ...dom.Operation)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded {
		return false
	}
	for _, p := range parts {
		p.out.mu.Lock()
		p.out.miss(viewer)
		switch {
		case p.feature.isGone():
		case p.isMissing(revs):
			reply(b.insert(p.section(nil, nil), only)...)
		default:
			p.sayNote(revs, reply)
		}
		p.out.mu.Unlock()
	}
	return true
}

// sayNote tells a page that shows revs p's note and its heading, if it shows others;
// out.mu is held.
func (p *part) sayNote(revs map[string]string, reply func(ops ...dom.Operation)) {
	for _, f := range []fragment{p.heading(), p.note()} {
		if rev, there := revs[f.id]; rev != f.rev && (there || f.id == noteID(p.feature.name)) {
			reply(f.morph())
		}
	}
}

// isMissing reports whether a page that shows revs has no section of p's feature. A page
// tells of the host's own elements first, and has at least the features' style sheet.
func (p *part) isMissing(revs map[string]string) bool {
	if _, there := revs[noteID(p.feature.name)]; there {
		return false
	}
	for id := range revs {
		if id == styleID || strings.HasPrefix(id, notePrefix) {
			return true
		}
	}
	return false
}

// closeUp takes the sections off a page that shows revs whose features are not there any
// more, and returns the parts of a room that it is to show.
func (b *Bus) closeUp(r *room, only string, revs map[string]string, reply func(ops ...dom.Operation)) []*part {
	// Under the lock, so that a feature that comes back is not taken off the page.
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range revs {
		if name, isNote := strings.CutPrefix(id, notePrefix); isNote && r.parts[name] == nil && isName(name) {
			reply(removeEverywhere(name)...)
		}
	}
	parts := b.parts(r, only)
	if only != "" && len(parts) == 0 {
		reply(say("", SayGone))
	}
	return parts
}

// isName reports whether a feature may be called so; what a page shows is what it says.
func isName(name string) bool { return (plugins.Manifest{Name: name, Title: name}).Validate() == nil }

// byOwner sorts the revisions that a page shows by the feature they are of: an id
// starts with its feature's name and a hyphen. Where the name of one feature begins
// that of another, the longer one has it.
func (b *Bus) byOwner(revs map[string]string) map[string]map[string]string {
	owned := map[string]map[string]string{}
	for id, rev := range revs {
		owner := ""
		for _, f := range b.features() {
			if strings.HasPrefix(id, f.name+"-") && len(f.name) > len(owner) {
				owner = f.name
			}
		}
		if owned[owner] == nil {
			owned[owner] = map[string]string{}
		}
		owned[owner][id] = rev
	}
	return owned
}

// stale returns the operations that bring the corner of a page up to date that
// shows revs there; out.mu is held. Where one came or went, that is the whole
// corner.
func (p *part) stale(viewer plugins.Person, revs map[string]string) []dom.Operation {
	shown, own := p.out.shown, p.out.personal[viewer.User].fragments
	var stale []dom.Operation
	found := 0
	for _, f := range slices.Concat(shown, own) {
		rev, there := revs[f.id]
		if there {
			found++
		}
		if rev != f.rev {
			stale = append(stale, f.morph())
		}
	}
	if found == len(revs) && found == len(shown)+len(own) {
		return stale
	}
	return ops(
		dom.MorphChildren("#"+roomCorner(p.feature.name), join(shown)),
		dom.MorphChildren("#"+ownCorner(p.feature.name), join(own)),
	)
}
