package wan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// link carries what one store takes to another. Its life is
//
//	broken → asking → live                  what was held is handed over
//	broken → asking → resync → live         what was held is not all there was
//
// All of it is guarded by the planet's mu.
type link struct {
	planet   *Planet
	from, to *Store
	delay    time.Duration
	random   *rand.Rand
	cut      bool // by Cut

	phase phase
	lost  bool            // what is held is not all there was: a full resync is due
	held  []*transmission // sent and not yet arrived, oldest first
	gone  int             // changes that are not held and come with the resync
	asked time.Time       // when the sender hears that it is asked, while asking
	ready time.Time       // when the receiver has heard the answer: the link reads as up
	tail  time.Time       // when the newest of what is held arrives
	data  *dataset        // what the sender held, in a resync
	done  time.Time       // when the receiver has taken all of data
	epoch int             // counts the changes of phase
}

type phase int

const (
	broken phase = iota
	asking
	resync
	live
)

// transmission is one write on its way.
type transmission struct {
	effects []effect
	change  bool // it says more than that somebody is alive
	at      time.Time
}

// whole reports whether nothing keeps the two stores apart.
func (l *link) whole() bool {
	return !l.cut && !l.from.off && !l.to.off && !l.from.down && !l.to.down
}

// reads reports whether the receiver's server says that the link is up.
func (l *link) reads(now time.Time) bool {
	return (l.phase == live || l.phase == resync) && !now.Before(l.ready)
}

// synced reports whether the receiver has all that the sender held when it was last
// asked.
func (l *link) synced() bool { return l.phase == live }

// mark names the link's present state.
func (l *link) mark(now time.Time) string {
	state := "down"
	if l.reads(now) {
		state = "up"
	}
	return fmt.Sprintf("%s>%s:%s:%d", l.from.site.Name, l.to.site.Name, state, l.epoch)
}

func (l *link) enter(p phase) {
	l.phase = p
	l.epoch++
}

// send takes one more write.
func (l *link) send(effects []effect, now time.Time) {
	t := &transmission{effects: effects, change: tells(effects)}
	if l.lost { // it comes with the resync
		l.missed(t)
		return
	}
	l.held = append(l.held, t)
	switch {
	case l.phase == live || l.phase == resync:
		l.depart(t, now)
	case len(l.held) > l.planet.cfg.Backlog:
		l.overflow()
	}
}

// depart sets when t arrives: after the one before it.
func (l *link) depart(t *transmission, now time.Time) {
	t.at = now.Add(l.transit())
	if t.at.Before(l.tail) {
		t.at = l.tail
	}
	l.tail = t.at
}

// transit draws how long the way takes this time.
func (l *link) transit() time.Duration {
	return l.delay + share(l.random, time.Duration(float64(l.delay)*l.planet.cfg.Jitter))
}

// overflow gives up what is held.
func (l *link) overflow() {
	for _, t := range l.held {
		l.missed(t)
	}
	l.held, l.lost = nil, true
}

func (l *link) missed(t *transmission) {
	if t.change {
		l.gone++
	}
}

// forget is for a server that was killed, at either end: no backlog survives it.
func (l *link) forget() {
	l.sever()
	l.overflow()
}

// sever breaks the link off. What has not arrived is held.
func (l *link) sever() {
	if l.phase == broken {
		return
	}
	if l.phase == resync {
		l.lost, l.data = true, nil
	}
	l.enter(broken)
	if l.lost || len(l.held) > l.planet.cfg.Backlog {
		l.overflow()
	}
}

// tend brings the link to where it is now.
func (l *link) tend(now time.Time) {
	if !l.whole() {
		l.sever()
		return
	}
	if l.phase == broken {
		l.enter(asking)
		l.asked = now.Add(l.transit())
	}
	if l.phase == asking && !now.Before(l.asked) {
		l.answer(l.asked)
	}
	if l.phase == resync && !now.Before(l.done) {
		l.to.data.merge(l.data) // and nobody is woken
		l.data, l.gone = nil, 0
		l.enter(live)
	}
	for l.phase == live && len(l.held) > 0 && !now.Before(l.held[0].at) {
		t := l.held[0]
		l.held[0] = nil
		l.held = l.held[1:]
		l.to.take(t.effects, l.to.clock())
		if l.random.Float64() < l.planet.cfg.Repeat {
			l.to.take(slices.DeleteFunc(slices.Clone(t.effects), func(e effect) bool { return e.kind == signalled }), l.to.clock())
		}
	}
}

// answer is what the sender does when it is asked: it hands over what is held, or
// all of its data if that is not enough.
func (l *link) answer(now time.Time) {
	l.tail = now.Add(l.transit())
	l.ready = l.tail
	if l.lost {
		l.lost = false
		l.data = l.from.data.clone()
		l.done = l.ready.Add(l.planet.cfg.ResyncTime/2 + share(l.random, l.planet.cfg.ResyncTime/2))
		l.tail = l.done
		l.enter(resync)
		return
	}
	l.enter(live)
	for _, t := range l.held {
		l.depart(t, now)
	}
}

// next returns when the link needs to be tended, if it does.
func (l *link) next() (time.Time, bool) {
	switch {
	case l.phase == asking:
		return l.asked, true
	case l.phase == resync:
		return l.done, true
	case l.phase == live && len(l.held) > 0:
		return l.held[0].at, true
	}
	return time.Time{}, false
}

// waiting returns how many changes have not arrived.
func (l *link) waiting() int {
	n := l.gone
	for _, t := range l.held {
		if t.change {
			n++
		}
	}
	return n
}

// tells reports whether a write says more than that somebody is alive.
func tells(effects []effect) bool {
	return slices.ContainsFunc(effects, func(e effect) bool {
		return e.kind != signalled && (e.kind != logged || len(e.record.Events) > 0 || len(e.record.Cells) > 0)
	})
}
