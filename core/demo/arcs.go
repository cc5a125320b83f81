package demo

import (
	"fmt"
	"strconv"
)

// arcs is the picture of the links: a node for each region on one line, and above
// it an arc for each link, higher the more regions it passes over. No two labels
// can meet: arcs of one height have different middles.
type arcs struct {
	// Class tells the picture for wide screens from that for narrow ones, where
	// the same text has to be larger.
	Class         string
	Width, Height int
	Nodes         []node
	Links         []arc
}

// node is a region; X and Y are in the picture's units.
type node struct {
	X, Y string
	Site string
	Cut  bool
}

// arc is a link.
type arc struct {
	Path           string // from the first region to the second one
	LabelX, LabelY string
	Status         LinkStatus
}

// picture is a size of arcs: how wide, how high the lowest arc and each further
// step, and how much room above and below.
type picture struct {
	class                        string
	width, low, step, top, under int
}

var (
	wideArcs   = picture{class: "wide", width: 1200, low: 30, step: 34, top: 14, under: 8}
	narrowArcs = picture{class: "narrow", width: 390, low: 24, step: 28, top: 14, under: 8}
)

// draw draws the links of st.
func (p picture) draw(st Status) arcs {
	n := len(st.Regions)
	if n > 4 && p.class == narrowArcs.class { // without labels: see view.many
		p.step /= 2
	}
	base := p.top + p.low + (n-2)*p.step
	a := arcs{Class: p.class, Width: p.width, Height: base + p.under}
	at := map[string]int{} // by site
	for i, r := range st.Regions {
		at[r.Site] = i
		a.Nodes = append(a.Nodes, node{X: p.x(i, n), Y: strconv.Itoa(base), Site: r.Site, Cut: r.Cut})
	}
	for _, l := range st.Links {
		from, to := at[l.Sites[0]], at[l.Sites[1]]
		height := p.low + (to-from-1)*p.step
		// The top of such a curve is at three quarters of its control points.
		control := base - height*4/3
		x1, x2 := p.middle(from, n), p.middle(to, n)
		a.Links = append(a.Links, arc{
			Path:   fmt.Sprintf("M%.1f %dC%.1f %d %.1f %d %.1f %d", x1, base, x1+(x2-x1)*0.2, control, x2-(x2-x1)*0.2, control, x2, base),
			LabelX: strconv.FormatFloat((x1+x2)/2, 'f', 1, 64), LabelY: strconv.Itoa(base - height),
			Status: l,
		})
	}
	return a
}

func (p picture) middle(i, n int) float64 {
	return (float64(i) + 0.5) / float64(n) * float64(p.width)
}

func (p picture) x(i, n int) string { return strconv.FormatFloat(p.middle(i, n), 'f', 1, 64) }

// viewBox returns the attribute of that name.
func (a arcs) viewBox() string { return fmt.Sprintf("0 0 %d %d", a.Width, a.Height) }
