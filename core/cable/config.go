package cable

import (
	"cmp"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/plugins"
)

// Config sets up a Server. Handler and Authenticate are required; every other
// zero value means the default.
type Config struct {
	// Handler is the rest of the server.
	Handler Handler

	// Authenticate says who is connecting: User, Region and Edge of a Person, whose
	// Session is made here. False accepts the socket only to say "unauthorized",
	// since an HTTP refusal makes both official clients try again for ever. Its
	// strings may point into the request; they are cloned.
	Authenticate func(c *fiber.Ctx) (plugins.Person, bool)

	// CheckOrigin reports whether a page of the request's origin may connect; if
	// not, the answer is HTTP 403. Default: the Origin header is absent or names
	// the request's own host.
	CheckOrigin func(c *fiber.Ctx) bool

	// Address is what AddressRate and MaxSessions count by. Default: the peer's IP address.
	Address func(c *fiber.Ctx) string

	// Outbox is how many frames may wait for one session before it counts as slow
	// and is closed. Default 256.
	Outbox int

	// OutboxBytes is how many bytes those frames may have together. One frame may
	// always wait, however large. Default 1 MiB.
	OutboxBytes int

	// MaxFrame is the size in bytes of the largest frame a browser may send.
	// Default 64 KiB.
	MaxFrame int

	// Compress is the size in bytes of the smallest message that is compressed, for
	// browsers that take it so (permessage-deflate). These may then send compressed
	// messages too, of which MaxFrame is the size both before and after. Default 0: none
	// is, and no browser is told that it may.
	Compress int

	// MaxSubscriptions is how many subscriptions one session may have. Default 16.
	MaxSubscriptions int

	// MaxSessions is how many sessions one address may have open; a further one is
	// told too_many_sessions and to come back later. Default 1,000.
	MaxSessions int

	// EventRate is how many events a second one session may send, and EventBurst
	// how many at once. Default 50 and 100.
	EventRate  float64
	EventBurst int

	// AddressRate and AddressBurst are the same for all sessions of one address,
	// and for what else is counted with Server.Allow. Default 200 and 400.
	AddressRate  float64
	AddressBurst int

	// PingInterval is the time between two pings of one session. Browsers take a
	// connection for dead after 6 s without. Default 3 s.
	PingInterval time.Duration

	// PeerTimeout is how long a peer may be silent, not even answering a ping of
	// the WebSocket itself, before it is closed. Default 30 s.
	PeerTimeout time.Duration

	// WriteTimeout is how long one write to a socket may take. Default 10 s.
	WriteTimeout time.Duration

	// DrainRate is how many sessions a second Drain ends. Default 500.
	DrainRate float64

	// Logger gets a line for each session's end: Warn for those that something was
	// wrong with, such as a full outbox, and Debug for the others. Default: none.
	Logger *slog.Logger

	// Registerer gets the metrics. Default: none. Servers that share one share the
	// metrics.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Handler == nil || c.Authenticate == nil {
		panic("cable: Config without Handler or Authenticate")
	}
	if c.CheckOrigin == nil {
		c.CheckOrigin = sameOrigin
	}
	if c.Address == nil {
		c.Address = func(c *fiber.Ctx) string { return c.IP() }
	}
	c.Outbox = positive(c.Outbox, 256)
	c.OutboxBytes = positive(c.OutboxBytes, 1<<20)
	c.MaxFrame = positive(c.MaxFrame, 64<<10)
	c.Compress = max(0, c.Compress)
	c.MaxSubscriptions = positive(c.MaxSubscriptions, 16)
	c.MaxSessions = positive(c.MaxSessions, 1000)
	c.EventRate = positive(c.EventRate, 50)
	c.EventBurst = positive(c.EventBurst, 100)
	c.AddressRate = positive(c.AddressRate, 200)
	c.AddressBurst = positive(c.AddressBurst, 400)
	c.PingInterval = positive(c.PingInterval, 3*time.Second)
	c.PeerTimeout = positive(c.PeerTimeout, 30*time.Second)
	c.WriteTimeout = positive(c.WriteTimeout, 10*time.Second)
	c.DrainRate = positive(c.DrainRate, 500)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func positive[T cmp.Ordered](v, byDefault T) T {
	var zero T
	if v <= zero {
		return byDefault
	}
	return v
}

// sameOrigin reports whether a request comes from a page of its own host, or from
// no page at all.
func sameOrigin(c *fiber.Ctx) bool {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, c.Hostname())
}
