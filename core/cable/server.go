package cable

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	compressor *compressor
	wheel      *wheel
	addresses  *addresses
	pointers   *addresses // of passing events
	shards     []*shard
	sessions   atomic.Uint32 // made so far
	start      time.Time     // what age counts from; only its monotonic reading matters
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
	shards := make([]*shard, runtime.GOMAXPROCS(0))
	s := &Server{
		cfg:        cfg,
		shards:     shards,
		log:        cfg.Logger,
		metrics:    newMetrics(cfg.Registerer, cfg.Logger),
		start:      time.Now(),
		wheel:      newWheel(cfg.PingInterval, shards),
		addresses:  newAddresses(limit{rate: cfg.AddressRate, burst: float64(cfg.AddressBurst)}),
		pointers:   newAddresses(limit{rate: passingFactor * cfg.AddressRate, burst: passingFactor * float64(cfg.AddressBurst)}),
		eventLimit: limit{rate: cfg.EventRate, burst: float64(cfg.EventBurst)},
		visitLimit: limit{rate: visitRate, burst: float64(visitBurst * cfg.MaxSubscriptions)},
		floodLimit: int(floodFactor * max(cfg.EventRate, float64(cfg.EventBurst))),
	}
	s.compressor = newCompressor(cfg.Compress, len(shards), s.metrics)
	s.streams = newStreams(cfg.MaxSessions, shards, s.compressor)
	for i := range shards {
		shards[i] = newShard(s, i)
	}
	s.upgrade = contrib.New(func(c *contrib.Conn) {
		a := c.Locals(local).(admission)
		a.speaks = c.Subprotocol() == subprotocol
		conn, early := takeOver(c.NetConn())
		if a.kept {
			go s.serve(conn, early, a)
		} else {
			s.serve(conn, early, a)
		}
	}, contrib.Config{
		Subprotocols:    []string{subprotocol, unsupported},
		ReadBufferSize:  128, // nothing is read through it
		WriteBufferPool: &sync.Pool{},
		RecoverHandler:  func(*contrib.Conn) {}, // the default would tell the browser what a panic said
	})
	return s
}

// admission is what is known of a connection when its session begins.
type admission struct {
	session    *Session
	authorized bool
	speaks     bool // ActionCable
	kept       bool // the connection outlives the handler of the upgrade
}

// takeOver returns the connection below what an upgrade was given, and what was read
// of it already and nobody has looked at. What it was given holds buffers that go back
// when the handler of the upgrade returns.
func takeOver(conn net.Conn) (own net.Conn, early []byte) {
	hijacked, ok := conn.(interface{ UnsafeConn() net.Conn })
	if !ok {
		return conn, nil
	}
	own = hijacked.UnsafeConn()
	_ = own.SetReadDeadline(time.Unix(1, 0)) // so that nothing is read but what is there
	for b := make([]byte, 512); ; {
		n, err := conn.Read(b)
		if early = append(early, b[:n]...); err != nil || n == 0 {
			break
		}
	}
	_ = own.SetReadDeadline(time.Time{})
	return own, early
}

// nextShard returns the shards in turn.
func (s *Server) nextShard() *shard {
	return s.shards[int(s.sessions.Add(1))%len(s.shards)]
}

// Handler returns the endpoint of the WebSocket. It refuses with HTTP 426 what is
// no WebSocket, with 403 a foreign origin, with 400 a client that does not speak
// ActionCable, and with 503 everybody once the server is stopping.
//
// A session costs several times less memory if the app's [fasthttp.Server] has
// KeepHijackedConns: the buffers of its request are then free for others.
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
		extensions := ""
		if s.cfg.Compress > 0 {
			extensions = acceptDeflate(string(bytes.Join(c.Request().Header.PeekAll(extensionsHeader), []byte(","))))
		}
		session.deflate = extensions != ""
		c.Locals(local, admission{session: session, authorized: authorized, kept: c.App().Server().KeepHijackedConns})

		// The upgrade keeps a copy of every header and cookie for as long as the
		// connection lives, and nobody reads them.
		trim(&c.Request().Header)
		if err := s.upgrade(c); err != nil || extensions == "" {
			return err
		}
		c.Set(extensionsHeader, extensions) // not before: the upgrade refuses who has set it
		return nil
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

// serve is a session's life. It returns when nobody uses the connection any more, and
// has closed it.
func (s *Server) serve(conn net.Conn, early []byte, a admission) {
	session := a.session
	start, known := time.Now(), false
	session.open(conn, early)
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("session panicked", slog.Any("err", r), slog.String("stack", string(debug.Stack())))
		}
		reason := session.finish()
		_ = conn.Close()
		s.metrics.closed.WithLabelValues(reason).Inc()
		s.log.LogAttrs(context.Background(), level(reason), "session ended", slog.String("session", session.ID()),
			slog.String("reason", reason), slog.Duration("took", time.Since(start)))
		if known { // last, since Run and Drain wait for it
			s.metrics.sessions.Dec()
			s.streams.remove(session)
		}
	}()
	switch {
	case !a.speaks:
		session.end(reasonNoProtocol, closePolicy, nil)
		return
	case !a.authorized:
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
	session.read()
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

// Broadcast sends a message to all who follow a stream; a stream that nobody follows
// is fine. The message is JSON, as dom.Message makes it, and is copied. It may be
// called at any time from any goroutine. It never waits for a browser; a message to a
// room waits while thousands are on their way, until this process has written some.
func (s *Server) Broadcast(stream Stream, message []byte) { s.streams.broadcast(stream, "", message) }

// BroadcastLatest is Broadcast for a message that makes earlier ones of the same key to
// the same stream worthless, such as one that carries a fragment as a whole: a session
// to which one of those still waits to be written gets the new one instead. "" is no
// key.
func (s *Server) BroadcastLatest(stream Stream, key string, message []byte) {
	s.streams.broadcast(stream, key, message)
}

// Allow counts what costs as much as so many events against an address's budget,
// AddressRate and AddressBurst, as the events of its sessions are. It is for what comes
// by another way, such as a posted form. False means too many, and wait how long until
// there is room for it. It may be called at any time from any goroutine.
func (s *Server) Allow(address string, events int) (wait time.Duration, ok bool) {
	return s.addresses.take(address, min(float64(events), s.addresses.limit.burst), time.Now())
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
			s.pointers.forget(now)
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
