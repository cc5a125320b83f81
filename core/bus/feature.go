package bus

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

// feature is one feature of the page.
type feature struct {
	name    string
	carrier plugins.Carrier
	lane    chan *job     // events in the order in which they came
	turns   chan struct{} // has a token for each render that is under way
	latest  latest        // those of them that a newer one replaces
	rewatch chan struct{} // holds a token when the watches have changed
	gone    chan struct{} // closed when it is removed

	required bool // Ready waits for it
	begun    bool // its lane and its watches are served; guarded by Bus.run
	closed   bool // nothing is put into its lane any more; guarded by Bus.run

	mu      sync.Mutex
	up      bool
	known   bool // it has been up
	m       plugins.Manifest
	version int           // of m: counts its changes
	changed chan struct{} // closed at the next one

	watching time.Time // since when its watches are heard; zero while they are not

	unrendered complaint
	complaints *quota // what is said of it in the log, all together
}

// maxRenders is how many views a feature renders at once. Its carrier takes thousands,
// but the time that each may take begins when it is asked for: a server that ten
// thousand rooms come to in a few seconds would take a feature for hung that only has
// much to do.
const maxRenders = 16

func newFeature(f Feature) *feature {
	return &feature{
		name: f.Name, carrier: f.Carrier, lane: make(chan *job, laneSize), turns: make(chan struct{}, maxRenders), latest: latest{waiting: map[latestKey]*job{}},
		rewatch: make(chan struct{}, 1), gone: make(chan struct{}), changed: make(chan struct{}), complaints: newQuota(),
	}
}

// isGone reports whether the feature was removed.
func (f *feature) isGone() bool {
	select {
	case <-f.gone:
		return true
	default:
		return false
	}
}

func (f *feature) isUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up
}

// setWatching notes that the feature's watches are heard from now on, or are not.
func (f *feature) setWatching(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !on {
		f.watching = time.Time{}
	} else if f.watching.IsZero() {
		f.watching = time.Now()
	}
}

// hears reports whether the feature's watches have been heard for that long.
func (f *feature) hears(long time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.watching.IsZero() && time.Since(f.watching) >= long
}

// manifest returns the feature's manifest, if it has ever been up.
func (f *feature) manifest() (plugins.Manifest, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m, f.known
}

// declared returns the feature's manifest and which one that is.
func (f *feature) declared() (m plugins.Manifest, version int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m, f.version
}

// FeatureChanged tells the bus that a feature came up or went down. Its corner says
// so in every room, and is rendered anew when it is back. One that is up and comes up
// has been replaced by another program, whose manifest may differ in anything but the
// name: what people see of it is rendered anew, too, for everybody and for each. Calls
// for one feature come in order. A feature that is not there is passed over.
func (b *Bus) FeatureChanged(s plugins.Status) {
	b.changing.Lock()
	defer b.changing.Unlock()
	f := b.feature(s.Name)
	if f == nil {
		return
	}
	was, before, known := f.change(s)
	renewed := s.Up && known && (was || !reflect.DeepEqual(before, s.Manifest))
	if s.Up && !slices.Equal(before.Watches, s.Manifest.Watches) {
		notify(f.rewatch)
	}
	if s.Up && !reflect.DeepEqual(before.State, s.Manifest.State) {
		b.redefine(f)
	}
	if !was && !s.Up {
		return
	}
	b.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, "feature changed", slog.String("feature", f.name), slog.Bool("up", s.Up))
	var people map[string][]plugins.Person
	if renewed && s.Manifest.Personal {
		people = b.joins.byRoom()
	}
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		if p := r.parts[f.name]; p != nil {
			if s.Up {
				p.markAll()
			}
			p.out.mu.Lock()
			if renewed {
				p.out.renew, p.out.renewed = people[r.name], p.version
				if before.Personal && !s.Manifest.Personal {
					p.out.forget()
					b.broadcast(p, plugins.Audience{}, ops(dom.MorphChildren("#"+ownCorner(f.name), "")))
				}
			}
			b.tellNote(p)
			p.out.mu.Unlock()
			if s.Up {
				b.kick(p)
			}
		}
		r.mu.Unlock()
	}
}

// change takes what a feature is now and returns what it was.
func (f *feature) change(s plugins.Status) (up bool, m plugins.Manifest, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	up, m, known = f.up, f.m, f.known
	if f.up = s.Up; s.Up {
		if !reflect.DeepEqual(m, s.Manifest) {
			f.version++
			close(f.changed)
			f.changed = make(chan struct{})
		}
		f.m, f.known = s.Manifest, true
	}
	return up, m, known
}
