package bus

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
)

const (
	// looksPerBeat is how often the store is looked at.
	looksPerBeat = 10

	// awayLooks is for how many looks in a row the store has to be away before pages
	// are told: most hitches are over by then.
	awayLooks = 3

	// hurryLooks is every how many looks a write is tried while the store is away: an
	// engine learns from one that a store takes writes again.
	hurryLooks = 2

	// lateBeats is after how many beats a write that has no answer means that the
	// store is away. What waits for it may still be taken.
	lateBeats = 2
)

// storeLine is what pages are told of this site's store.
type storeLine struct {
	writing atomic.Pointer[time.Time] // since when a write of writePresence waits for its answer, or nil

	mu   sync.Mutex // held while pages are told, so that they are in order; taken before all of the Broadcaster's
	away bool       // pages were told that it is; guarded by mu
}

// isAway reports whether pages were told so.
func (s *storeLine) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// takesEvents reports whether what people do can be written and recognised when it
// is sent again.
func (b *Bus) takesEvents() bool { return b.cfg.Engine.Ready() == nil && b.caughtUp.Load() }

// watchStore tells pages when the store goes away and when it is back, until ctx
// ends. Pages send what they kept when they hear that it is back, and need not ask
// for it again and again.
func (b *Bus) watchStore(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Beat / looksPerBeat)
	defer tick.Stop()
	for missing := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := b.store.writing.Load()
		late := began != nil && time.Since(*began) > lateBeats*b.cfg.Beat
		if !late && b.takesEvents() {
			missing = 0
			if b.tellStore(ctx, false) {
				b.tendRooms() // those that could not be loaded
			}
			continue
		}
		if missing++; missing >= awayLooks {
			b.tellStore(ctx, true)
		}
		if missing%hurryLooks == 0 {
			notify(b.hurry)
		}
	}
}

// tellStore tells all pages whether the store is away, and reports whether that was
// news.
func (b *Bus) tellStore(ctx context.Context, away bool) bool {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if b.store.away == away {
		return false
	}
	b.store.away = away
	b.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "pages told of the store", slog.Bool("away", away))
	message, err := dom.Message(storeOperation(away))
	if err != nil { // a bug
		b.cfg.Logger.LogAttrs(ctx, slog.LevelError, "operations not encoded", slog.Any("err", err))
		return true
	}
	for _, r := range b.loadedRooms() {
		b.cfg.Broadcaster.Broadcast(r.name, "", plugins.Audience{}, "", message)
	}
	return true
}

// sayStore tells one page that the store is away, if it is. One that has just come
// takes it for being there.
func (b *Bus) sayStore(reply func(ops ...dom.Operation)) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if b.store.away {
		reply(storeOperation(true))
	}
}

// storeOperation is what a page is told, as the event that its binder waits for:
//
//	{"operation":"dispatchEvent","name":"live:store","detail":{"away":true}}
func storeOperation(away bool) dom.Operation {
	return dom.DispatchEvent("", "live:store", dom.Object(dom.Bool("away", away)))
}
