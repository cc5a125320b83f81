package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
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
	Interrupted bool      `json:"interrupted"` // it was ended early, and the last phase is not whole
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

	// Seconds is the time from its beginning until the last socket had the last event.
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
	BytesAMessage     float64 `json:"bytesAMessage"`
	Pings             int64   `json:"pings"`

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

	// CPUSecondsAMillion is for a million deliveries; 0 if there are none.
	CPUSecondsAMillion float64 `json:"cpuSecondsAMillion"`

	// ChildrenCPUSeconds are of the processes below it, such as features: known with --pid only.
	ChildrenCPUSeconds float64 `json:"childrenCPUSeconds"`

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

// Tell writes the report as tables.
func (r *Report) Tell(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s sockets from %d addresses\n%s\n", r.URL, count(r.Connect.Sockets), r.Sources, r.Identifier)
	if r.Interrupted {
		fmt.Fprintln(w, "Interrupted: the last phase is not whole.")
	}
	fmt.Fprintf(w, "connected in %.2f s, %.0f a second, the slowest in %.0f ms\n\n", r.Connect.Seconds, r.Connect.PerSecond, r.Connect.SlowestMs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tevents\tmessages/s\tdeliveries/s\tmissing\tbytes\tp50 ms\tp99 ms\tmax ms\tlast p50\tlast p99\tlast max\t")
	for _, p := range r.Phases {
		if p.Name == Idle {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%d\t%.0f\t%s\t%s\t\n", p.Name, p.Published, p.MessagesASecond, p.DeliveriesASecond, p.Missing, p.BytesAMessage, p.Latency, p.UntilLast)
	}
	fmt.Fprintln(t, "\t")
	fmt.Fprintln(t, "\tserver CPU s\tcores\ts/million deliveries\tbelow it, CPU s\tMiB\tKiB/socket\town CPU s\town cores\tsockets lost\t")
	fmt.Fprintf(t, "connect\t%s\t%.2f\t%.2f\t\t\n", r.Connect.Server, r.Connect.OwnCPUSeconds, r.Connect.OwnCores)
	for _, p := range r.Phases {
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%d\t\n", p.Name, p.Use.Server, p.OwnCPUSeconds, p.OwnCores, p.SocketsLost)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if s := r.Connect.Storm; s != nil {
		fmt.Fprintf(w, "storm: %d events meanwhile, %s due, %d missing, %d only with a later one; %s\n",
			s.Published, count(int(s.Due)), s.Missing, s.Skipped, s.Latency.sentence())
		if s.Lost != "" {
			fmt.Fprintf(w, "storm: %d sockets are lost; the first: %s\n", s.SocketsLost, s.Lost)
		}
	}
	tellRenders(w, "connect", r.Connect.Server)
	for _, p := range r.Phases {
		tellRenders(w, p.Name, p.Use.Server)
		if p.Lost != "" {
			fmt.Fprintf(w, "%s: %d sockets are lost; the first: %s\n", p.Name, p.SocketsLost, p.Lost)
		}
	}
	return nil
}

// tellRenders writes what was rendered meanwhile, if that is known.
func tellRenders(w io.Writer, phase string, s *Server) {
	if s == nil || len(s.Renders) == 0 {
		return
	}
	var all []string
	for _, feature := range slices.Sorted(maps.Keys(s.Renders)) {
		all = append(all, fmt.Sprintf("%s %d", feature, s.Renders[feature]))
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

// String returns the cells of a table.
func (q *Quantiles) String() string {
	if q == nil {
		return "-\t-\t-"
	}
	return fmt.Sprintf("%.1f\t%.1f\t%.1f", q.P50, q.P99, q.Max)
}

// String returns the cells of a table.
func (s *Server) String() string {
	if s == nil {
		return "-\t-\t-\t-\t-\t-"
	}
	some := func(v float64, format string) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf(format, v)
	}
	return fmt.Sprintf("%.2f\t%.3f\t%s\t%s\t%.1f\t%s", s.CPUSeconds, s.Cores, some(s.CPUSecondsAMillion, "%.2f"),
		some(s.ChildrenCPUSeconds, "%.2f"), float64(s.RSSBytes)/(1<<20), some(float64(s.BytesASocket)/1024, "%.1f"))
}

// count writes 10000 as 10,000.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Save writes the report as JSON into a file, or to w if its name is "-".
func (r *Report) Save(name string, w io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if name == "-" {
		_, err = w.Write(b)
		return err
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	return nil
}
