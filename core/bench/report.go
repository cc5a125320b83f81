package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run has measured. As JSON it is one object with these names.
type Report struct {
	URL         string    `json:"url"`
	Identifier  string    `json:"identifier"`
	Sockets     int       `json:"sockets"` // that were asked for
	Sources     int       `json:"sources"` // addresses that they come from
	Started     time.Time `json:"started"`
	Interrupted bool      `json:"interrupted"`     // it was ended early, and what was last is not whole
	Error       string    `json:"error,omitempty"` // what went wrong, after which nothing more was measured
	Connect     Connect   `json:"connect"`
	Phases      []Phase   `json:"phases"`
}

// Connect is how the sockets were opened, from the first handshake until the last
// subscription was confirmed, or what the last page lacked had come. 64 were under way at
// once.
type Connect struct {
	Sockets   int     `json:"sockets"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
	SlowestMs float64 `json:"slowestMs"` // of one socket
	Storm     *Storm  `json:"storm,omitempty"`
	Use
}

// Storm is what became of the events that were published while sockets connected.
type Storm struct {
	Published int64 `json:"published"`

	// SocketsLost are those that were subscribed and did not stay, and Lost why the first
	// of them did not.
	SocketsLost int    `json:"socketsLost"`
	Lost        string `json:"lost,omitempty"`

	// Due counts the events that were published after a socket's confirmation, for each
	// socket, and Missing those of them that never reached it. Skipped are those that it
	// saw only with a later one, in a server of ours.
	Due     int64 `json:"due"`
	Missing int64 `json:"missing"`
	Skipped int64 `json:"skipped"`

	// Latency is of events that were due, from when they were to be published.
	Latency *Quantiles `json:"latency,omitempty"`
}

// Phase is what one phase has measured.
type Phase struct {
	Name string `json:"name"`

	// Seconds is the time from its beginning until the last socket had the last event, in
	// rate at least what its schedule takes.
	Seconds float64 `json:"seconds"`

	// Sockets are those that are left, SocketsLost those that are not, and Lost why the
	// first of them is not.
	Sockets     int    `json:"sockets"`
	SocketsLost int    `json:"socketsLost"`
	Lost        string `json:"lost,omitempty"`

	// Published counts events, Messages frames that came with one, Deliveries the events
	// that all sockets saw thereby, each for itself, and Missing those that they did not.
	Published         int64   `json:"published"`
	Messages          int64   `json:"messages"`
	MessagesASecond   float64 `json:"messagesASecond"`
	Deliveries        int64   `json:"deliveries"`
	DeliveriesASecond float64 `json:"deliveriesASecond"`
	Missing           int64   `json:"missing"`
	BytesAMessage     float64 `json:"bytesAMessage"` // as they came

	// Compressed counts messages that came so, if any did, and InflatedBytesAMessage is
	// what all would have had.
	Compressed            int64   `json:"compressed,omitempty"`
	InflatedBytesAMessage float64 `json:"inflatedBytesAMessage,omitempty"`

	Pings int64 `json:"pings"`

	// Refused counts how often the server put off a request to publish (429, 503), which
	// was sent again, and RefusedLast is the last time: the figures may be those of a limit.
	Refused     int64  `json:"refused,omitempty"`
	RefusedLast string `json:"refusedLast,omitempty"`

	// Latency is of deliveries, from when the event was due; UntilLast is of events, until
	// the last socket has it, and nothing in saturation.
	Latency   *Quantiles `json:"latency,omitempty"`
	UntilLast *Quantiles `json:"untilLast,omitempty"`

	Use
}

// Quantiles are of times, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50Ms"`
	P99 float64 `json:"p99Ms"`
	Max float64 `json:"maxMs"`
}

// Use is what was used meanwhile, by the server, where anything tells of it, and by this
// program.
type Use struct {
	Server        *Server `json:"server,omitempty"`
	OwnCPUSeconds float64 `json:"ownCPUSeconds"`
	OwnCores      float64 `json:"ownCores"`
}

