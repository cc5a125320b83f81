package demo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/core/region"
)

// Status is what the page shows of the regions at one moment, with the sentences
// that it says them in:
//
//	{"start": "k7qf2mzr", "verdict": {"state": "apart", "sentence": "Sydney is cut off. …"},
//	 "regions": [{"site": "iad", "cut": false, "sentence": "Connected to the others.", "ways": ["from London 39 ms", …]}, …],
//	 "links": [{"sites": ["iad", "lhr"], "cut": false, "label": "38 ms", "ways": [
//	   {"delay": 38, "sent": 4, "waiting": 0}, {"delay": 38, "sent": 0, "waiting": 0}]}, …]}
type Status struct {
	// Start differs after a restart of the demo, when all that a page shows is
	// gone.
	Start string `json:"start"`

	Verdict Verdict        `json:"verdict"`
	Regions []RegionStatus `json:"regions"`
	Links   []LinkStatus   `json:"links"`
}

// Verdict says whether the regions show the same.
type Verdict struct {
	// State is "agree"; "travelling" while changes are on their way and no region
	// is cut off; or "apart".
	State    string `json:"state"`
	Sentence string `json:"sentence"`
}

// RegionStatus is one region.
type RegionStatus struct {
	Site     string `json:"site"`
	Cut      bool   `json:"cut"`
	Sentence string `json:"sentence"`

	// Ways says how far the others are, and how long the last change from there
	// took: "from London 39 ms (last 40 ms)".
	Ways []string `json:"ways"`
}

// LinkStatus is the link between two regions, both ways.
type LinkStatus struct {
	Sites [2]string `json:"sites"`
	Cut   bool      `json:"cut"`
	Label string    `json:"label"`

	// Ways are those from the first site and from the second one.
	Ways [2]WayStatus `json:"ways"`
}

// WayStatus is one direction of a link.
type WayStatus struct {
	// Delay is the one-way delay in milliseconds.
	Delay int64 `json:"delay"`

	// Sent counts what people did where the way begins, Waiting those of them that
	// are not at its end.
	Sent    int `json:"sent"`
	Waiting int `json:"waiting"`
}

// route is one way as planet and journal know it.
type route struct {
	flow
	delay time.Duration
	cut   bool
}

// survey is all that a Status is made of.
type survey struct {
	start   string
	sites   []string
	regions map[string]region.Code
	off     map[string]bool // sites that somebody has cut off
	routes  map[way]route
	leaving map[string]int // by site: events that some other one has not read
	differ  []string       // features that the regions show differently
}

// status puts the survey into words.
func (s *survey) status() Status {
	st := Status{Start: s.start, Verdict: s.verdict()}
	for i, a := range s.sites {
		st.Regions = append(st.Regions, s.regionStatus(a))
		for _, b := range s.sites[i+1:] {
			st.Links = append(st.Links, s.linkStatus(a, b))
		}
	}
	return st
}

// alone reports whether site can reach no other one.
func (s *survey) alone(site string) bool {
	return !slices.ContainsFunc(s.sites, func(other string) bool { return other != site && !s.routes[way{site, other}].cut })
}

func (s *survey) verdict() Verdict {
	waiting := 0
	var off []string
	for _, site := range s.sites {
		waiting += s.leaving[site]
		if s.off[site] {
			off = append(off, s.name(site))
		}
	}
	switch {
	case len(off) > 0:
		verb, features := "is", list(s.differ)
		if len(off) > 1 {
			verb = "are"
		}
		sentence := list(off) + " " + verb + " cut off. "
		if features == "" {
			sentence += "So far everyone still sees the same."
		} else {
			sentence += "The regions differ in " + features + "."
		}
		return Verdict{"apart", sentence}
	case waiting > 0:
		return Verdict{"travelling", plural(waiting, "change is on its way.", "changes are on their way.")}
	case len(s.differ) > 0:
		return Verdict{"travelling", "The regions are catching up."}
	case len(s.sites) == 2:
		return Verdict{"agree", "Both regions agree."}
	default:
		return Verdict{"agree", "All " + numbers[len(s.sites)] + " regions agree."}
	}
}

func (s *survey) regionStatus(site string) RegionStatus {
	r := RegionStatus{Site: site, Cut: s.off[site]}
	arriving := 0
	for _, other := range s.sites {
		if other == site {
			continue
		}
		in := s.routes[way{other, site}]
		arriving += in.waiting
		text := "from " + s.name(other) + " " + milliseconds(in.delay)
		switch {
		case in.cut:
			text = "nothing from " + s.name(other)
		case in.took > 0:
			text += " (last " + milliseconds(in.took) + ")"
		}
		r.Ways = append(r.Ways, text)
	}
	switch {
	case s.off[site]:
		r.Sentence = "Cut off: " + waits(s.leaving[site], arriving)
	case s.alone(site):
		r.Sentence = "Left alone: " + waits(s.leaving[site], arriving)
	case len(s.sites) == 2:
		r.Sentence = "Connected to the other one."
	case len(s.off) > 0:
		r.Sentence = "Connected to the rest."
	default:
		r.Sentence = "Connected to the others."
	}
	return r
}

// waits says what a region that reaches no other one keeps from the others, and
// they from it.
func waits(leaving, arriving int) string {
	here, outside := plural(leaving, "change waits here", "changes wait here"), plural(arriving, "change waits outside", "changes wait outside")
	switch {
	case leaving == 0 && arriving == 0:
		return "it goes on by itself."
	case arriving == 0:
		return here + "."
	case leaving == 0:
		return outside + "."
	default:
		return here + ", " + strconv.Itoa(arriving) + " outside."
	}
}

func (s *survey) linkStatus(a, b string) LinkStatus {
	out, back := s.routes[way{a, b}], s.routes[way{b, a}]
	l := LinkStatus{Sites: [2]string{a, b}, Cut: out.cut || back.cut, Ways: [2]WayStatus{out.status(), back.status()}}
	l.Label = milliseconds(max(out.delay, back.delay))
	if l.Cut {
		l.Label = "cut"
		if n := out.waiting + back.waiting; n > 0 {
			l.Label = strconv.Itoa(n) + " waiting"
		}
	}
	return l
}

func (r route) status() WayStatus {
	return WayStatus{Delay: r.delay.Milliseconds(), Sent: r.sent, Waiting: r.waiting}
}

// name returns what people call a site: the city, and which one of several.
func (s *survey) name(site string) string { return siteTitle(site, s.regions[site]) }

func siteTitle(site string, r region.Code) string {
	title := r.City()
	if number, ok := strings.CutPrefix(site, string(r)+"-"); ok {
		title += " " + number
	}
	return title
}

// milliseconds returns d as people read it: "38 ms", "2.4 s".
func milliseconds(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d > 0 && d < time.Millisecond:
		return "1 ms"
	default:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
}

// numbers are the words for how many regions there are.
var numbers = [MaxRegions + 1]string{2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

// plural returns n and what fits it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// list joins words as a sentence does: "a", "a and b", "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
