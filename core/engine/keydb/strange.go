package keydb

import (
	"encoding/json"
	"sync"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

// strange are the log entries that cannot be read, such as those of a later version of
// this program. What they changed is found in the state, so that readers have to be
// told of a gap; but not for each, and each reader at the same places of the log,
// however many there are and wherever they began.
//
// So a second of a log, as its ids tell the time, has at most one gap. It is at the
// first entry that cannot be read, or at the second's very first one when the second
// before ended with such entries after its own gap. The beat of each second sees to it
// that this comes soon.
type strange struct {
	mu    sync.Mutex
	sites map[string]*strangeSite // guarded by mu
}

type strangeSite struct {
	logged  bool // that there are such entries
	odd     bool // that the key is no log was logged
	seconds map[int64]*strangeSecond
}

// strangeSecond is a second of a log.
type strangeSecond struct {
	gap  state.ID // where its gap is told
	owed bool     // entries after that cannot be read
}

// maxSeconds is how many seconds of a log are remembered.
const maxSeconds = 128

// of returns what is known of a site. s.mu is held.
func (s *strange) of(name string) *strangeSite {
	one := s.sites[name]
	if one == nil {
		one = &strangeSite{seconds: map[int64]*strangeSecond{}}
		if s.sites == nil {
			s.sites = map[string]*strangeSite{}
		}
		s.sites[name] = one
	}
	return one
}

// met takes note of an entry of a site and the one before it. It returns whether a gap
// is to be told there, and whether it is the first of the site that cannot be read.
func (s *strange) met(name string, id, prev state.ID, unreadable bool) (gap, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !unreadable && s.sites[name] == nil {
		return false, false
	}
	one := s.of(name)
	second, before := id.MS/1000, prev.MS/1000
	at := one.seconds[second]
	owed := before < second && one.seconds[before] != nil && one.seconds[before].owed
	if at == nil && (unreadable || owed) {
		at = &strangeSecond{gap: id}
		if len(one.seconds) >= maxSeconds {
			one.forget(second)
		}
		one.seconds[second] = at
	}
	if unreadable {
		first, one.logged = !one.logged, true
		at.owed = at.owed || id.Compare(at.gap) > 0
	}
	return at != nil && id == at.gap, first
}

// forget forgets the second that is the furthest from this one.
func (s *strangeSite) forget(second int64) {
	var furthest, most int64
	for other := range s.seconds {
		if d := max(other-second, second-other); d >= most {
			furthest, most = other, d
		}
	}
	delete(s.seconds, furthest)
}

// noLog reports whether it is news that a site's log is none.
func (s *strange) noLog(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.of(name)
	news := !one.odd
	one.odd = true
	return news
}

// envelope returns what can be read of an entry that cannot be read as a whole: who
// wrote it, its events and that it is a beat.
func envelope(name string, id state.ID, text string) engine.Entry {
	var e struct {
		Binary string       `json:"b"`
		Events []string     `json:"e"`
		Beat   *engine.Beat `json:"beat"`
	}
	json.Unmarshal([]byte(text), &e) //nolint:errcheck // what has another type is left out
	return engine.Entry{Site: name, ID: id, Binary: e.Binary, Events: e.Events, Beat: e.Beat}
}
