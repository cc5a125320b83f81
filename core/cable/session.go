package cable

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/global-presence/presence/plugins"
)

const (
	// endTimeout is how long a session that is ended has to take its last frames,
	// and linger how long to close. Until then the socket is read: a peer may be
	// stuck in writing, and closing with bytes unread would reset the connection,
	// and the reason would be lost.
	endTimeout = time.Second
	linger     = 2 * time.Second

	// hush is how long nothing comes after what looks like the end of it.
	hush = 50 * time.Millisecond
)

// Session is one open tab. It is made by the Server; its methods may be called at
// any time, also after it has ended.
type Session struct {
	server  *Server
	person  plugins.Person
	address string

	shard   *shard
	writers sync.WaitGroup // the goroutine that writes, and the last frame on its way
	in      reader
	heard   atomic.Int64 // Server.age at the last frame
	reading atomic.Int64 // Server.age at the beginning of a frame that is being read, or 0

	turn sync.Mutex // held during each call of the Handler, so that they come one after the other

	// Of the reading goroutine alone.
	events    bucket
	passing   bucket // of events of which only the newest counts
	visits    bucket // rooms joined anew
	syncs     bucket
	malformed bucket
	frames    window
	rooms     map[string]int // subscriptions by room that was joined, 0 for one that was left

	// Of the wheel, guarded by wheel.mu.
	slot, place int

	following []*subscription // those that have joined their part; of the shard's goroutine

	mu      sync.Mutex
	net     net.Conn        // nil before and after the connection is ours; guarded by mu
	raw     syscall.RawConn // the socket of net; nil if there is none; guarded by mu
	queued  int             // frames for it alone among the shard's jobs; guarded by mu
	outbox  outbox          // guarded by mu
	rest    []byte          // of a frame that was cut, to be written before outbox; guarded by mu
	drain   func()          // drainOutbox; guarded by mu
	ready   bool            // among the shard's ready; guarded by mu
	active  bool            // a goroutine of writers is at work; guarded by mu
	subs    []*subscription // in the order of their subscribe; guarded by mu
	ended   string          // the reason, "" while open: nothing more is queued; guarded by mu
	closing bool            // the last frame has been written or is in outbox; guarded by mu

	deflate bool // messages may be compressed, in both directions; does not change
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
		shard:   server.nextShard(),
	}
	return s
}

// open makes the session use a connection. early is what was read of it already.
func (s *Session) open(conn net.Conn, early []byte) {
	s.heard.Store(s.server.age(time.Now()))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.net, s.raw = conn, rawOf(conn); s.raw != nil {
		boundUnsent(s.raw)
	}
	s.in = newReader(conn, s.raw, s.server.cfg.MaxFrame, s.deflate, s.begin, s.hear, early)
}

// begin notes that a frame has begun and more of it is to come.
func (s *Session) begin() {
	if s.reading.Load() == 0 {
		s.reading.Store(s.server.age(time.Now()))
	}
}

var (
	errFlood    = errors.New("too many frames")
	errTooLarge = errors.New("frame too large")
	errClosed   = errors.New("close frame")
)

// hear notes a sign of life that is worth so many frames. It is false when there are too
// many of them.
func (s *Session) hear(frames int) bool {
	now := time.Now()
	s.heard.Store(s.server.age(now))
	return !s.frames.exceeds(frames, s.server.floodLimit, now)
}

// read handles what the browser sends until the connection or the session ends.
func (s *Session) read() {
	for s.readFrame() {
	}
}

func (s *Session) readFrame() bool {
	defer s.in.release()
	opcode, payload, err := s.in.next()
	if s.in.opcode == 0 { // otherwise it came between the frames of a message
		s.reading.Store(0)
	}
	switch {
	case err != nil:
		s.endOfRead(err)
		return false
	case opcode == opText:
		return s.handle(payload)
	case opcode == opPing:
		s.send(encode(opPong, payload))
	case opcode == opBinary:
		return s.refuse("binary")
	}
	return true
}

// endOfRead ends the session for the reason that reading has ended.
func (s *Session) endOfRead(err error) {
	_, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errFlood):
		s.server.metrics.refused.WithLabelValues(reasonFlood).Inc()
		s.end(reasonFlood, closePolicy, disconnectFrame(reasonFlood, false))
	case errors.Is(err, errTooLarge):
		s.server.metrics.refused.WithLabelValues(reasonTooLarge).Inc()
		s.end(reasonTooLarge, closePolicy, disconnectFrame(reasonTooLarge, false))
	case errors.Is(err, errClosed):
		s.end(reasonLeft, closeNormal, nil)
	case isNet, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		s.end(reasonLost, 0, nil)
	default:
		s.server.metrics.refused.WithLabelValues(reasonProtocol).Inc()
		s.end(reasonProtocol, closeProtocol, nil)
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

// send sends a frame to the session alone.
func (s *Session) send(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.post(frame{bytes: b}, false)
}

