package cable

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/global-presence/presence/plugins"
)

const (
	// endTimeout is how long a session that is ended has to take its last frames,
	// and linger how long to close. Until then the socket is read: a peer may be
	// stuck in writing, and closing with bytes unread would reset the connection,
	// and the reason would be lost.
	endTimeout = time.Second
	linger     = 2 * time.Second
)

// Session is one open tab. It is made by the Server; its methods may be called at
// any time, also after it has ended.
type Session struct {
	server  *Server
	person  plugins.Person
	address string

	writers sync.WaitGroup
	write   func()       // drainOutbox, bound once so that starting it allocates nothing
	heard   atomic.Int64 // Server.age at the last frame
	reading atomic.Int64 // Server.age at the beginning of a frame that is being read, or 0

	turn sync.Mutex // held during each call of the Handler, so that they come one after the other

	// Of the reading goroutine alone.
	events    bucket
	visits    bucket // rooms joined anew
	syncs     bucket
	malformed bucket
	frames    window
	rooms     map[string]int // subscriptions by room that was joined, 0 for one that was left

	// Of the wheel, guarded by wheel.mu.
	slot, place int

	mu     sync.Mutex
	net    net.Conn        // nil before and after the connection is ours; guarded by mu
	outbox outbox          // guarded by mu
	active bool            // a goroutine of writers is at work; guarded by mu
	subs   []*subscription // in the order of their subscribe; guarded by mu
	ended  string          // the reason, "" while open; guarded by mu
}

// ID names the session: 16 characters of lower-case base32.
func (s *Session) ID() string { return s.person.Session }

// Person is who has the tab open. Its Session is ID.
func (s *Session) Person() plugins.Person { return s.person }

// Address is where it connects from, as Config.Address told.
func (s *Session) Address() string { return s.address }

func newSession(server *Server, person plugins.Person, address string) *Session {
	id := make([]byte, 10)
	_, _ = rand.Read(id) // never fails
	s := &Session{
		server: server,
		person: plugins.Person{
			User:    strings.Clone(person.User),
			Session: strings.ToLower(base32.StdEncoding.EncodeToString(id)),
			Region:  strings.Clone(person.Region),
			Edge:    strings.Clone(person.Edge),
		},
		address: strings.Clone(address),
		rooms:   map[string]int{},
	}
	s.write = s.drainOutbox
	return s
}

// open makes the session use a connection.
func (s *Session) open(ws *websocket.Conn) {
	s.heard.Store(s.server.age(time.Now()))
	ws.SetPingHandler(func(data string) error {
		if !s.hear() {
			return errFlood
		}
		s.send(encode(opPong, []byte(data)))
		return nil
	})
	ws.SetPongHandler(func(string) error {
		if !s.hear() {
			return errFlood
		}
		return nil
	})
	ws.SetCloseHandler(func(int, string) error { return nil }) // close answers through the outbox
	s.mu.Lock()
	defer s.mu.Unlock()
	s.net = ws.NetConn()
}

var (
	errFlood    = errors.New("too many frames")
	errTooLarge = errors.New("frame too large")
)

// hear notes a sign of life. It is false when there are too many of them.
func (s *Session) hear() bool {
	now := time.Now()
	s.heard.Store(s.server.age(now))
	return !s.frames.exceeds(s.server.floodLimit, now)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// read handles what the browser sends until the connection or the session ends.
func (s *Session) read(ws *websocket.Conn) {
	for s.readFrame(ws) {
	}
}

func (s *Session) readFrame(ws *websocket.Conn) bool {
	kind, r, err := ws.NextReader()
	if err != nil {
		s.endOfRead(err)
		return false
	}
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= 16<<10 { // large ones are rare: let them go
			buffers.Put(buf)
		}
	}()
	s.reading.Store(s.server.age(time.Now()))
	*buf, err = readAtMost(r, (*buf)[:0], s.server.cfg.MaxFrame)
	s.reading.Store(0)
	if err != nil {
		s.endOfRead(err)
		return false
	}
	if !s.hear() {
		s.endOfRead(errFlood)
		return false
	}
	if kind != websocket.TextMessage {
		return s.refuse("binary")
	}
	return s.handle(*buf)
}

// readAtMost reads all of r into buf; more than most bytes are errTooLarge.
func readAtMost(r io.Reader, buf []byte, most int) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > most:
			return buf, errTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// endOfRead ends the session for the reason that reading has ended.
func (s *Session) endOfRead(err error) {
	closed, isClosed := errors.AsType[*websocket.CloseError](err)
	_, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errFlood):
		s.server.metrics.refused.WithLabelValues(reasonFlood).Inc()
		s.end(reasonFlood, closePolicy, disconnectFrame(reasonFlood, false))
	case errors.Is(err, errTooLarge), errors.Is(err, websocket.ErrReadLimit):
		s.server.metrics.refused.WithLabelValues(reasonTooLarge).Inc()
		s.end(reasonTooLarge, closePolicy, disconnectFrame(reasonTooLarge, false))
	case isClosed && closed.Code != websocket.CloseAbnormalClosure:
		s.end(reasonLeft, closeNormal, nil)
	case isClosed, isNet, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		s.end(reasonLost, 0, nil)
	default: // the reader has sent a close frame
		s.server.metrics.refused.WithLabelValues(reasonProtocol).Inc()
		s.end(reasonProtocol, 0, nil)
	}
}

