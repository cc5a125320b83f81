package cable

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Server keeps the sessions of one process.
type Server struct {
	cfg        Config
	log        *slog.Logger
	metrics    *metrics
	streams    *streams
	wheel      *wheel
	addresses  *addresses
	start      time.Time // what age counts from; only its monotonic reading matters
	eventLimit limit
	visitLimit limit // of rooms joined anew, and of syncs
	floodLimit int   // frames a second
	upgrade    fiber.Handler
}

// local is where the upgrade finds the session.
const local = "cable.session"

// New returns a Server that does nothing yet. It panics without Handler or
// Authenticate, which is a bug in the line that calls it.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:        cfg,
		log:        cfg.Logger,
		metrics:    newMetrics(cfg.Registerer, cfg.Logger),
		streams:    newStreams(cfg.MaxSessions),
		start:      time.Now(),
		wheel:      newWheel(cfg.PingInterval),
		addresses:  newAddresses(limit{rate: cfg.AddressRate, burst: float64(cfg.AddressBurst)}),
		eventLimit: limit{rate: cfg.EventRate, burst: float64(cfg.EventBurst)},
		visitLimit: limit{rate: visitRate, burst: float64(visitBurst * cfg.MaxSubscriptions)},
		floodLimit: int(floodFactor * max(cfg.EventRate, float64(cfg.EventBurst))),
	}
	s.upgrade = contrib.New(func(c *contrib.Conn) {
		a := c.Locals(local).(admission)
		s.serve(c.Conn, a.session, a.authorized)
	}, contrib.Config{
		Subprotocols:    []string{subprotocol, unsupported},
		ReadBufferSize:  512, // most events fit; larger ones are read past it
		WriteBufferPool: &sync.Pool{},
		// What serve defers has cleaned up by now. The default would tell the
		// browser what the panic said.
		RecoverHandler: func(*contrib.Conn) {
			if r := recover(); r != nil {
				s.log.Error("session panicked", slog.Any("err", r), slog.String("stack", string(debug.Stack())))
			}
		},
	})
	return s
}

// admission is what is known of a connection before it is upgraded.
type admission struct {
	session    *Session
	authorized bool
}

// Handler returns the endpoint of the WebSocket. It refuses with HTTP 426 what is
// no WebSocket, with 403 a foreign origin, with 400 a client that does not speak
// ActionCable, and with 503 everybody once the server is stopping.
func (s *Server) Handler() fiber.Handler {
	return func(c *fiber.Ctx) error {
		refuse := func(reason string, err *fiber.Error) error {
			s.metrics.handshakes.WithLabelValues(reason).Inc()
			return err
		}
		offered := c.Get(fiber.HeaderSecWebSocketProtocol)
		switch {
		case !contrib.IsWebSocketUpgrade(c):
			return refuse("no_websocket", fiber.ErrUpgradeRequired)
		case !s.cfg.CheckOrigin(c):
			return refuse("origin", fiber.ErrForbidden)
		case !offers(offered, subprotocol) && !offers(offered, unsupported):
			return refuse("protocol", fiber.NewError(fiber.StatusBadRequest, "want sub-protocol "+subprotocol))
		case s.streams.isClosed():
			return refuse("stopping", fiber.ErrServiceUnavailable)
		}
		person, authorized := s.cfg.Authenticate(c)
		session := newSession(s, person, s.cfg.Address(c))
		c.Locals(local, admission{session, authorized})

		// The upgrade keeps a copy of every header and cookie for as long as the
		// connection lives, and nobody reads them.
		trim(&c.Request().Header)
		return s.upgrade(c)
	}
}

// trim leaves of a request's headers what the upgrade looks at.
func trim(h *fasthttp.RequestHeader) {
	var rest []string
	h.VisitAll(func(key, _ []byte) {
		switch k := string(key); k {
		case fiber.HeaderConnection, fiber.HeaderUpgrade, fiber.HeaderHost:
		default:
			if !strings.HasPrefix(strings.ToLower(k), "sec-websocket-") {
				rest = append(rest, k)
			}
		}
	})
	h.DelAllCookies()
	for _, k := range rest {
		h.Del(k)
	}
}

// offers reports whether a client's list of sub-protocols has one.
func offers(list, name string) bool {
	for p := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(p) == name {
			return true
		}
	}
	return false
}

