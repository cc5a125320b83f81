package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/core/state"
)

// The phases, beside connecting.
const (
	Idle       = "idle"
	Rate       = "rate"
	Saturation = "saturation"
	Click      = "click"
)

// Phases are all of them, in the order in which they make sense.
var phases = []string{Idle, Rate, Saturation, Click}

// Config says what is to be measured. URL is required, and Token or Publish for any phase but
// Idle.
type Config struct {
	// URL is the server's socket, such as "ws://127.0.0.1:8080/cable".
	URL string

	// Sockets is how many are opened. Default 1,000, at most 250,000.
	Sockets int

	// Phases are run in this order. Default all four.
	Phases []string

	// Time is how long each takes, 100 ms to 10 min. Default 10 s.
	Time time.Duration

	// Rate is how many messages a second the phase of that name publishes. Default 20.
	Rate float64

	// InFlight is how many messages may be on their way in saturation. Default 64.
	InFlight int

	// Room is the room of a server of ours, and People how many people share its sockets.
	// Default "bench" and 100, or one for each socket if there are fewer.
	Room   string
	People int

	// Rooms is how many rooms of a server of ours the sockets, and the events, are spread
	// over in turn: Room, or Room-1, Room-2, … if there are several. Default 1.
	Rooms int

	// Met are people who have opened the page of a server of ours, as Meet returns them,
	// with nothing published since. Default: People of them open it first.
	Met []Person

	// Sync says that each socket asks at once for what its page lacks, as pages do when
	// they come back, and counts as connected when it has that. For a server of ours.
	Sync bool

	// Storm is how many messages a second are published while the sockets connect, and one
	// more when all are there: all that are published after a socket's confirmation have
	// to reach it. Default none. It takes one room.
	Storm float64

	// Token is what a server of ours was given as --api-token, or what Publish wants as a
	// bearer token.
	Token string

	// Identifier is the JSON of the subscription, in which {room} stands for the JSON of
	// the socket's room. Default: the counter of the room.
	Identifier string

	// Publish is the HTTP address at which a server that is not ours takes broadcasts, by
	// default as AnyCable does:
	//
	//	{"stream":"bench","data":"{\"k7qf2mzr\":17,\"pad\":\"xxx\"}"}
	//
	// Stream is the stream; by default what Identifier has as "stream_name", else Room.
	// Body is another form of it, in which {stream} and {data} stand for these two JSON
	// texts. Size is how many bytes a message has there. Default 200.
	Publish, Stream, Body string
	Size                  int

	// Compress offers to take compressed messages (permessage-deflate), as browsers do.
	Compress bool

	// Headers are sent with each handshake, "Name: value".
	Headers []string

	// Sources are the addresses that sockets come from, in turn. Default: for a server at
	// a loopback address on Linux 127.0.0.1, 127.0.0.2, …, so many that each has 1,000
	// sockets, which is as many as a server of ours lets one address have; elsewhere what
	// the system chooses, which has some 28,000 ports.
	Sources []string

	// PID is the server's process on this machine, whose cost and whose children's are
	// read from /proc. Metrics is the address of its metrics for Prometheus, which tell
	// of it without its children, and what a server of ours has rendered. Default none:
	// only this program's cost is told.
	PID     int
	Metrics string

	// Patience is how long a step may take that should take no time: a handshake, or the
	// last message. Default 30 s.
	Patience time.Duration

	// Progress, if set, gets a line now and then, or one line again and again if it is
	// a terminal.
	Progress io.Writer
}

// maxEvents is how many messages a phase may publish by a schedule: some bytes of each are kept.
const maxEvents = 5_000_000

func (c Config) withDefaults() Config {
	c.Sockets = cmp.Or(c.Sockets, 1000)
	if len(c.Phases) == 0 {
		c.Phases = phases
	}
	c.Time = cmp.Or(c.Time, 10*time.Second)
	c.Rate = cmp.Or(c.Rate, 20)
	c.InFlight = cmp.Or(c.InFlight, 64)
	c.Room = cmp.Or(c.Room, "bench")
	c.Rooms = cmp.Or(c.Rooms, 1)
	c.People = min(cmp.Or(c.People, 100), max(1, c.Sockets))
	c.Size = cmp.Or(c.Size, 200)
	c.Patience = cmp.Or(c.Patience, 30*time.Second)
	if c.Identifier == "" && c.Publish == "" {
		c.Identifier = `{"channel":"Live","room":{room},"feature":"counter"}`
	}
	if c.Stream == "" {
		var params struct {
			Stream string `json:"stream_name"`
		}
		_ = json.Unmarshal([]byte(c.identifier(0)), &params) // it need not have one
		c.Stream = cmp.Or(params.Stream, c.Room)
	}
	c.Body = cmp.Or(c.Body, `{"stream":{stream},"data":{data}}`)
	if len(c.Sources) == 0 && runtime.GOOS == "linux" {
		c.Sources = loopbacks(c.URL, c.Sockets)
	}
	return c
}

// room returns the room of the socket, the person or the event of an index.
func (c Config) room(index int) string {
	if c.Rooms == 1 {
		return c.Room
	}
	return c.Room + "-" + strconv.Itoa(index%c.Rooms+1)
}

// identifier returns the identifier of the socket of an index.
func (c Config) identifier(index int) string {
	return strings.ReplaceAll(c.Identifier, "{room}", quote(c.room(index)))
}

// perSource is how many sockets come from one loopback address: as many as a server of
// ours lets one have, see cable.Config.MaxSessions.
const perSource = 1000

