// Package web serves people over HTTP: pages, forms that work without script, the
// files a page loads and the endpoint of the socket; and, on an address of its own,
// metrics and health for whoever runs it.
//
//	GET  /                                  the room "home"
//	GET  /r/{room}                          any other room
//	GET  /r?room={room}                     redirects there
//	POST /rooms/{room}/{feature}/{event}    an event as a form
//	POST /api/rooms/{room}/events           events from other services, see [Config.APIToken]
//	GET  /r/{room}/{feature}.bin            a board: its colours, a byte a cell
//	GET  /r/{room}/{feature}.png            its picture, ?scale= pixels a cell
//	GET  /r/{room}/{feature}/cell           who painted the cell at ?x= and ?y=
//	GET  /r/{room}/{feature}/replay         what was painted in the last hour
//	GET  /embed.js                          puts a feature on another site's page
//	GET  /embed/{room}/{feature}            what stands in the frame there
//	GET  /assets/…                          style, script, icon; immutable
//	GET  /cable                             the socket
//
// # Shutdown
//
// When its context ends, [Server.Run] stops taking connections, ends the sockets at
// the rate the cable allows, lets requests in progress finish, and returns.
package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/plugins"
)

// Bus is what pages and forms need of the bus.
type Bus interface {
	Page(ctx context.Context, room, only string, viewer plugins.Person) ([]bus.Section, error)
	Shows(feature string) bool
	Knows(feature string) bool
	Manifests() []plugins.Manifest
	Do(ctx context.Context, req bus.Request) bus.Outcome
	DoAll(ctx context.Context, reqs []bus.Request) []bus.Outcome
	Board(ctx context.Context, room, feature string) (bus.Board, error)
	BoardPaints(ctx context.Context, room, feature string) (uint64, error)
	BoardCell(ctx context.Context, room, feature string, at plugins.Point) (bus.BoardCell, error)
	BoardReplay(ctx context.Context, room, feature string) (bus.Replay, error)
}

// Config sets up a Server. Bus, Cable, Assets and Secret are required.
type Config struct {
	Bus    Bus
	Cable  cable.Config // Authenticate, CheckOrigin and Address are filled in here
	Assets *assets.Set

	// Secret signs cookies; the same in all regions.
	Secret []byte

	// Region is the code of the region that this binary serves.
	Region string

	// Origins are further origins of the same site, such as "https://www.example"
	// beside "https://live.example", whose pages may open sockets and send forms.
	// Browsers send the cookie to no page of another site.
	Origins []string

	// AddressHeader names the header in which a proxy tells a visitor's address,
	// such as "Fly-Client-IP". Empty: the peer of the connection. It must be empty
	// unless every request comes through that proxy.
	AddressHeader string

	// FramePort is the port of this same host whose pages may show ours in a frame.
	// Default none: no page may.
	FramePort string

	// EmbedOrigins are the origins of other sites whose pages may show a feature, such
	// as "https://shop.example".
	EmbedOrigins []string

	// APIToken is what other services show to have events happen, at least 16
	// characters. Default none: they may not.
	APIToken string

	// APIRate is how many events a second they may send together; as many may come at
	// once, or one full request. Default 10,000.
	APIRate float64

	// DrainTimeout is how long ending sockets and requests may take. Default 10 s.
	DrainTimeout time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Server is the public side of one binary.
type Server struct {
	cfg      Config
	app      *fiber.App
	cable    *cable.Server
	identity identity
	styles   styles
	boards   boards
	films    *films
	api      *api
	seconds  *prometheus.HistogramVec
}

// New returns a server that serves nothing yet.
func New(cfg Config) *Server {
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, identity: identity{secret: cfg.Secret}, boards: newBoards(cfg.Bus), films: newFilms(), api: newAPI(cfg.APIToken, cfg.APIRate)}
	s.styles.set(nil) // so that every page has a sheet, to be changed when a feature comes
	s.seconds = promauto.With(cfg.Registerer).NewHistogramVec(prometheus.HistogramOpts{
		Name: "presence_http_seconds", Help: "Time to answer an HTTP request, in seconds, sockets left out.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 15),
	}, []string{"route", "status"})

	cfg.Cable.Authenticate = s.person
	cfg.Cable.CheckOrigin = s.socketOrigin
	cfg.Cable.Address = s.address
	s.cable = cable.New(cfg.Cable)

	s.app = fiber.New(fiber.Config{
		AppName:               "presence",
		DisableStartupMessage: true,
		ErrorHandler:          s.fail,
		BodyLimit:             maxBody,
		ReadBufferSize:        8 << 10, // holds the request line and all headers
		ReadTimeout:           10 * time.Second,
		WriteTimeout:          20 * time.Second,
		IdleTimeout:           60 * time.Second,
		StrictRouting:         false,
		CaseSensitive:         true,
	})
	s.app.Server().HeaderReceived = s.bodyLimit
	s.app.Server().KeepHijackedConns = true // so that a socket holds no buffer of the request it began with
	s.routes()
	return s
}

