package regions

import (
	"math"
	"strconv"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// place is a region with somebody in it.
type place struct {
	code   string
	id     string // of its row, or "" where the code is not fit for one
	name   string // "London, United Kingdom"
	people int

	// bar is the length of its bar, from 0 to 100: 100 for the fullest place.
	bar string
}

// places returns the groups that have people, in their order.
func places(groups []plugins.Group) []place {
	most := 1
	for _, g := range groups {
		most = max(most, g.People)
	}
	var out []place
	for _, g := range groups {
		if g.People <= 0 {
			continue
		}
		id := ""
		if _, err := region.Parse(g.Key); err == nil {
			id = "regions-at-" + g.Key
		}
		out = append(out, place{
			code:   g.Key,
			id:     id,
			name:   region.Code(g.Key).Name(),
			people: g.People,
			bar:    decimal(100 * float64(g.People) / float64(most)),
		})
	}
	return out
}

// decimal returns f with at most one digit after the point.
func decimal(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

// sentence says how many people there are and from how many regions.
func sentence(all []place) string {
	sum := 0
	for _, p := range all {
		sum += p.people
	}
	switch {
	case sum == 0:
		return "Nobody is connected right now."
	case sum == 1:
		return "1 person here, from 1 region."
	case len(all) == 1:
		return strconv.Itoa(sum) + " people here, from 1 region."
	}
	return strconv.Itoa(sum) + " people here, from " + strconv.Itoa(len(all)) + " regions."
}