// loopbacks returns the addresses for so many sockets to a server at a loopback address,
// and none for any other.
func loopbacks(server string, sockets int) (addresses []string) {
	u, err := url.Parse(server)
	if err != nil {
		return nil
	}
	at, err := netip.ParseAddr(strings.Replace(u.Hostname(), "localhost", "127.0.0.1", 1))
	if err != nil || !at.Is4() || !at.IsLoopback() {
		return nil
	}
	for i := range (sockets + perSource - 1) / perSource {
		addresses = append(addresses, fmt.Sprintf("127.0.%d.%d", i/250, i%250+1))
	}
	return addresses
}

// wants says what some flags may be.
var wants = map[string]string{
	"sockets": "1 to 250000", "phases": "some of " + strings.Join(phases, ","), "time": "100ms to 10m", "rate": "0.1 to 100000 messages a second",
	"in-flight": "1 to 10000", "room": "the name of a room", "people": "1 or more", "rooms": "1 to as many as there are sockets", "size": "1 to 60000 bytes",
}

// Check reports all that is wrong, with the names that flags have.
func (c Config) Check() error {
	c = c.withDefaults()
	var errs []error
	bad := func(flag string, value any, want string) {
		errs = append(errs, fmt.Errorf("--%s is %q; want %s", flag, fmt.Sprint(value), want))
	}
	if !hasScheme(c.URL, "ws", "wss") {
		errs = append(errs, fmt.Errorf("URL is %q; want that of the socket, such as ws://127.0.0.1:8080/cable", c.URL))
	}
	if c.Sockets < 1 || c.Sockets > 250_000 {
		bad("sockets", c.Sockets, wants["sockets"])
	}
	for _, p := range c.Phases {
		if !slices.Contains(phases, p) {
			bad("phases", p, wants["phases"])
		}
	}
	if c.Time < 100*time.Millisecond || c.Time > 10*time.Minute {
		bad("time", c.Time, wants["time"])
	}
	if !(c.Rate >= 0.1 && c.Rate <= 100_000) {
		bad("rate", c.Rate, wants["rate"])
	}
	if n := c.Rate * c.Time.Seconds(); n > maxEvents {
		bad("rate", c.Rate, fmt.Sprintf("at most %d messages in --time %v, and these are %.0f", maxEvents, c.Time, n))
	}
	if c.InFlight < 1 || c.InFlight > 10_000 {
		bad("in-flight", c.InFlight, wants["in-flight"])
	}
	if err := state.CheckRoom(c.room(max(0, c.Rooms-1))); err != nil {
		bad("room", c.Room, "the name of a room: "+err.Error())
	}
	ours := c.Publish == ""
	switch {
	case c.Rooms < 1 || c.Rooms > max(1, c.Sockets):
		bad("rooms", c.Rooms, wants["rooms"])
	case c.Rooms > 1 && !ours:
		bad("rooms", c.Rooms, "1 for a server that is not ours")
	}
	if c.Sync && !ours {
		bad("sync", c.Sync, "no sync for a server that is not ours")
	}
	switch {
	case c.Storm != 0 && !(c.Storm >= 0.1 && c.Storm <= 1000):
		bad("storm", c.Storm, "0.1 to 1000 messages a second")
	case c.Storm > 0 && c.Rooms > 1:
		bad("storm", c.Storm, "no storm where there are several rooms")
	}
	if c.People < 1 {
		bad("people", c.People, wants["people"])
	}
	var params map[string]any
	if json.Unmarshal([]byte(c.identifier(0)), &params) != nil || params == nil {
		bad("identifier", c.Identifier, `the JSON of a subscription, such as {"channel":"$pubsub","stream_name":"bench"}`)
	}
	if c.Publish != "" && !hasScheme(c.Publish, "http", "https") {
		bad("publish", c.Publish, "an address that takes broadcasts, such as http://127.0.0.1:8090/_broadcast")
	}
	if !strings.Contains(c.Body, "{data}") {
		bad("body", c.Body, "a text with {data} in it, such as "+Config{}.withDefaults().Body)
	}
	if c.Size < 1 || c.Size > 60_000 {
		bad("size", c.Size, wants["size"])
	}
	if c.publishes() && ours && c.Token == "" {
		bad("token", c.Token, "the server's --api-token, or only --phases idle, or --publish for a server that is not ours")
	}
	for _, h := range c.Headers {
		if name, _, ok := strings.Cut(h, ": "); !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			bad("header", h, "Name: value")
		}
	}
	for _, s := range c.Sources {
		if _, err := netip.ParseAddr(s); err != nil {
			bad("sources", s, "addresses of this machine, such as 10.0.0.5")
		}
	}
	if c.Metrics != "" && !hasScheme(c.Metrics, "http", "https") {
		bad("metrics", c.Metrics, "an address such as http://127.0.0.1:9090/metrics")
	}
	if c.PID != 0 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/stat", c.PID)); err != nil {
			bad("pid", c.PID, "a process of this machine that /proc shows")
		}
	}
	return errors.Join(errs...)
}

// publishes reports whether events are to happen.
func (c Config) publishes() bool {
	return c.Storm > 0 || slices.ContainsFunc(c.Phases, func(p string) bool { return p != Idle })
}

func hasScheme(address string, schemes ...string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

// web returns the address of a page of the server that a socket's address belongs to.
func web(socket, path string) string {
	u, err := url.Parse(socket)
	if err != nil {
		return ""
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	return u.Scheme + "://" + u.Host + path
}

// quote returns s as JSON.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string: it cannot fail
	return string(b)
}

// header reads "Name: value" lines.
func header(lines []string) http.Header {
	h := http.Header{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}