func (s *Server) routes() {
	s.app.Use(s.recoverPanic, s.observe)
	s.app.Get("/cable", s.cable.Handler())
	s.app.Get(assets.Prefix+"*", s.asset)
	s.app.Get("/embed.js", s.embedScript)
	s.app.Get("/r/:room/:feature", s.secure, s.boardFile)
	s.app.Get("/r/:room/:feature/cell", s.secure, s.boardCell)
	s.app.Get("/r/:room/:feature/replay", s.secure, s.boardReplay)
	s.app.Get(apiPrefix+"events", s.apiTypes)
	s.app.Post(apiPrefix+"rooms/:room/events", s.apiEvents)
	s.app.Use(s.secure, compress.New(compress.Config{Level: compress.LevelDefault}))
	s.app.Get("/", s.home)
	s.app.Get("/r", s.openRoom)
	s.app.Get("/r/:room", s.room)
	s.app.Get("/embed/:room/:feature", s.embedded)
	s.app.Post("/rooms/:room/:feature/:event", s.form)
}

// Cable returns the sockets' side, for broadcasts.
func (s *Server) Cable() *cable.Server { return s.cable }

// FeaturesChanged takes the style of the features that are known now. It returns the
// address of the style sheet, for pages that are open.
func (s *Server) FeaturesChanged(manifests []plugins.Manifest) (url string) {
	s.styles.set(manifests)
	return s.styles.url()
}

// Run serves connections of ln until ctx ends.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	serving := make(chan error, 1)
	connections := listen(ln, s.cfg.Logger)
	go func() { serving <- s.app.Listener(connections) }()
	pinging, stopPings := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPings()
	pings := make(chan error, 1)
	go func() { pings <- s.cable.Run(pinging) }()
	encoding, stopEncoding := context.WithCancel(ctx)
	var encoder sync.WaitGroup
	encoder.Go(func() { s.boards.snapshots.Run(encoding) })
	defer func() {
		stopEncoding()
		encoder.Wait()
	}()

	var failed error
	select {
	case failed = <-serving:
		serving <- nil // so that the wait below does not
	case <-ctx.Done():
		_ = ln.Close() // new connections go elsewhere while the old ones are drained
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	if err := s.cable.Drain(drain); err != nil {
		s.cfg.Logger.Warn("sockets not drained in time", slog.Any("err", err))
	}
	connections.endUnused()
	if err := s.app.ShutdownWithContext(drain); err != nil && !errors.Is(err, net.ErrClosed) {
		s.cfg.Logger.Warn("requests not finished in time", slog.Any("err", err))
	}
	stopPings()
	return errors.Join(failed, <-pings, ignoreClosed(<-serving))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// address returns who a request comes from, for limits. An IPv6 address counts as
// the network that one customer has, since they may use any address in it.
func (s *Server) address(c *fiber.Ctx) string {
	a, err := netip.ParseAddr(c.Context().RemoteIP().String())
	if told, errTold := netip.ParseAddr(c.Get(s.cfg.AddressHeader)); s.cfg.AddressHeader != "" && errTold == nil {
		a, err = told, nil
	}
	if err != nil {
		return "unknown"
	}
	if a = a.Unmap(); a.Is6() {
		return netip.PrefixFrom(a.WithZone(""), customerBits).Masked().String()
	}
	return a.String()
}

// customerBits is the size of the IPv6 network of one customer.
//
// Source: RFC 6177 and RIPE-690, a /64 at least.
const customerBits = 64
