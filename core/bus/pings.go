package bus

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/state"
)

const (
	// tellEvery says that one beat in so many holds answers and round trips, and
	// tellFirst which of them is the first: a page shows new figures every five
	// seconds, and the store keeps less.
	tellEvery = 5
	tellFirst = 2

	// maxTrip is the longest round trip there is. What answers later was held up by
	// a cut, which is told as one.
	maxTrip = 10 * time.Second

	// pingSamples is of how many round trips the median is told, so that a single
	// slow one is not seen.
	pingSamples = 3

	// maxUnanswered is how many sites' beats may wait for an answer. It is far
	// above what a beat can answer.
	maxUnanswered = 16 * engine.MaxHeard
)

// pings measures round trips by means of the beats, as [engine.Beat] says. All its
// times are of the local monotonic clock.
type pings struct {
	pause time.Duration // between two beats that tell

	mu         sync.Mutex
	sent       []sentBeat          // own beats that an answer may come to, oldest first
	unanswered map[string]readBeat // the newest beat of the binary that speaks for a site, by other site
	samples    map[string][]int64  // the newest round trips by site in µs, newest last
}

type sentBeat struct {
	id string
	at time.Time
}

type readBeat struct {
	id state.ID
	at time.Time
}

func newPings(pause time.Duration) *pings {
	return &pings{pause: pause, unanswered: map[string]readBeat{}, samples: map[string][]int64{}}
}

// wrote notes that the own beat that was given to the engine at that time became
// entry id.
func (p *pings) wrote(id state.ID, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = slices.DeleteFunc(p.sent, func(s sentBeat) bool { return at.Sub(s.at) > maxTrip+2*p.pause })
	p.sent = append(p.sent, sentBeat{id.String(), at})
}

// read notes that a beat of the binary that speaks for another site was read at that
// time.
func (p *pings) read(d engine.Delivery, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.unanswered[d.Site]; known || len(p.unanswered) < maxUnanswered {
		p.unanswered[d.Site] = readBeat{d.ID, at}
	}
}

// answered takes what a beat of another site that was read at that time answers to
// beats of the site own.
func (p *pings) answered(d engine.Delivery, own string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range d.Beat.Heard {
		if h.Site != own {
			continue
		}
		i := slices.IndexFunc(p.sent, func(s sentBeat) bool { return s.id == h.ID })
		if i < 0 {
			continue // of another binary of the site, or of long ago
		}
		trip := at.Sub(p.sent[i].at) - time.Duration(h.Held)*time.Microsecond
		if trip > maxTrip {
			continue
		}
		all := append(p.samples[d.Site], max(1, trip.Microseconds()))
		p.samples[d.Site] = all[max(0, len(all)-pingSamples):]
	}
}

// answers returns what a beat that is written now answers. Where there is more
// than one can, chance chooses, so that all get their turn.
func (p *pings) answers(now time.Time) []engine.Heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []engine.Heard
	for site, b := range p.unanswered {
		if now.Sub(b.at) > p.pause {
			continue // the site has fallen silent
		}
		if len(all) == engine.MaxHeard {
			break
		}
		all = append(all, engine.Heard{Site: site, ID: b.id.String(), Held: max(0, now.Sub(b.at).Microseconds())})
	}
	clear(p.unanswered)
	return all
}

// rest forgets what is known: another binary speaks for the site.
func (p *pings) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.unanswered)
	clear(p.samples)
}

// medians returns the round trip to each site, ordered by site.
func (p *pings) medians() []engine.Ping {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []engine.Ping
	for site, samples := range p.samples {
		sorted := slices.Sorted(slices.Values(samples))
		all = append(all, engine.Ping{Site: site, RTT: sorted[len(sorted)/2]})
	}
	slices.SortFunc(all, func(a, b engine.Ping) int { return cmp.Compare(a.Site, b.Site) })
	return all[:min(len(all), engine.MaxPings)]
}

// keep drops what is known of all sites but those in beats: they are cut off.
func (p *pings) keep(beats map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.samples, func(site string, _ []int64) bool { return !beats[site] })
}
