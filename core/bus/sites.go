package bus

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/plugins"
)

// What is news of sites: that one appears, falls silent, is heard again or goes for
// ever is told at once. Round trips are told again after pingPause, and only if one
// has moved by more than a tenth and more than pingStep, or is known now and was
// not, or the other way round: a page need not change for less. Where there are
// many sites the pause is a second for each: the table grows with their square.
const (
	pingPause = 5 * time.Second
	sitePause = time.Second
	pingStep  = time.Millisecond
)

// siteKeep is for how long a silent site is told of. A longer silence is one that
// was meant.
const siteKeep = 24 * time.Hour

// sites is what is known of all sites, and what rooms are told of them.
type sites struct {
	own   string
	lease time.Duration // a silence that is no longer is not told

	mu      sync.Mutex
	known   map[string]heardSite // by name
	shown   []plugins.Site       // not to be changed
	shownAt time.Time
}

// heardSite is when a site was last heard, by the local clock.
type heardSite struct {
	region string
	at     time.Time
}

func newSites(own, region string, lease time.Duration) *sites {
	return &sites{own: own, lease: lease, known: map[string]heardSite{own: {region: region}}}
}

// heard notes a beat of a site.
func (s *sites) heard(site, region string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.known[site].at) {
		s.known[site] = heardSite{region, at}
	}
}

// told returns what rooms are told.
func (s *sites) told() []plugins.Site {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// renew returns what rooms are to be told now, while these binaries are alive, and
// whether that is news.
func (s *sites) renew(now time.Time, live map[string]beater) (shown []plugins.Site, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.known, func(name string, h heardSite) bool { return name != s.own && now.Sub(h.at) > siteKeep })
	next := s.list(now, live)
	pause := max(pingPause, time.Duration(len(next))*sitePause)
	if same(s.shown, next) && (now.Sub(s.shownAt) < pause || !moved(s.shown, next)) {
		return nil, false
	}
	s.shown, s.shownAt = next, now
	return next, true
}

// list returns the sites, by name. Where a site has several binaries its round trips
// are those that the first of them measures; s.mu is held.
func (s *sites) list(now time.Time, live map[string]beater) []plugins.Site {
	first := map[string]beater{}
	for _, name := range slices.Sorted(maps.Keys(live)) {
		if b := live[name]; first[b.site].site == "" {
			first[b.site] = b
		}
	}
	list := make([]plugins.Site, 0, len(s.known))
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		site := plugins.Site{Name: name, Region: s.known[name].region}
		if b, alive := first[name]; alive {
			for _, p := range b.pings {
				site.Pings = append(site.Pings, plugins.Ping{To: p.Site, RTT: time.Duration(p.RTT) * time.Microsecond})
			}
		} else if now.Sub(s.known[name].at) > s.lease {
			site.CutOff = s.known[name].at.UTC().Truncate(time.Second)
		}
		list = append(list, site)
	}
	return list
}

// same reports whether a and b are the same but for round trips.
func same(a, b []plugins.Site) bool {
	return slices.EqualFunc(a, b, func(x, y plugins.Site) bool {
		return x.Name == y.Name && x.Region == y.Region && x.CutOff.Equal(y.CutOff)
	})
}

// moved reports whether a round trip of b, which are the same sites as a, is worth
// telling.
func moved(a, b []plugins.Site) bool {
	for i := range a {
		if len(a[i].Pings) != len(b[i].Pings) {
			return true
		}
		for k, was := range a[i].Pings {
			is := b[i].Pings[k]
			by := (is.RTT - was.RTT).Abs()
			if is.To != was.To || by > pingStep && by > was.RTT/10 {
				return true
			}
		}
	}
	return false
}
