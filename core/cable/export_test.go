package cable

import (
	"time"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/plugins"
)

// Serve runs a session on a connection that was upgraded elsewhere, as Handler
// does, so that tests can use connections and clocks of their own.
func (s *Server) Serve(ws *websocket.Conn, person plugins.Person, address string) {
	s.serve(ws.NetConn(), nil, admission{session: newSession(s, person, address), authorized: true, speaks: true})
}

// Handle gives a session without a connection a frame to handle.
func (s *Server) Handle(frame []byte) {
	session := newSession(s, plugins.Person{User: "u"}, "a")
	session.handle(frame)
	session.unsubscribeAll()
}

// Addresses says how many addresses are counted.
func (s *Server) Addresses() int {
	s.addresses.mu.Lock()
	defer s.addresses.mu.Unlock()
	return len(s.addresses.known)
}

// Rooms says how many rooms are known.
func (s *Server) Rooms() int {
	s.streams.mu.RLock()
	defer s.streams.mu.RUnlock()
	return len(s.streams.rooms)
}

// Visited says how many rooms a session remembers. It is for Handler.Join.
func (s *Session) Visited() int { return len(s.rooms) }

// Ping does what one tick of Run does.
func (s *Server) Ping(now time.Time) { s.wheel.ping(now, s.cfg.PeerTimeout) }

// MaxFragments, MaxMalformed, MaxIdentifier and MaxForeign are what a browser may send.
const (
	MaxFragments  = maxFragments
	MaxMalformed  = maxMalformed
	MaxIdentifier = maxIdentifier
	MaxForeign    = maxForeign
)

// EndsWithClose is endsWithClose.
var EndsWithClose = endsWithClose

// Slice is how many sessions are written to before something else has its turn.
const Slice = slice

// MostJobs is how many messages may wait before those who broadcast do.
const MostJobs = mostJobs
