package bus

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// feature is one feature of the page.
type feature struct {
	name    string
	carrier plugins.Carrier
	lane    chan job      // events in the order in which they came
	rewatch chan struct{} // holds a token when the watches have changed

	mu    sync.Mutex
	up    bool
	known bool // it has been up
	m     plugins.Manifest

	watching time.Time // since when its watches are heard; zero while they are not

	complaint   string // the last error that was logged of a render
	complaintAt time.Time
}

func newFeature(f Feature) *feature {
	return &feature{name: f.Name, carrier: f.Carrier, lane: make(chan job, laneSize), rewatch: make(chan struct{}, 1)}
}

// complains reports whether an error of a render is to be logged: it is another one
// than the last, or a minute has passed.
func (f *feature) complains(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.complaint == err.Error() && time.Since(f.complaintAt) < time.Minute {
		return false
	}
	f.complaint, f.complaintAt = err.Error(), time.Now()
	return true
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

// FeatureChanged tells the bus that a feature came up or went down. Its corner says
// so in every room, and is rendered anew when it is back. Calls for one feature come
// in order.
func (b *Bus) FeatureChanged(s plugins.Status) {
	f := b.features[s.Name]
	if f == nil {
		return
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	f.mu.Lock()
	was, before := f.up, f.m
	f.up = s.Up
	if s.Up {
		f.m, f.known = s.Manifest, true
	}
	f.mu.Unlock()

	if s.Up && !slices.Equal(before.Watches, s.Manifest.Watches) {
		select {
		case f.rewatch <- struct{}{}:
		default:
		}
	}
	if s.Up && !reflect.DeepEqual(before.State, s.Manifest.State) {
		b.mu.Lock()
		b.schema = state.NewSchema(b.Manifests()...)
		b.mu.Unlock()
		b.renewRooms()
	}
	if was == s.Up {
		return
	}
	b.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, "feature changed", slog.String("feature", f.name), slog.Bool("up", s.Up))
	for _, r := range b.loadedRooms() {
		r.mu.Lock()
		p := r.parts[f.name]
		if s.Up {
			p.markAll()
			b.kick(p)
		}
		r.mu.Unlock()
		p.out.mu.Lock()
		b.tellNote(p)
		p.out.mu.Unlock()
	}
}
