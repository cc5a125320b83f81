package cable

import (
	"time"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/plugins"
)

// Serve runs a session on a connection that was upgraded elsewhere, as Handler
// does, so that tests can use connections and clocks of their own.
func (s *Server) Serve(ws *websocket.Conn, person plugins.Person, address string, deflate bool) {
	session := newSession(s, person, address)
	session.deflate = deflate
	s.serve(ws.NetConn(), nil, admission{session: session, authorized: true, speaks: true})
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

// AcceptDeflate is acceptDeflate.
var AcceptDeflate = acceptDeflate

// MaxFinal is how many blocks of a compressed message may be the last.
const MaxFinal = maxFinal

// Compress returns what a message to an identifier is sent as, whole and compressed; the
// latter is nil if it would not be smaller.
func (s *Server) Compress(identifier string, message []byte) (plain, deflated []byte) {
	prefix := dataPrefix(identifier)
	if b := s.compressor.compress(message); b != nil {
		deflated = deflatedFrame(prefix, b)
	}
	return dataFrame(prefix, message), deflated
}

// Slice is how many sessions are written to before something else has its turn.
const Slice = slice

// MostJobs is how many messages may wait before those who broadcast do.
const MostJobs = mostJobs
