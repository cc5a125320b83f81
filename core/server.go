package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/cable"
	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/dom"
	"github.com/global-presence/presence/plugins/process"
)

// Config sets up a Server. Engine, Features and Secret are required.
type Config struct {
	// Engine stores and carries the state. The server runs it and leaves it to the
	// caller to close.
	Engine engine.Engine

	// Features are the features of the page, in its order: for each the name and
	// the command that starts its process. Logger, Registerer and OnStatus are
	// filled in here.
	Features []process.Config

	// Wrap, if set, returns what the server is to call in place of a feature's process,
	// such as something that listens in. It is called once for each feature.
	Wrap func(name string, c plugins.Carrier) plugins.Carrier

	// Secret signs cookies.
	Secret []byte

	// Listen and Admin are TCP addresses. Default ":8080" and "127.0.0.1:9090".
	Listen, Admin string

	// Region is the code of the region, Version the binary's.
	Region, Version string

	// Origins, EmbedOrigins and AddressHeader are those of web.Config.
	Origins       []string
	EmbedOrigins  []string
	AddressHeader string

	// APIToken and APIRate are those of web.Config: events from other services.
	APIToken string
	APIRate  float64

	// FramePort is that of web.Config: the port of this host whose pages may show
	// ours in a frame. Default none.
	FramePort string

	// Cable sets limits of sockets; see there. Its Handler is filled in here.
	Cable cable.Config

	// StopTimeout is how long each part may take to stop. Default 10 s.
	StopTimeout time.Duration

	// Registry holds the metrics that the admin address shows; the engine's belong
	// there too. Default: a new one.
	Registry *prometheus.Registry

	// Logger defaults to discarding.
	Logger *slog.Logger
}

// Server is one whole binary: the program without its command line.
type Server struct {
	cfg      Config
	bus      *bus.Bus
	web      *web.Server
	admin    *web.Admin
	features features
	unfit    chan error // why one of Config.Features cannot be run
	public   net.Listener
	private  net.Listener

	changing sync.Mutex  // held while a feature's change is told to the parts; taken before all other locks
	stopping atomic.Bool // Run's context has ended
}

// warmUp is how long the bus waits for the engine to take writes, and the first page
// for the features to come up.
const warmUp = 2 * time.Second

// New joins the parts and takes the addresses, so that nothing else can fail on an
// address in use. Close gives them back if Run is never called.
func New(cfg Config) (*Server, error) {
	cfg.Listen = cmp.Or(cfg.Listen, ":8080")
	cfg.Admin = cmp.Or(cfg.Admin, "127.0.0.1:9090")
	cfg.StopTimeout = cmp.Or(cfg.StopTimeout, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	files, err := assets.New()
	if err != nil {
		return nil, err
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	s := &Server{cfg: cfg, unfit: make(chan error, len(cfg.Features))}
	cfg.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	busConfig := bus.Config{
		Engine: cfg.Engine, Broadcaster: broadcaster{s}, Region: cfg.Region, Version: cfg.Version, Corner: web.Corner,
		Logger: cfg.Logger.With(slog.String("part", "bus")), Registerer: cfg.Registry,
	}
	for _, one := range cfg.Features {
		f := s.newFeature(one)
		s.features.all = append(s.features.all, f)
		busConfig.Features = append(busConfig.Features, bus.Feature{Name: f.name, Carrier: s.wrap(f)})
	}
	if s.bus, err = bus.New(busConfig); err != nil {
		return nil, err
	}
	cableConfig := cfg.Cable
	cableConfig.Handler = handler{s.bus}
	cableConfig.Logger, cableConfig.Registerer = cfg.Logger.With(slog.String("part", "cable")), cfg.Registry
	s.web = web.New(web.Config{
		Bus: s.bus, Cable: cableConfig, Assets: files, Secret: cfg.Secret, Region: cfg.Region,
		Origins: cfg.Origins, EmbedOrigins: cfg.EmbedOrigins, AddressHeader: cfg.AddressHeader, FramePort: cfg.FramePort,
		APIToken: cfg.APIToken, APIRate: cfg.APIRate, DrainTimeout: cfg.StopTimeout * 9 / 10,
		Logger: cfg.Logger.With(slog.String("part", "web")), Registerer: cfg.Registry,
	})
	s.admin = web.NewAdmin(web.AdminConfig{Gatherer: cfg.Registry, Ready: s.Ready, Bus: s.bus, Features: s.featureStates})
	s.bus.StyleChanged(s.web.FeaturesChanged(nil))
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	var errPublic, errPrivate error
	s.public, errPublic = net.Listen("tcp", s.cfg.Listen)
	s.private, errPrivate = net.Listen("tcp", s.cfg.Admin)
	if err := errors.Join(wrap("listen", s.cfg.Listen, errPublic), wrap("admin", s.cfg.Admin, errPrivate)); err != nil {
		s.Close()
		return err
	}
	return nil
}

// wrap names the setting that an address belongs to.
func wrap(setting, address string, err error) error {
	if err == nil {
		return nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // "bind: address already in use", without the address again
	}
	return fmt.Errorf("--%s is %q: %w", setting, address, err)
}

// Close gives the addresses back. It may be called twice, and after Run.
func (s *Server) Close() {
	for _, ln := range []net.Listener{s.public, s.private} {
		if ln != nil {
			_ = ln.Close() // closed by Run already, perhaps
		}
	}
}

// Addr and AdminAddr return the addresses that the server has taken.
func (s *Server) Addr() net.Addr { return s.public.Addr() }

// AdminAddr is Addr for the admin side.
func (s *Server) AdminAddr() net.Addr { return s.private.Addr() }

// Run serves until ctx ends, then stops part by part.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.stopping.Store(true) })()
	err := runStages(ctx, s.cfg.StopTimeout,
		stage{name: "admin", run: func(ctx context.Context) error { return s.admin.Run(ctx, s.private) }},
		stage{name: "engine", run: s.cfg.Engine.Run, started: warm(s.cfg.Engine.Ready)},
		stage{name: "bus", run: s.bus.Run},
		stage{name: "features", run: s.runFeatures, started: warm(s.bus.Ready)},
		stage{name: "web", run: func(ctx context.Context) error {
			s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("url", URL(s.Addr())),
				slog.String("admin", URL(s.AdminAddr())), slog.String("region", s.cfg.Region))
			return s.web.Run(ctx, s.public)
		}},
	)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return err
}