// Server is what the server's process has used.
type Server struct {
	CPUSeconds float64 `json:"cpuSeconds"`
	Cores      float64 `json:"cores"` // CPU seconds a second

	// CPUSecondsAMillion is for a million deliveries, if there are any.
	CPUSecondsAMillion float64 `json:"cpuSecondsAMillion,omitempty"`

	// ChildrenCPUSeconds are of the processes below it, such as features: known with --pid only.
	ChildrenCPUSeconds float64 `json:"childrenCPUSeconds,omitempty"`

	// RSSBytes is its memory in the end. BytesASocket is how much more for each socket
	// that is since before the first one; in idle only.
	RSSBytes     int64 `json:"rssBytes"`
	BytesASocket int64 `json:"bytesASocket,omitempty"`

	// Renders counts those of a server of ours by feature, and Superseded the frames that
	// a newer one took the place of before they were written: known with --metrics only.
	Renders    map[string]int64 `json:"renders,omitempty"`
	Superseded int64            `json:"superseded,omitempty"`
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantiles returns those of a histogram; nil if it is empty.
func quantiles(h *histogram) *Quantiles {
	if h.total == 0 {
		return nil
	}
	return &Quantiles{ms(h.quantile(0.5)), ms(h.quantile(0.99)), ms(h.most)}
}

// Tell writes the report: a table with a column for each phase, and sentences.
func (r *Report) Tell(w io.Writer) error {
	if r.Connect.Sockets == 0 { // there is nothing to tell
		if r.Interrupted {
			fmt.Fprintln(w, "Interrupted before a socket was connected.")
		}
		return nil
	}
	from := "one address"
	if r.Sources > 1 {
		from = fmt.Sprintf("%d addresses", r.Sources)
	}
	sockets := count(r.Connect.Sockets)
	if r.Connect.Sockets < r.Sockets {
		sockets += " of " + count(r.Sockets)
	}
	fmt.Fprintf(w, "%s, %s sockets from %s\n%s\n", r.URL, sockets, from, r.Identifier)
	if r.Interrupted {
		fmt.Fprintln(w, "Interrupted: the last column is not whole.")
	}
	fmt.Fprintf(w, "connected in %.2f s, %s a second, the slowest in %.0f ms\n\n", r.Connect.Seconds, count(int(r.Connect.PerSecond)), r.Connect.SlowestMs)
	if err := r.table(w); err != nil {
		return err
	}
	if s := r.Connect.Storm; s != nil {
		fmt.Fprintf(w, "storm: %s events meanwhile, %s due at sockets, %s missing, %s only with a later one; %s\n",
			count(int(s.Published)), count(int(s.Due)), count(int(s.Missing)), count(int(s.Skipped)), s.Latency.sentence())
		if s.Lost != "" {
			fmt.Fprintf(w, "storm: %s sockets are lost; the first: %s\n", count(s.SocketsLost), s.Lost)
		}
	}
	tellRenders(w, "connect", r.Connect.Server)
	for _, p := range r.Phases {
		tellRenders(w, p.Name, p.Use.Server)
		if p.Refused > 0 {
			fmt.Fprintf(w, "%s: the server put off requests to publish %s times, so that the figures may be those of a limit; the last: %s\n", p.Name, count(int(p.Refused)), p.RefusedLast)
		}
		if p.Lost != "" {
			fmt.Fprintf(w, "%s: %s sockets are lost; the first: %s\n", p.Name, count(p.SocketsLost), p.Lost)
		}
	}
	return nil
}

// table writes a row for each quantity that any phase has.
func (r *Report) table(w io.Writer) error {
	columns := append([]Phase{{Name: "connect", Seconds: r.Connect.Seconds, Use: r.Connect.Use}}, r.Phases...)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, p := range columns {
		fmt.Fprintf(t, "\t%s", p.Name)
	}
	fmt.Fprintln(t, "\t")
	for _, q := range quantities {
		row, some := q.name, false
		for _, p := range columns {
			cell := "-"
			if v := q.of(p); v > 0 {
				some, cell = true, q.write(v)
			}
			row += "\t" + cell
		}
		if some {
			fmt.Fprintln(t, row+"\t")
		}
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// quantity is a row of the table.
type quantity struct {
	name     string
	decimals int // digits after the point
	of       func(p Phase) float64
}

// quantities are all of them. What is 0 is not told.
var quantities = []quantity{
	{"seconds", 2, func(p Phase) float64 { return p.Seconds }},
	{"events", 0, func(p Phase) float64 { return float64(p.Published) }},
	{"events a second", 1, func(p Phase) float64 { return float64(p.Published) / p.Seconds }},
	{"messages a second", 0, func(p Phase) float64 { return p.MessagesASecond }},
	{"deliveries a second", 0, func(p Phase) float64 { return p.DeliveriesASecond }},
	{"deliveries missing", 0, func(p Phase) float64 { return float64(p.Missing) }},
	{"bytes a message", 0, func(p Phase) float64 { return p.BytesAMessage }},
	{"bytes before compression", 0, func(p Phase) float64 { return p.InflatedBytesAMessage }},
	{"messages compressed", 0, func(p Phase) float64 { return float64(p.Compressed) }},
	{"delivery p50, ms", 1, func(p Phase) float64 { return p.Latency.or0().P50 }},
	{"delivery p99, ms", 1, func(p Phase) float64 { return p.Latency.or0().P99 }},
	{"delivery max, ms", 1, func(p Phase) float64 { return p.Latency.or0().Max }},
	{"last socket p50, ms", 1, func(p Phase) float64 { return p.UntilLast.or0().P50 }},
	{"last socket p99, ms", 1, func(p Phase) float64 { return p.UntilLast.or0().P99 }},
	{"last socket max, ms", 1, func(p Phase) float64 { return p.UntilLast.or0().Max }},
	{"server CPU, s", 2, func(p Phase) float64 { return p.Server.or0().CPUSeconds }},
	{"server cores", 3, func(p Phase) float64 { return p.Server.or0().Cores }},
	{"CPU s a million deliveries", 2, func(p Phase) float64 { return p.Server.or0().CPUSecondsAMillion }},
	{"its features' CPU, s", 2, func(p Phase) float64 { return p.Server.or0().ChildrenCPUSeconds }},
	{"server memory, MiB", 1, func(p Phase) float64 { return float64(p.Server.or0().RSSBytes) / (1 << 20) }},
	{"KiB a socket", 1, func(p Phase) float64 { return float64(p.Server.or0().BytesASocket) / (1 << 10) }},
	{"bench CPU, s", 2, func(p Phase) float64 { return p.OwnCPUSeconds }},
	{"bench cores", 2, func(p Phase) float64 { return p.OwnCores }},
	{"sockets lost", 0, func(p Phase) float64 { return float64(p.SocketsLost) }},
}

func (q quantity) write(v float64) string {
	if q.decimals == 0 {
		return count(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', q.decimals, 64)
}

// or0 returns the quantiles, or none.
func (q *Quantiles) or0() Quantiles {
	if q == nil {
		return Quantiles{}
	}
	return *q
}

// or0 returns what was used, or nothing.
func (s *Server) or0() Server {
	if s == nil {
		return Server{}
	}
	return *s
}

// tellRenders writes what was rendered meanwhile, if that is known.
func tellRenders(w io.Writer, phase string, s *Server) {
	if s == nil || len(s.Renders) == 0 {
		return
	}
	var all []string
	for _, feature := range slices.Sorted(maps.Keys(s.Renders)) {
		all = append(all, fmt.Sprintf("%s %s", feature, count(int(s.Renders[feature]))))
	}
	fmt.Fprintf(w, "%s: renders: %s\n", phase, strings.Join(all, ", "))
}

// sentence returns the quantiles as a part of a line.
func (q *Quantiles) sentence() string {
	if q == nil {
		return "none came"
	}
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, max %.1f ms", q.P50, q.P99, q.Max)
}

// count writes 10000 as 10,000.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Save writes the report as JSON.
func (r *Report) Save(w io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	return nil
}
