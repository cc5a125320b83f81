package globe

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/element"
)

// maxPlaces is how many places the map shows, and maxLinks between how many sites the
// ways are drawn: beyond that nobody sees which is which.
const (
	maxPlaces = 64
	maxLinks  = 8
)

// place is a dot: a site, or a region that has people and no site that is known.
type place struct {
	site, city string
	x, y, r    string // in half degrees
	trips      string // as element.RoundTrips writes them
	people     int
	cut        bool
	mapped     bool
}

// places returns the sites in their order, then the regions that have people and no
// site. The people of a region count at its first site.
func places(sites []plugins.Site, groups []plugins.Group) []place {
	crowd := map[string]int{}
	for _, g := range groups {
		crowd[g.Key] = g.People
	}
	var all []place
	seen := map[string]int{} // how many sites a region has so far
	for _, s := range sites {
		p := at(s.Region, seen[s.Region])
		p.site, p.trips, p.cut = s.Name, element.RoundTrips(s.Pings), !s.CutOff.IsZero()
		if seen[s.Region] == 0 {
			p.people = crowd[s.Region]
		}
		seen[s.Region]++
		all = append(all, p)
	}
	for _, g := range groups {
		if seen[g.Key] == 0 && g.People > 0 {
			p := at(g.Key, 0)
			p.site, p.people = g.Key, g.People
			all = append(all, p)
		}
	}
	for i := range all {
		all[i].r = decimal(radius(all[i].people))
	}
	return all[:min(len(all), maxPlaces)]
}

// at returns the place of the n-th site of a region, beside those before it.
func at(code string, n int) place {
	lat, lon, ok := region.Code(code).Position()
	return place{
		city: region.Code(code).City(), mapped: ok,
		x: decimal(2*lon + float64(9*n)), y: decimal(-2 * lat),
	}
}

// radius returns the radius of the dot of n people in half degrees: it grows with their
// number, ever more slowly.
func radius(n int) float64 { return min(4+2*math.Log2(1+float64(max(n, 0))), 16) }

// decimal returns f with at most one digit after the point.
func decimal(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// title is what a dot is called.
func (p place) title() string {
	switch {
	case p.cut:
		return p.city + ": cut off"
	case p.people == 1:
		return p.city + ": 1 person"
	}
	return fmt.Sprintf("%s: %d people", p.city, p.people)
}

// sentence says what there is.
func sentence(all []place) string {
	people, regions := 0, map[string]bool{}
	var cut []string
	for _, p := range all {
		people += p.people
		regions[p.city] = true
		if p.cut {
			cut = append(cut, p.city)
		}
	}
	s := fmt.Sprintf("%d people", people)
	switch people {
	case 0:
		s = "Nobody"
	case 1:
		s = "1 person"
	}
	switch len(regions) {
	case 0:
	case 1:
		s += ", 1 region"
	default:
		s += fmt.Sprintf(", %d regions", len(regions))
	}
	switch len(cut) {
	case 0:
	case 1:
		s += "; " + cut[0] + " is cut off"
	case 2:
		s += "; " + cut[0] + " and " + cut[1] + " are cut off"
	default:
		s += fmt.Sprintf("; %d regions are cut off", len(cut))
	}
	return s + "."
}

// link is the way between two sites.
type link struct {
	path   string
	x, y   string // of its label
	label  string // the round trip, "" where it is not known
	titled string
}

// links returns the ways between sites that are heard, where there are few.
func links(sites []plugins.Site) []link {
	var all []link
	if len(sites) > maxLinks {
		return nil
	}
	for i, a := range sites {
		for _, b := range sites[i+1:] {
			if l, ok := between(a, b); ok {
				all = append(all, l)
			}
		}
	}
	return all
}

func between(a, b plugins.Site) (link, bool) {
	latA, lonA, okA := region.Code(a.Region).Position()
	latB, lonB, okB := region.Code(b.Region).Position()
	if !okA || !okB || a.Region == b.Region || !a.CutOff.IsZero() || !b.CutOff.IsZero() {
		return link{}, false
	}
	x1, y1, x2, y2 := 2*lonA, -2*latA, 2*lonB, -2*latB
	lift := math.Hypot(x2-x1, y2-y1) * 0.25 // as the arcs fly
	mx, my := (x1+x2)/2, (y1+y2)/2-lift
	l := link{
		path: "M" + decimal(x1) + " " + decimal(y1) + "Q" + decimal(mx) + " " + decimal(my) + " " + decimal(x2) + " " + decimal(y2),
		x:    decimal((x1 + 2*mx + x2) / 4), y: decimal((y1 + 2*my + y2) / 4),
		titled: region.Code(a.Region).City() + " and " + region.Code(b.Region).City(),
	}
	rtt, known := trip(a, b)
	if known {
		l.label = milliseconds(rtt) + " ms"
		l.titled += ": " + l.label + " there and back"
	}
	return l, true
}

// trip returns the round trip that either of two sites knows.
func trip(a, b plugins.Site) (time.Duration, bool) {
	for _, p := range a.Pings {
		if p.To == b.Name {
			return p.RTT, true
		}
	}
	for _, p := range b.Pings {
		if p.To == a.Name {
			return p.RTT, true
		}
	}
	return 0, false
}

// milliseconds returns d as people read it: "0.6", "9.9", "74".
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 9.95 {
		return strconv.FormatFloat(math.Round(10*ms)/10, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(ms), 'f', 0, 64)
}
