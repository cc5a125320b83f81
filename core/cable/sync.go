package cable

import (
	"sync"
	"time"

	"github.com/global-presence/presence/plugins/dom"
)

// laterSync is a sync that waits because the session has had many of late. It is
// never dropped, since the page would stay as stale as it is.
type laterSync struct {
	timer *time.Timer
	done  chan struct{} // closed when it has been handed on

	mu    sync.Mutex
	shown *Shown // the newest of the subscription, nil once taken; guarded by mu
}

// replace makes l ask by what the page shows now. It is false when l waits no more.
func (l *laterSync) replace(shown Shown) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil {
		return false
	}
	if shown.Revs == nil { // it asks for boards only
		shown.Revs = l.shown.Revs
	}
	l.shown = &shown
	return true
}

func (l *laterSync) take() Shown {
	l.mu.Lock()
	defer l.mu.Unlock()
	shown := *l.shown
	l.shown = nil
	return shown
}

// sync hands a sync on, now or later. It is false when reading should stop. The
// address's budget is not asked: when a region fails over, all pages of an office
// ask at once, for what is in memory.
func (s *Session) sync(sub *subscription, m message) bool {
	shown, err := m.shown()
	if err != nil {
		return s.refuse("malformed")
	}
	if l := sub.later; l != nil {
		if l.replace(shown) {
			return true
		}
		<-l.done // so that they stay in order; Handler.Sync returns at once
		sub.later = nil
	}
	wait := s.syncs.reserve(s.server.visitLimit, time.Now())
	if wait == 0 {
		s.handOn(sub, shown)
		return true
	}
	l := &laterSync{shown: &shown, done: make(chan struct{})}
	l.timer = time.AfterFunc(wait, func() {
		defer close(l.done)
		s.handOn(sub, l.take())
	})
	sub.later = l
	return true
}

func (s *Session) handOn(sub *subscription, shown Shown) {
	shown.Feature = sub.group.feature
	reply := func(ops ...dom.Operation) { s.operate(sub, ops...) }
	s.server.guard(s, "sync", func() { s.server.cfg.Handler.Sync(s, sub.room.name, shown, reply) })
}

// dropSync forgets the sync of a subscription that ends. When it returns, none is
// on its way to the Handler.
func (s *Session) dropSync(sub *subscription) {
	switch l := sub.later; {
	case l == nil:
	case l.timer.Stop():
		s.syncs.giveBack()
	default:
		<-l.done
	}
	sub.later = nil
}
