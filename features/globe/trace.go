package globe

import (
	"time"

	"github.com/global-presence/presence/core/region"
	"github.com/global-presence/presence/plugins"
)

// fall is how a pulse travelled, for people.
type fall struct {
	pressed bool
	who     string // "#k7qf2"
	where   string // "London"
	stored  string // when the store had it
	waiting bool
	rows    []step
}

// caption says who pressed, and how far it is.
func (f fall) caption() string {
	s := f.who + " pressed in " + f.where
	if f.stored != "" {
		s += ", stored there after " + f.stored + " ms"
	}
	if f.waiting {
		s += ", waiting for the other regions"
	}
	return s + "."
}

// step is one region's part of it.
type step struct {
	site, city               string
	arrived, shown, returned string // in milliseconds, "" where not known
	nobody                   bool   // looks there
	own                      bool

	// The bars, in thousandths of the whole: where one begins and how long it is.
	travel, travelled, work, worked, back, came string
}

// read returns what a trace says. One that cannot be read, which only another version
// can have written, counts as none.
func read(value string) fall {
	t, err := plugins.ParseTrace(value)
	if err != nil {
		return fall{}
	}
	f := fall{
		pressed: true, who: "#" + plugins.UserNumber(t.By), where: region.OfSite(t.Site).City(),
		waiting: !t.Done,
	}
	if t.Appended > 0 {
		f.stored = milliseconds(t.Appended)
	}
	whole := t.Appended
	for _, r := range t.Rows {
		whole = max(whole, r.Returned)
	}
	for _, r := range t.Rows {
		f.rows = append(f.rows, newStep(t, r, max(whole, 1)))
	}
	return f
}

func newStep(t plugins.Trace, r plugins.TraceRow, whole time.Duration) step {
	s := step{
		site: r.Site, city: region.Code(r.Region).City(), own: r.Site == t.Site,
		arrived: milliseconds(r.Arrived), returned: milliseconds(r.Returned), nobody: r.Rendered == 0,
	}
	shown := r.Rendered
	if s.nobody {
		shown = r.Arrived
	} else {
		s.shown = milliseconds(r.Rendered)
	}
	share := func(d time.Duration) string { return decimal(1000 * float64(max(d, 0)) / float64(whole)) }
	s.travel, s.travelled = share(0), share(r.Arrived)
	s.work, s.worked = share(r.Arrived), share(shown-r.Arrived)
	s.back, s.came = share(shown), share(r.Returned-shown)
	return s
}