// post gives a frame for the session alone to the shard. counts says that it is a
// broadcast's. s.mu is held.
func (s *Session) post(f frame, counts bool) {
	switch {
	case s.ended != "":
		return
	case s.queued >= queuedFactor*s.server.cfg.Outbox:
		s.tooSlow()
		return
	}
	s.queued++
	s.shard.put(job{what: toSession, session: s, counts: counts, frame: f})
}

// queuedFactor times Outbox is how many frames for one session may be among a shard's
// jobs. The shard takes them at the next opportunity, whatever the browser does, so
// this is only reached by who asks faster than it can.
const queuedFactor = 4

// accept puts a frame in the outbox and reports whether it has. It is called by the
// shard; s.mu is held.
func (s *Session) accept(f frame) bool {
	if s.closing {
		return false
	}
	if s.outbox.supersede(f) {
		s.server.metrics.superseded.Inc()
	}
	if !s.outbox.fits(f, s.server.cfg.Outbox, s.server.cfg.OutboxBytes) {
		s.tooSlow()
		return false
	}
	s.outbox.push(f)
	return true
}

// tooSlow ends a session whose outbox is full. s.mu is held.
func (s *Session) tooSlow() {
	s.outbox.drop()
	if s.ended != "" { // for another reason, of which it is to be told
		return
	}
	s.server.metrics.overflows.Inc()
	s.endLocked(reasonTooSlow, 0, nil)
	if s.net == nil {
		return
	}
	s.closing = true
	s.outbox.push(frame{bytes: append(disconnectFrame(reasonTooSlow, true), closeFrame(closePolicy)...)})
	s.startWriter()
}

// startWriter sees to it that somebody writes who may wait. The goroutine ends when
// nothing waits, so that an idle session has no stack for it. s.mu is held, which
// keeps writers from being waited for at the same moment: by then the session is
// closing.
func (s *Session) startWriter() {
	if !s.active && s.net != nil {
		if s.drain == nil {
			s.drain = s.drainOutbox // once, so that starting it allocates nothing
		}
		s.active = true
		s.writers.Add(1)
		go s.drain()
	}
}

// drainOutbox writes until nothing waits.
func (s *Session) drainOutbox() {
	defer s.writers.Done()
	for {
		s.mu.Lock()
		b, chunk := s.rest, (*[]byte)(nil)
		switch {
		case b != nil:
			s.rest = nil
		case s.outbox.len() > 0:
			b, chunk = s.outbox.pop()
		default:
			s.active = false
			s.mu.Unlock()
			return
		}
		conn := s.net
		if s.ended == "" { // otherwise end has set a nearer one
			_ = conn.SetWriteDeadline(time.Now().Add(s.server.cfg.WriteTimeout)) // a write would fail as well
		}
		s.mu.Unlock()
		_, err := conn.Write(b)
		if chunk != nil {
			chunks.Put(chunk)
		}
		if err != nil {
			s.mu.Lock()
			reason := reasonWrite
			if errors.Is(err, os.ErrDeadlineExceeded) {
				reason = reasonTooSlow
			}
			s.fail(reason)
			s.active = false
			s.mu.Unlock()
			return
		}
	}
}

// fail ends a session to which nothing can be written any more: what was cut in the
// middle cannot go on. s.mu is held.
func (s *Session) fail(reason string) {
	s.outbox.drop()
	s.rest = nil
	s.closing = true
	s.endLocked(reason, 0, nil)
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
	if code != 0 {
		last = append(last, closeFrame(code)...)
	}
	s.writers.Add(1)
	s.shard.put(job{what: toEnd, session: s, frame: frame{bytes: last}})
	// Wake the reader, and a writer that waits for the browser. Errors mean that
	// the connection is gone, which both will see.
	_ = s.net.SetReadDeadline(time.Now())
	s.extend()
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
	told := s.in.buffered() // of a peer that has closed already
	s.in.release()
	switch {
	case reason == reasonLost, reason == reasonWrite, reason == reasonLeft: // nothing more to read
	default:
		s.readOut(conn, endsWithClose(told))
	}
	s.writers.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.net, s.raw, s.closing = nil, nil, true
	s.outbox.drop()
	return reason
}

// readOut reads what is still coming until the peer says that it closes too, as
// browsers do at once and then wait for us, or does close, or its time is up. said is
// that it seems to have said so.
func (s *Session) readOut(conn net.Conn, said bool) {
	until := time.Now().Add(linger)
	buf := make([]byte, 1024)
	for left := max(1<<20, s.server.cfg.MaxFrame); left > 0; {
		by := until
		if now := time.Now(); said && now.Add(hush).Before(until) {
			by = now.Add(hush)
		}
		_ = conn.SetReadDeadline(by) // a read would fail as well
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		left -= n
		said = endsWithClose(buf[:n])
	}
}

// endsWithClose reports whether b ends like a close frame of a browser, which is the
// last that it sends. Where frames begin is not known any more, so that it may be
// something else, of one in some hundreds of payloads: then more follows.
func endsWithClose(b []byte) bool {
	for n := 0; n <= maxControl && len(b) >= n+6; n++ { // two bytes, four of the mask, n
		if at := b[len(b)-n-6:]; at[0] == 0x80|opClose && at[1] == 0x80|byte(n) {
			return true
		}
	}
	return false
}
