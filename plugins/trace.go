package plugins

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Trace tells how one event travelled. All durations count from the moment at which
// the host received the event, by the clock of the host that took it; what another
// region tells of itself is placed between the moments at which its answer was asked
// for and known, the way there and the way back counted as equal.
type Trace struct {
	// ID is the event's, By who caused it and Site where it was taken.
	ID   string
	By   string
	Site string

	// Appended is when the site's store had taken it.
	Appended time.Duration

	// Rows are the sites that were heard, ordered by name, the event's own among them.
	Rows []TraceRow

	// Done says that every living site has answered, or is not waited for any more.
	Done bool
}

// TraceRow is what is known of one site. A duration of 0 is not known yet.
type TraceRow struct {
	// Site is its name and Region the code of its region.
	Site   string
	Region string

	// Arrived is when the event was read there from the log, Rendered when what it
	// changes was sent to the browsers there, and Returned when the site that took the
	// event knew.
	Arrived  time.Duration
	Rendered time.Duration
	Returned time.Duration
}

// Format returns the trace as a Register holds it: a Record of the event and then one of
// each row, a line each. Durations are in nanoseconds.
//
//	appended=2100000&by=k7qf2abcdefghijk&done=true&id=01j9zq6w5d3k8v7n&site=lhr
//	arrived=2400000&region=lhr&rendered=3100000&returned=3100000&site=lhr
func (t Trace) Format() string {
	head := Record{"id": t.ID, "by": t.By, "site": t.Site}
	head.setDuration("appended", t.Appended)
	if t.Done {
		head["done"] = "true"
	}
	lines := []string{head.String()}
	for _, row := range t.Rows {
		r := Record{"site": row.Site, "region": row.Region}
		r.setDuration("arrived", row.Arrived)
		r.setDuration("rendered", row.Rendered)
		r.setDuration("returned", row.Returned)
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}

// ParseTrace reads what Format wrote.
func ParseTrace(s string) (Trace, error) {
	var t Trace
	for i, line := range strings.Split(s, "\n") {
		r, err := ParseRecord(line)
		if err != nil || r["site"] == "" {
			return Trace{}, errors.New("read trace: line " + strconv.Quote(line) + ": want a record with a site")
		}
		if i == 0 {
			t = Trace{ID: r["id"], By: r["by"], Site: r["site"], Appended: r.duration("appended"), Done: r["done"] == "true"}
			continue
		}
		t.Rows = append(t.Rows, TraceRow{
			Site: r["site"], Region: r["region"],
			Arrived: r.duration("arrived"), Rendered: r.duration("rendered"), Returned: r.duration("returned"),
		})
	}
	return t, nil
}

func (r Record) setDuration(name string, d time.Duration) {
	if d != 0 {
		r[name] = strconv.FormatInt(int64(d), 10)
	}
}

// duration returns an entry that setDuration made, or 0.
func (r Record) duration(name string) time.Duration {
	n, _ := strconv.ParseInt(r[name], 10, 64)
	return time.Duration(n)
}