// warm waits for a part to be ready, at the latest until warmUp is over.
func warm(ready func() error) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, warmUp)
		defer cancel()
		await(ctx, ready)
	}
}

// AwaitReady returns when Ready returns nil, or at the end of ctx.
func (s *Server) AwaitReady(ctx context.Context) { await(ctx, s.Ready) }

// await returns when a part is ready, or at the end of ctx.
func await(ctx context.Context, ready func() error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ready() != nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ready returns nil when this binary wants new people: it is up and not stopping.
// Otherwise it says what is missing.
func (s *Server) Ready() error {
	if s.stopping.Load() {
		return errors.New("stopping")
	}
	return s.bus.Ready()
}

// Do has an event happen as if it came from a page, and returns when what it changed
// can be seen in this region.
func (s *Server) Do(ctx context.Context, req bus.Request) bus.Outcome { return s.bus.Do(ctx, req) }

// URL returns the address that a person on this machine types for a.
func URL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && (ip == nil || ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// broadcaster hands the bus's messages to the sockets.
type broadcaster struct{ s *Server }

func (b broadcaster) Broadcast(room, feature string, a plugins.Audience, key string, message []byte) {
	b.s.web.Cable().BroadcastLatest(cable.Stream{Room: room, Feature: feature, User: a.User, Session: a.Session}, key, message)
}

// handler hands what sessions ask to the bus.
type handler struct{ bus *bus.Bus }

func (h handler) Join(s *cable.Session, room string) error { return h.bus.Join(room, s.Person()) }

func (h handler) Leave(s *cable.Session, room string) { h.bus.Leave(room, s.ID()) }

func (h handler) Follow(room, feature string) { h.bus.Follow(room, feature) }

func (h handler) Unfollow(room, feature string) { h.bus.Unfollow(room, feature) }

func (h handler) Event(s *cable.Session, room string, e cable.Event, done func(cable.Ack)) {
	req := bus.Request{ID: e.ID, Room: room, Target: e.Target, Fields: e.Fields, Person: s.Person()}
	h.bus.Dispatch(req, func(o bus.Outcome) {
		done(cable.Ack{Status: cable.Status(o.Status), Sentence: o.Sentence, RetryAfter: o.RetryAfter})
	})
}

func (h handler) Shows(feature string) bool { return h.bus.Knows(feature) }

func (h handler) Passing(target string) bool { return h.bus.Passing(target) }

func (h handler) Sync(s *cable.Session, room string, shown cable.Shown, reply func(ops ...dom.Operation)) {
	if shown.Revs != nil {
		h.bus.Sync(room, shown.Feature, s.Person(), shown.Revs, reply)
	}
	h.bus.SyncBoards(room, shown.Boards, reply)
}
