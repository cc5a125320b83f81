package regions

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// maxSites is how many sites the matrix shows: as many as Fly has had regions, and
// about what fits into one fragment. Where there are more, those that are cut off are
// all among them, as far as they go.
const maxSites = 35

// matrix is the round trips between sites: a row for each site that measures them, a
// column for each that they go to, both by name.
type matrix struct {
	columns []string
	rows    []row
	more    int // sites that are not shown
}

// row is what one site measured.
type row struct {
	site  string
	city  string // of its region, "" where the site's name says no less
	since time.Time
	cells []cell // one for each column; none where the site is cut off
}

// cell is one round trip.
type cell struct {
	text string // in milliseconds, "" where it is not known
	self bool   // to the site itself
}

// trips returns the matrix of sites, or none where there is only one site.
func trips(sites []plugins.Site) matrix {
	var m matrix
	if len(sites) < 2 {
		return m
	}
	m.more = max(0, len(sites)-maxSites)
	sites = choose(sites)
	for _, s := range sites {
		m.columns = append(m.columns, s.Name)
	}
	for _, s := range sites {
		r := row{site: s.Name, since: s.CutOff}
		if city := region.Code(s.Region).City(); city != s.Name {
			r.city = city
		}
		if s.CutOff.IsZero() {
			known := map[string]time.Duration{}
			for _, p := range s.Pings {
				known[p.To] = p.RTT
			}
			for _, to := range m.columns {
				c := cell{self: to == s.Name}
				if rtt, ok := known[to]; ok && !c.self {
					c.text = milliseconds(rtt)
				}
				r.cells = append(r.cells, c)
			}
		}
		m.rows = append(m.rows, r)
	}
	return m
}

// choose returns maxSites of sites at most, in their order: first those that are cut
// off, which people must hear of, then the others.
func choose(sites []plugins.Site) []plugins.Site {
	cut := 0
	for _, s := range sites {
		if !s.CutOff.IsZero() {
			cut++
		}
	}
	cut = min(cut, maxSites)
	heard := maxSites - cut
	var chosen []plugins.Site
	for _, s := range sites {
		left := &heard
		if !s.CutOff.IsZero() {
			left = &cut
		}
		if *left > 0 {
			*left--
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// milliseconds returns d as people read it: "0.6", "9.9", "74".
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 9.95 {
		return strconv.FormatFloat(math.Round(10*ms)/10, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(ms), 'f', 0, 64)
}

// others says how many sites the matrix leaves out.
func others(n int) string {
	if n == 1 {
		return "1 more site is not shown."
	}
	return fmt.Sprintf("%d more sites are not shown.", n)
}
