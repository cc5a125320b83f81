package demo

import (
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/core/state"
)

// Journal is a journal for tests.
type Journal struct{ *journal }

// NewJournal is newJournal.
func NewJournal(sites ...string) Journal { return Journal{newJournal(sites)} }

// Read takes what reader has just read.
func (j Journal) Read(reader string, all ...engine.Delivery) { j.read(reader, all) }

// Changed reports whether something has moved since it was last asked.
func (j Journal) Changed() bool {
	select {
	case <-j.changed:
		return true
	default:
		return false
	}
}

// Flow returns what is known of the way from one site to another.
func (j Journal) Flow(from, to string) (sent, waiting int, took time.Duration) {
	for _, f := range j.flows() {
		if f.way == (way{from, to}) {
			return f.sent, f.waiting, f.took
		}
	}
	return 0, 0, 0
}

// Open opens the way from one site to another.
func (j Journal) Open(from, to string) { j.open([]way{{from, to}}) }

// Leaving returns how many events of a site some other one has not read.
func (j Journal) Leaving(site string) int { return j.leaving(site) }

// Kept returns how many entries the journal remembers.
func (j Journal) Kept() int {
	n := 0
	for _, log := range j.logs {
		n += len(log.entries)
	}
	return n
}

// Scene is a survey for tests.
type Scene struct {
	Regions []string          // codes; each is the site's name, too
	Off     []string          // sites that are cut off
	Delay   time.Duration     // of every way
	Waiting map[[2]string]int // by from and to
	Leaving map[string]int    // by site
	Took    map[[2]string]time.Duration
	Differ  []string
}

// Status puts a scene into words.
func (c Scene) Status() Status {
	s := &survey{
		start: "start", sites: c.Regions, regions: map[string]region.Code{}, off: map[string]bool{},
		routes: map[way]route{}, leaving: c.Leaving, differ: c.Differ,
	}
	for _, site := range c.Off {
		s.off[site] = true
	}
	for _, from := range c.Regions {
		s.regions[from] = region.Code(from[:3])
		for _, to := range c.Regions {
			if from != to {
				w := [2]string{from, to}
				s.routes[way{from, to}] = route{
					flow:  flow{way: way{from, to}, waiting: c.Waiting[w], took: c.Took[w]},
					delay: c.Delay, cut: s.off[from] || s.off[to],
				}
			}
		}
	}
	return s.status()
}

// Differing is differing.
func Differing(rooms ...[]state.Cell) []string { return differing(rooms) }

// SiteNames is siteNames.
func SiteNames(regions ...region.Code) []string { return siteNames(regions) }
