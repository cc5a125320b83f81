package bus

import (
	"context"
	"log/slog"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// hear takes a beat that was read from the log at that moment.
//
// A log that is read from some minutes ago, or after a cut, holds beats of binaries
// that have died since. What counts is when a beat was written: its id tells, set
// against the newest ids that are read ([logClock]), or the pace at which beats come
// in ([leases.paced]), where a site's clock is slow and it has not heard of the
// others for a while. Until an entry of this binary's own has come back, the newest
// id that was read may be old: beats wait for that.
func (b *Bus) hear(d engine.Delivery, now time.Time) {
	if d.Site != b.cfg.Engine.Site() {
		b.pings.answered(d, b.cfg.Engine.Site(), now)
	}
	b.leasing.Lock()
	defer b.leasing.Unlock()
	paced := b.leases.paced(d.Binary, now)
	if b.early != nil && !paced && d.Binary != b.binary {
		b.early[d.Binary] = engine.Delivery{Entry: engine.Entry{Site: d.Site, ID: d.ID, Binary: d.Binary, Beat: d.Beat}}
		return
	}
	if b.judge(d, paced, now) {
		b.showSites(now)
	}
}

// judge takes a beat and reports whether a binary has come or gone; b.leasing is
// held. One that is known to have just been written is as old as now.
func (b *Bus) judge(d engine.Delivery, isNew bool, now time.Time) (news bool) {
	at := now
	if !isNew {
		at = now.Add(-b.leases.age(d.ID, now))
	}
	b.sites.heard(d.Site, d.Beat.Region, at)
	if d.Beat.Leaves {
		if news = b.leases.leave(d.Binary); news {
			b.setLive(d.Binary, false)
		}
		return news
	}
	if now.Sub(at) > b.leases.length() {
		return false
	}
	news = b.leases.take(d.Binary, beater{site: d.Site, region: d.Beat.Region, at: at, tells: d.Beat.Tells, pings: d.Beat.Pings})
	if news {
		b.setLive(d.Binary, true)
		b.tellBack(d.Binary)
	}
	if d.Site != b.cfg.Engine.Site() && b.leases.speaks(d.Binary) {
		b.pings.read(d, now)
	}
	return news
}

// hearSelf notes that an entry of this binary's own was read: the newest id is of
// about now, and beats that came before can be judged.
func (b *Bus) hearSelf(now time.Time) {
	b.leasing.Lock()
	defer b.leasing.Unlock()
	if b.early == nil {
		return
	}
	early := b.early
	b.early = nil
	close(b.heardSelf)
	for _, d := range early {
		b.judge(d, false, now)
	}
	b.showSites(now)
}

// expireLeases ends the leases of binaries that missed three beats.
func (b *Bus) expireLeases(ctx context.Context) {
	b.leasing.Lock()
	defer b.leasing.Unlock()
	for _, x := range b.leases.expire() {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "binary stopped beating", slog.String("binary", x.binary))
		b.setLive(x.binary, false)
		if x.alone {
			b.tellDead(x.binary)
		}
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