// serve is a session's life. It returns when nobody uses the connection any more.
func (s *Server) serve(ws *websocket.Conn, session *Session, authorized bool) {
	start, known := time.Now(), false
	session.open(ws)
	defer func() {
		reason := session.finish()
		s.metrics.closed.WithLabelValues(reason).Inc()
		s.log.LogAttrs(context.Background(), level(reason), "session ended", slog.String("session", session.ID()),
			slog.String("reason", reason), slog.Duration("took", time.Since(start)))
		if known { // last, since Run and Drain wait for it
			s.metrics.sessions.Dec()
			s.streams.remove(session)
		}
	}()
	switch {
	case ws.Subprotocol() != subprotocol:
		session.end(reasonNoProtocol, closePolicy, nil)
		return
	case !authorized:
		session.end(reasonUnauthorized, closePolicy, disconnectFrame(reasonUnauthorized, false))
		return
	}
	switch s.streams.add(session) {
	case reasonRestart:
		session.restart()
		return
	case reasonSessions:
		session.end(reasonSessions, closePolicy, disconnectFrame(reasonSessions, true))
		return
	}
	known = true
	s.metrics.sessions.Inc()
	session.send(welcomeFrame())
	s.wheel.add(session)
	defer func() {
		s.wheel.remove(session)
		session.unsubscribeAll()
	}()
	session.read(ws)
}

// level is Warn for an end that tells of something wrong here or there.
func level(reason string) slog.Level {
	switch reason {
	case reasonLeft, reasonLost, reasonWrite, reasonRestart, reasonUnauthorized, reasonNoProtocol:
		return slog.LevelDebug
	default:
		return slog.LevelWarn
	}
}

// restart ends a session of a server that stops.
func (s *Session) restart() bool {
	return s.end(reasonRestart, closeGoingAway, disconnectFrame(reasonRestart, true))
}

// Broadcast puts a message in the outboxes of all who follow a stream; a stream
// that nobody follows is fine. The message is JSON, as dom.Message makes it, and is
// copied. Broadcast never blocks on a browser and may be called at any time from
// any goroutine.
func (s *Server) Broadcast(stream Stream, message []byte) {
	s.metrics.deliveries.Add(float64(s.streams.broadcast(stream, message)))
}

// Allow counts one event against an address's budget, AddressRate and
// AddressBurst, as the events of its sessions are. It is for what comes by another
// way, such as a posted form. False means too many, and wait how long until there
// is room for one. It may be called at any time from any goroutine.
func (s *Server) Allow(address string) (wait time.Duration, ok bool) {
	return s.addresses.take(address, time.Now())
}

// age is the time since New in nanoseconds, never 0. The wall clock may be set
// meanwhile: t comes from time.Now or a Ticker, and its monotonic reading counts.
func (s *Server) age(t time.Time) int64 { return max(1, int64(t.Sub(s.start))) }

// Run pings sessions and closes those whose peer is gone, until ctx ends. Then it
// ends all that are left, lets no more in, and returns nil when the last one has
// gone. It is called once.
func (s *Server) Run(ctx context.Context) error {
	forgot := time.Now()
	s.wheel.run(ctx, s.cfg.PeerTimeout, func(now time.Time) {
		if now.Sub(forgot) >= time.Second {
			forgot = now
			s.addresses.forget(now)
		}
	})
	for _, session := range s.streams.close() {
		session.restart()
	}
	<-s.streams.empty
	return nil
}

// Drain lets no session in any more and ends the others, DrainRate a second, with
// an invitation to connect again. It returns nil when all have gone, or an error
// when ctx ends before; the sessions not reached then stay.
func (s *Server) Drain(ctx context.Context) error {
	sessions := s.streams.close()
	s.log.Info("draining", slog.Int("sessions", len(sessions)))
	start, ended := time.Now(), 0
	t := time.NewTimer(0)
	defer t.Stop()
	for _, session := range sessions {
		due := start.Add(time.Duration(float64(ended+1) / s.cfg.DrainRate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			t.Reset(wait)
			select {
			case <-ctx.Done():
				return fmt.Errorf("drain sessions: %w", context.Cause(ctx))
			case <-t.C:
			}
		}
		if session.restart() {
			ended++
		}
	}
	select {
	case <-s.streams.empty:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain sessions: %w", context.Cause(ctx))
	}
}