// refuse counts a frame that is no command. It is false when there were too many.
func (s *Session) refuse(why string) bool {
	s.server.metrics.refused.WithLabelValues(why).Inc()
	if _, ok := s.malformed.take(limit{rate: 1.0 / 60, burst: maxMalformed}, time.Now()); ok {
		return true
	}
	s.end(reasonInvalid, closePolicy, disconnectFrame(reasonInvalid, false))
	return false
}

// send puts a frame in the outbox.
func (s *Session) send(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(frame)
}

// enqueue puts a frame in the outbox and reports whether it has. s.mu is held.
func (s *Session) enqueue(frame []byte) bool {
	if s.ended != "" {
		return false
	}
	if !s.outbox.fits(frame, s.server.cfg.Outbox, s.server.cfg.OutboxBytes) {
		s.server.metrics.overflows.Inc()
		s.outbox.drop()
		s.endLocked(reasonTooSlow, closePolicy, disconnectFrame(reasonTooSlow, true))
		return false
	}
	s.outbox.push(frame)
	s.startWriter()
	return true
}

// startWriter sees to it that somebody writes. A goroutine is started when frames
// wait and ends when none do, so that an idle session has no stack for it. s.mu is
// held, which keeps writers from being waited for at the same moment: by then the
// session has ended.
func (s *Session) startWriter() {
	if !s.active && s.net != nil {
		s.active = true
		s.writers.Add(1)
		go s.write()
	}
}

// drainOutbox writes until nothing waits.
func (s *Session) drainOutbox() {
	defer s.writers.Done()
	for {
		s.mu.Lock()
		if s.outbox.len() == 0 {
			s.active = false
			s.mu.Unlock()
			return
		}
		frame, chunk := s.outbox.pop()
		conn := s.net
		if s.ended == "" { // otherwise end has set a nearer one
			_ = conn.SetWriteDeadline(time.Now().Add(s.server.cfg.WriteTimeout)) // a write would fail as well
		}
		s.mu.Unlock()
		_, err := conn.Write(frame)
		if chunk != nil {
			chunks.Put(chunk)
		}
		if err != nil {
			s.mu.Lock()
			s.outbox.drop() // what was cut in the middle cannot go on
			s.endLocked(reasonWrite, 0, nil)
			s.active = false
			s.mu.Unlock()
			return
		}
	}
}

// end ends an open session, with a last frame unless it is nil and a close frame
// unless code is 0, and reports whether it was open. It does not wait: the reading
// goroutine wakes, cleans up and closes.
func (s *Session) end(reason string, code uint16, last []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(reason, code, last)
}

func (s *Session) endLocked(reason string, code uint16, last []byte) bool {
	if s.ended != "" {
		return false
	}
	s.ended = reason
	if s.net == nil {
		return true
	}
	if last != nil {
		s.outbox.push(last)
	}
	if code != 0 {
		s.outbox.push(closeFrame(code))
	}
	if s.outbox.len() > 0 {
		s.startWriter()
	}
	// Wake the reader, and a writer that waits for the browser. Errors mean that
	// the connection is gone, which both will see.
	now := time.Now()
	_ = s.net.SetReadDeadline(now)
	_ = s.net.SetWriteDeadline(now.Add(min(endTimeout, s.server.cfg.WriteTimeout)))
	return true
}

// finish reads what is still coming until the peer closes or its time is up, waits
// until the last frames are written, and gives the connection back: nobody uses it
// afterwards.
func (s *Session) finish() (reason string) {
	s.end(reasonPanic, closeGoingAway, disconnectFrame(reasonRestart, true)) // only if a panic has brought us here
	s.mu.Lock()
	conn, reason := s.net, s.ended
	s.mu.Unlock()
	switch reason {
	case reasonLost, reasonWrite, reasonLeft: // nothing more to read
	default:
		_ = conn.SetReadDeadline(time.Now().Add(linger))
		s.readOut(conn)
	}
	s.writers.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.net = nil
	s.outbox.drop()
	return reason
}

// readOut reads what is still coming until the peer says that it closes too, as
// browsers do at once and then wait for us, or does close, or its time is up.
func (s *Session) readOut(conn net.Conn) {
	buf := make([]byte, 1024)
	for left := max(1<<20, s.server.cfg.MaxFrame); left > 0; {
		n, err := conn.Read(buf)
		if left -= n; err != nil || endsWithClose(buf[:n]) {
			return
		}
	}
}

// endsWithClose reports whether b ends like a close frame of a browser, which is the
// last that it sends. Where frames begin is not known any more; taking something
// else for one closes a little early, no more.
func endsWithClose(b []byte) bool {
	for n := 0; n <= maxControl && len(b) >= n+6; n++ { // two bytes, four of the mask, n
		if at := b[len(b)-n-6:]; at[0] == 0x80|opClose && at[1] == 0x80|byte(n) {
			return true
		}
	}
	return false
}
