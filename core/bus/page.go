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

// Section is one feature's corner of a page.
type Section struct {
	Name, Title string

	// HTML holds the feature's fragments as they are now, for one person. What
	// could not be rendered is as it was shown last, or missing.
	HTML string

	// Resting is the live element that says so when the feature does not run.
	Resting string
}

// viewTimeout is how long a page view waits for features that do not answer; it
// then shows what was rendered last.
const viewTimeout = time.Second

// Page returns what a person sees of a room. Its error means that the room's state
// cannot be had.
func (b *Bus) Page(ctx context.Context, name string, viewer plugins.Person) ([]Section, error) {
	if err := state.CheckRoom(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	r, leave, err := b.look(ctx, name)
	defer leave()
	if err != nil {
		return nil, err
	}
	sections := make([]Section, len(b.order))
	b.fresh(ctx, r, viewer, func(i int, p *part) {
		m, known := p.feature.manifest()
		s := Section{Name: p.feature.name, Title: p.feature.name}
		if known {
			s.Title = m.Title
		}
		p.out.mu.Lock()
		s.Resting = p.note().html
		s.HTML = `<div class="corner" id="` + roomCorner(s.Name) + `">` + join(p.out.shown) + `</div>` +
			`<div class="corner" id="` + ownCorner(s.Name) + `">` + join(p.out.personal[viewer.User].fragments) + `</div>`
		p.out.mu.Unlock()
		sections[i] = s
	})
	return sections, nil
}

// look enters a room for a short while, in which its parts are rendered, and loads
// it. leave must be called in any case.
func (b *Bus) look(ctx context.Context, name string) (r *room, leave func(), err error) {
	r = b.enter(name)
	defer r.mu.Unlock()
	r.views++
	leave = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.views--
	}
	return r, leave, b.awaitLoad(ctx, r)
}

// fresh brings every part of a room up to date for a viewer, as far as that can be
// had, and calls show for each in page order.
func (b *Bus) fresh(ctx context.Context, r *room, viewer plugins.Person, show func(i int, p *part)) {
	var parts []*part
	r.mu.Lock()
	for _, name := range b.order {
		parts = append(parts, r.parts[name])
		b.kick(r.parts[name]) // all at once, then wait for each
	}
	for _, p := range parts {
		_ = b.awaitRender(ctx, p) // what was shown last will do; the failure is in the log
	}
	r.mu.Unlock()

	var wg sync.WaitGroup
	for _, p := range parts {
		if m, _ := p.feature.manifest(); m.Personal && !p.out.hasPersonal(viewer) {
			wg.Go(func() { _ = b.ensurePersonal(ctx, p, viewer) })
		}
	}
	wg.Wait()
	for i, p := range parts {
		show(i, p)
	}
}

// hasPersonal reports whether what viewer alone sees is there.
func (s *screen) hasPersonal(viewer plugins.Person) bool {
	viewer.Session = ""
	s.mu.Lock()
	defer s.mu.Unlock()
	own, ok := s.personal[viewer.User]
	return ok && own.viewer == viewer
}

// Sync brings a page up to date that may have missed something: it shows the
// fragments whose ids and revisions are in revs. reply is called with what is stale,
// from another goroutine, within about a second; it must not block.
func (b *Bus) Sync(name string, viewer plugins.Person, revs map[string]string, reply func(ops ...dom.Operation)) {
	b.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, viewTimeout)
		defer cancel()
		r, leave, err := b.look(ctx, name)
		defer leave()
		if err != nil {
			return // the page keeps what it shows; renders reach it once the room is there
		}
		if len(revs) > 0 && !b.sameFeatures(revs) {
			reply(dom.SetProperty("[data-live-message]", "textContent", sayReload))
		}
		mine := b.byOwner(revs)
		b.fresh(ctx, r, viewer, func(_ int, p *part) {
			// Under the lock, so that nothing newer is broadcast between the look and
			// the answer.
			p.out.mu.Lock()
			defer p.out.mu.Unlock()
			if n := p.note(); revs[n.id] != n.rev {
				reply(n.morph())
			}
			if stale := p.stale(viewer, mine[p.feature.name]); len(stale) > 0 {
				reply(stale...)
			}
		})
	})
}

// sayReload is for a page that was open while features came or went.
const sayReload = "This page has changed. Reload it to see all of it."

// sameFeatures reports whether a page that shows revs has exactly the features that
// there are, each of which has a note.
func (b *Bus) sameFeatures(revs map[string]string) bool {
	notes := 0
	for id := range revs {
		if strings.HasPrefix(id, notePrefix) {
			notes++
		}
	}
	for _, name := range b.order {
		if _, there := revs[noteID(name)]; !there {
			return false
		}
	}
	return notes == len(b.order)
}

// byOwner sorts the revisions that a page shows by the feature they are of: an id
// starts with its feature's name and a hyphen. Where the name of one feature begins
// that of another, the longer one has it.
func (b *Bus) byOwner(revs map[string]string) map[string]map[string]string {
	owned := map[string]map[string]string{}
	for id, rev := range revs {
		owner := ""
		for _, name := range b.order {
			if strings.HasPrefix(id, name+"-") && len(name) > len(owner) {
				owner = name
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
