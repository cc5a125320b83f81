package bus

import (
	"sync"

	"github.com/global-presence/presence/plugins"
)

// latest are the events of a feature that wait in its lane and give way to a newer
// one of the same tab.
type latest struct {
	mu      sync.Mutex
	waiting map[latestKey]*job
}

type latestKey struct{ room, session, event string }

func latestOf(e *plugins.Event) latestKey { return latestKey{e.Room, e.Person.Session, e.Name} }

// replace puts an event in the place of an older one that waits, which is answered,
// and reports whether there was one.
func (l *latest) replace(j *job) bool {
	l.mu.Lock()
	old := l.waiting[latestOf(&j.event)]
	if old == nil {
		l.mu.Unlock()
		return false
	}
	over := old.done
	old.event, old.version, old.done, old.at = j.event, j.version, j.done, j.at
	l.mu.Unlock()
	over(Outcome{Status: OK})
	return true
}

// wait notes that an event waits in the lane.
func (l *latest) wait(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[latestOf(&j.event)] = j
}

// leave notes that an event has left the lane.
func (l *latest) leave(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, latestOf(&j.event))
}
