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

	mu   sync.Mutex
	revs map[string]string // the newest of the subscription, nil once taken; guarded by mu
}

// replace makes l ask for newer revisions. It is false when l waits no more.
func (l *laterSync) replace(revs map[string]string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.revs == nil {
		return false
	}
	l.revs = revs
	return true
}

func (l *laterSync) take() (revs map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	revs, l.revs = l.revs, nil
	return revs
}

// sync hands a sync on, now or later. It is false when reading should stop. The
// address's budget is not asked: when a region fails over, all pages of an office
// ask at once, for what is in memory.
func (s *Session) sync(sub *subscription, m message) bool {
	revs, err := m.revs()
	if err != nil {
		return s.refuse("malformed")
	}
	if l := sub.later; l != nil {
		if l.replace(revs) {
			return true
		}
		<-l.done // so that they stay in order; Handler.Sync returns at once
		sub.later = nil
	}
	wait := s.syncs.reserve(s.server.visitLimit, time.Now())
	if wait == 0 {
		s.handOn(sub, revs)
		return true
	}
	l := &laterSync{revs: revs, done: make(chan struct{})}
	l.timer = time.AfterFunc(wait, func() {
		defer close(l.done)
		s.handOn(sub, l.take())
	})
	sub.later = l
	return true
}

func (s *Session) handOn(sub *subscription, revs map[string]string) {
	reply := func(ops ...dom.Operation) { s.operate(sub, ops...) }
	s.server.guard(s, "sync", func() { s.server.cfg.Handler.Sync(s, sub.room.name, revs, reply) })
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
