package bus

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// leaseBeats is after how many missed beats a binary is gone.
const leaseBeats = 3

// beater is a binary that beats.
type beater struct {
	site, region string
	at           time.Time     // of the last beat, by the local clock
	pings        []engine.Ping // as the last beat tells them
}

// leases tells which binaries beat.
type leases struct {
	own string // always live here: its sockets are ours

	mu    sync.Mutex
	heard map[string]beater // by binary; own is among them
	since time.Time         // when this binary began to hear all others; zero before
}

func newLeases(own, site, region string) *leases {
	return &leases{own: own, heard: map[string]beater{own: {site: site, region: region}}}
}

// beat notes that a binary is alive and reports whether that is news.
func (l *leases) beat(binary string, b beater) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.heard[binary]
	l.heard[binary] = b
	return !known
}

// expire forgets and returns the binaries that were not heard of for that long.
func (l *leases) expire(after time.Duration) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var gone []string
	for binary, b := range l.heard {
		if binary != l.own && time.Since(b.at) > after {
			gone = append(gone, binary)
			delete(l.heard, binary)
		}
	}
	return gone
}

// live returns the binaries whose members count.
func (l *leases) live() map[string]beater {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.heard)
}

// listening notes that from now on every binary that beats is heard.
func (l *leases) listening() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
}

// leads reports whether this binary is the one that does what only one should: the
// first by site and name among those that beat. It must have listened for as long as
// a lease lasts to know. Binaries that are cut off from each other lead each on its
// side, and for a moment none may lead.
func (l *leases) leads(after time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() || time.Since(l.since) < after {
		return false
	}
	site := l.heard[l.own].site
	for binary, b := range l.heard {
		if b.site < site || b.site == site && binary < l.own {
			return false
		}
	}
	return true
}

// lease is how long a binary counts as alive after a beat.
func (b *Bus) lease() time.Duration { return leaseBeats * b.cfg.Beat }

// hear takes a beat that was read from the log at that moment.
func (b *Bus) hear(d engine.Delivery, now time.Time) {
	own := b.cfg.Engine.Site()
	if d.Site != own {
		b.pings.read(d, own, now)
	}
	at := now
	if !b.caughtUp.Load() {
		// What was written before this binary started is as old as its id says. By a
		// clock that is wrong it lasts until the next beat.
		at = now.Add(-max(0, now.Sub(d.ID.Time())))
	}
	b.leasing.Lock()
	defer b.leasing.Unlock()
	b.sites.heard(d.Site, d.Beat.Region, at)
	if now.Sub(at) > b.lease() {
		return
	}
	if b.leases.beat(d.Binary, beater{d.Site, d.Beat.Region, at, d.Beat.Pings}) {
		b.setLive(d.Binary, true)
		b.showSites(now)
	}
}

// expireLeases ends the leases of binaries that missed three beats.
func (b *Bus) expireLeases(ctx context.Context) {
	b.leasing.Lock()
	defer b.leasing.Unlock()
	for _, binary := range b.leases.expire(b.lease()) {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "binary stopped beating", slog.String("binary", binary))
		b.setLive(binary, false)
	}
	b.showSites(time.Now())
}

// setLive tells every room; b.leasing is held.
func (b *Bus) setLive(binary string, live bool) {
	for _, r := range b.loadedRooms() {
		b.touch(r, func() []state.Change { return r.state.SetLive(binary, live) })
	}
}

// showSites tells every room of the sites if there is news of them; b.leasing is
// held.
func (b *Bus) showSites(now time.Time) {
	if !b.caughtUp.Load() {
		return // the beats read so far may be old ones
	}
	live := b.leases.live()
	beats := map[string]bool{}
	for _, x := range live {
		beats[x.site] = true
	}
	b.pings.keep(beats)
	sites, news := b.sites.renew(now, live)
	if !news {
		return
	}
	for _, r := range b.loadedRooms() {
		b.touch(r, func() []state.Change { return r.state.SetSites(sites) })
	}
}
