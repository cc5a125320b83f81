package demo

import (
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// journal knows what people did in each region, and how far every other region has
// read it. It counts events, as the logs carry them: the beats of binaries and
// people's coming and going are none.
type journal struct {
	sites   []string
	changed chan struct{} // holds a token when something has moved

	mu    sync.Mutex
	logs  map[string]*sitesLog
	reads map[way]*reading
}

// way is what one site reads of another one's log.
type way struct{ from, to string }

// sitesLog is what people did at one site, as the site itself has read it. Both
// fields are guarded by journal.mu.
type sitesLog struct {
	events  int     // in all
	entries []moved // those that somebody has not read yet, oldest first
}

// moved is one entry of a log in which somebody did something.
type moved struct {
	id     state.ID
	events int
	at     time.Time // when its own site had read it
}

// reading is how far one site has come in another one's log. All fields are guarded
// by journal.mu.
type reading struct {
	last   state.ID
	took   time.Duration // of the last entry on its way, 0 before the first
	opened time.Time     // when the way was last opened again
}

// flow is what is known of one way.
type flow struct {
	way

	// sent counts the events that people did at from, waiting those of them that
	// to has not read.
	sent, waiting int

	// took is how long the last of them was on its way, 0 before the first and after
	// one that waited for a cut to heal: its wait says nothing of the way.
	took time.Duration
}

func newJournal(sites []string) *journal {
	j := &journal{sites: sites, changed: make(chan struct{}, 1), logs: map[string]*sitesLog{}, reads: map[way]*reading{}}
	for _, from := range sites {
		j.logs[from] = &sitesLog{}
		for _, to := range sites {
			if from != to {
				j.reads[way{from, to}] = &reading{}
			}
		}
	}
	return j
}

// read takes what reader has just read.
func (j *journal) read(reader string, all []engine.Delivery) {
	now := time.Now()
	moved := false
	j.mu.Lock()
	for i := range all {
		if j.take(reader, &all[i], now) {
			moved = true
		}
	}
	j.mu.Unlock()
	if moved {
		j.touch()
	}
}

// take takes one delivery and reports whether it says anything that people would
// see; j.mu is held.
func (j *journal) take(reader string, d *engine.Delivery, now time.Time) bool {
	log := j.logs[d.Site]
	if log == nil {
		return false
	}
	events := len(d.Events)
	if d.Restores {
		events = 0 // they were counted when they were new
	}
	if reader == d.Site {
		if events == 0 {
			return d.Gap
		}
		log.events += events
		log.entries = append(log.entries, moved{d.ID, events, now})
		j.trim(d.Site)
		return true
	}
	r := j.reads[way{d.Site, reader}]
	if r == nil || d.ID.Compare(r.last) <= 0 {
		return false
	}
	r.last = d.ID
	if events > 0 {
		if i, ok := slices.BinarySearchFunc(log.entries, d.ID, func(m moved, id state.ID) int { return m.id.Compare(id) }); ok {
			r.took = 0
			if at := log.entries[i].at; !at.Before(r.opened) {
				r.took = now.Sub(at)
			}
		}
	}
	j.trim(d.Site)
	return events > 0 || d.Gap
}

// trim forgets the entries of site that all others have read; j.mu is held.
func (j *journal) trim(site string) {
	log := j.logs[site]
	n := len(log.entries)
	for w, r := range j.reads {
		if w.from == site {
			n = min(n, len(log.entries)-len(unread(log.entries, r.last)))
		}
	}
	log.entries = slices.Delete(log.entries, 0, n)
}

// unread returns the entries after last.
func unread(entries []moved, last state.ID) []moved {
	i, found := slices.BinarySearchFunc(entries, last, func(m moved, id state.ID) int { return m.id.Compare(id) })
	if found {
		i++
	}
	return entries[i:]
}

// open notes that ways are opened again that were cut until now.
func (j *journal) open(ways []way) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range ways {
		if r := j.reads[w]; r != nil {
			r.opened = now
		}
	}
}

// touch has whoever waits for changed look again.
func (j *journal) touch() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// flows returns what is known of every way, in the order of the sites.
func (j *journal) flows() []flow {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []flow
	for _, from := range j.sites {
		for _, to := range j.sites {
			r := j.reads[way{from, to}]
			if r == nil {
				continue
			}
			f := flow{way: way{from, to}, sent: j.logs[from].events, took: r.took}
			for _, m := range unread(j.logs[from].entries, r.last) {
				f.waiting += m.events
			}
			all = append(all, f)
		}
	}
	return all
}

// leaving returns how many events of site some other one has not read.
func (j *journal) leaving(site string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, m := range j.logs[site].entries {
		n += m.events
	}
	return n
}
