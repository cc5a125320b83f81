package bus

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/plugins"
)

// maxChanges is how many changes of values are handed to one Render; beyond it
// everything is rendered.
const maxChanges = 1000

// maxGroups is how many groups of Presence fields are handed to one Render, so that
// a crowd that arrives at once comes in several.
const maxGroups = 128

// part is one feature in one room: what is to be rendered and what was.
type part struct {
	room    *room
	feature *feature

	// Guarded by room.mu.

	version   uint64                      // counts changes
	all       bool                        // everything is to be rendered
	values    []plugins.Change            // of other fields than Presence, since the last render began
	groups    map[plugins.Change]struct{} // of Presence fields; as many as there are people, and never dropped
	rendering bool
	began     time.Time     // of the last render
	timer     *time.Timer   // set while a render waits for its moment
	next      chan struct{} // closed when the render that waits or runs has ended; nil without one
	done      uint64        // the version of the last render that succeeded
	renderErr error         // of the last render

	// loading is closed when the state of the feature is there, which is loaded anew when
	// its fields have changed; nil while it is. fields counts these changes.
	loading chan struct{}
	fields  int

	directs map[string]*direct // by field
	board   boardFrames

	out screen // with a lock of its own
}

// screen is what people see of a part. Its lock is held while a message is put
// into outboxes, so that all messages of a part are in order. It is taken after
// room.mu, never before, and nothing is waited for under it.
type screen struct {
	mu       sync.Mutex
	shown    []fragment // for everybody, in their order on the page
	broken   bool       // the feature could not render it the last time
	noted    string     // the revision of the note that was broadcast last
	headed   string     // and that of the heading
	personal map[string]personal

	// asked are the renders for single people that are under way, by user.
	asked map[string]*ask

	// missed are the people, by user, who were to see something that could not be
	// rendered.
	missed   map[string]plugins.Person
	retrying bool // they are tried again in a moment

	// renew are the people who see something of their own anew when all of that version
	// has been rendered, which is the first of another program.
	renew   []plugins.Person
	renewed uint64
}

// fragment is a rendered fragment, checked.
type fragment struct {
	id   string
	rev  string
	html string // with the revision in it
}

// personal is what one user sees of a part, besides what everybody does.
type personal struct {
	viewer    plugins.Person // it was rendered for, without session
	fragments []fragment
}

// ask is a render for one person. Whoever wants the same meanwhile waits for it.
type ask struct {
	viewer plugins.Person // without session
	newest uint64         // the version of the newest that was published since and concerns them; guarded by screen.mu
	done   chan struct{}  // closed when it has ended
	err    error          // why it failed for everybody who waits; set before done
}

// maxPersonal is how many users' fragments are kept for each part.
const maxPersonal = 10_000

func newPart(r *room, f *feature) *part {
	p := &part{
		room: r, feature: f, version: 1, all: true,
		groups: map[plugins.Change]struct{}{}, directs: map[string]*direct{},
		out: screen{personal: map[string]personal{}, asked: map[string]*ask{}, missed: map[string]plugins.Person{}},
	}
	p.out.noted, p.out.headed = p.note().rev, p.heading().rev
	return p
}

// mark notes a change; room.mu is held. Where nobody looks at the feature, everything is
// rendered when somebody does: what comes meanwhile is not kept, nor ever shown if it is
// volatile.
func (p *part) mark(c plugins.Change) {
	p.version++
	switch {
	case !p.room.isSeen(p.feature.name):
		p.forget()
	case c.Group != "":
		p.groups[c] = struct{}{}
	case p.all: // which covers it, but for a volatile value
		if c.ID == "" && c.Value != "" && len(p.values) < maxChanges {
			p.values = append(p.values, c)
		}
	case len(p.values) == maxChanges:
		p.values, p.all = nil, true
	case c.Value != "" || c.ID != "" || !slices.Contains(p.values, c):
		p.values = append(p.values, c)
	}
}

// forget has everything rendered in place of single changes; room.mu is held.
func (p *part) forget() {
	p.all, p.values = true, nil
	clear(p.groups)
}

// markAll notes that everything is to be rendered; room.mu is held.
func (p *part) markAll() {
	p.version++
	p.all = true
}

// stop ends a render and messages that wait; room.mu is held.
func (p *part) stop() {
	for _, d := range p.directs {
		d.stop()
	}
	p.board.stop()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
		p.end()
	}
}

// end tells those who wait for a render; room.mu is held.
func (p *part) end() {
	if p.next != nil {
		close(p.next)
		p.next = nil
	}
}

// retryAfter is how long a feature that could not render a room is left alone
// there.
const retryAfter = time.Second

// kick sees to it that p is rendered if it is dirty and somebody looks: at once if
// the last render is a frame ago, else at the end of the frame. p.room.mu is held.
func (b *Bus) kick(p *part) {
	r := p.room
	if !p.dirty() || p.rendering || p.timer != nil || p.loading != nil || !r.loaded || r.closed || !r.isSeen(p.feature.name) || !p.feature.isUp() {
		return
	}
	pause := b.cfg.Frame
	if p.renderErr != nil {
		pause = retryAfter
	}
	wait := pause - time.Since(p.began)
	if wait <= 0 {
		b.startRender(p)
		return
	}
	p.next = make(chan struct{})
	p.timer = time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if p.timer == nil {
			return // stopped
		}
		p.timer = nil
		if r.closed || !r.isSeen(p.feature.name) || !p.feature.isUp() || p.loading != nil {
			p.end()
			return
		}
		b.startRender(p)
	})
}

// dirty reports whether there is something to render; room.mu is held.
func (p *part) dirty() bool { return p.all || len(p.values) > 0 || len(p.groups) > 0 }

// awaitRender waits until what is known of p now is rendered. It returns an error
// when that cannot be had soon; what was shown last is then the best there is.
// p.room.mu is held on call and on return.
func (b *Bus) awaitRender(ctx context.Context, p *part) error {
	for target := p.version; p.done < target; {
		if !p.feature.isUp() {
			return plugins.ErrUnavailable
		}
		if p.renderErr != nil && time.Since(p.began) < retryAfter {
			return p.renderErr
		}
		if p.loading != nil {
			if err := b.awaitPart(ctx, p); err != nil {
				return err
			}
			continue
		}
		b.kick(p)
		next := p.next
		if next == nil {
			return errStopped
		}
		p.room.mu.Unlock()
		select {
		case <-next:
			p.room.mu.Lock()
		case <-ctx.Done():
			p.room.mu.Lock()
			return context.Cause(ctx)
		}
	}
	return nil
}
