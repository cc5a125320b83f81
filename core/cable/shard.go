package cable

import (
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// slice is how many sessions a shard writes to before it looks at what else waits:
	// about a millisecond's work, which is how long a lone frame may wait for a
	// broadcast to thousands.
	slice = 256

	// mostJobs is how many jobs may wait for a shard, and mostLogged how many frames
	// may be on their way to the members of its parts, before those who broadcast wait.
	mostJobs   = 4096
	mostLogged = 4096

	// mostJobBytes is how many bytes of messages to rooms may be in either.
	mostJobBytes = 8 << 20

	// joinMost is how many bytes of frames go into one write of a shard.
	joinMost = 64 << 10
)

// shard writes to a part of all sessions. Whatever a session is sent passes through
// the jobs of its shard, so that its order is theirs. The shard's goroutine is started
// when jobs wait and ends when there is nothing more to write.
type shard struct {
	server *Server
	index  int // among the server's

	mu       sync.Mutex
	jobs     []job     // guarded by mu
	jobBytes int       // of those to parts; guarded by mu
	working  bool      // the goroutine is there; guarded by mu
	taken    sync.Cond // jobs were taken; of mu

	// Of the goroutine alone.
	spare       []job
	dirty       parts      // some of whose members are behind, the longest waiting first
	ready       []*Session // whose outbox is to be written
	pings       []job      // those that are not written to all of their sessions
	logged      int        // frames in the logs of dirty
	loggedBytes int
	joint       joint
	joined      []byte           // frames of one outbox
	try         func(fd uintptr) // attempt, bound once so that a write allocates nothing
	out         []byte           // what attempt writes
	wrote       int              // and what came of it
	writeErr    error
}

// job is something for a shard to do. Which fields are set depends on what.
type job struct {
	what     jobKind
	counts   bool // toSession: it comes from a broadcast
	part     *part
	sub      *subscription
	session  *Session
	sessions []*Session
	frame    frame
}

type jobKind uint8

const (
	toPart    jobKind = iota // frame for all members of part
	toSession                // frame for session
	toJoin                   // sub becomes a member of part, frame is its confirm
	toLeave                  // sub leaves part
	toPing                   // frame for all of sessions, in no order with others
	toEnd                    // frame is the last of session; empty for none
)

func newShard(server *Server, index int) *shard {
	d := &shard{server: server, index: index}
	d.taken.L = &d.mu
	d.try = d.attempt
	return d
}

// put adds a job. It never waits.
func (d *shard) put(j job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.jobs = append(d.jobs, j)
	if j.what == toPart {
		d.jobBytes += len(j.frame.bytes)
	}
	if !d.working {
		d.working = true
		go d.work()
	}
}

// await waits until there is place for a message to a room. What it waits for is
// this process's own work, never a browser's.
func (d *shard) await() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.jobs) >= mostJobs || d.jobBytes >= mostJobBytes {
		d.taken.Wait()
	}
}

func (d *shard) work() {
	for {
		d.mu.Lock()
		if len(d.jobs) == 0 && d.dirty.len() == 0 && len(d.ready) == 0 && len(d.pings) == 0 {
			d.working = false
			d.mu.Unlock()
			return
		}
		var jobs []job
		if d.logged < mostLogged && d.loggedBytes < mostJobBytes {
			jobs, d.jobs, d.jobBytes = d.jobs, d.spare, 0
			d.spare = nil
			d.taken.Broadcast()
		}
		d.mu.Unlock()
		if jobs != nil {
			for i := range jobs {
				d.do(&jobs[i])
			}
			if cap(jobs) <= mostJobs {
				clear(jobs)
				d.spare = jobs[:0]
			}
		}
		d.writeReady()
		d.writeDirty()
		d.writePings()
	}
}

func (d *shard) do(j *job) {
	switch j.what {
	case toPart:
		d.log(j.part, j.frame)
	case toSession:
		if j.counts {
			d.server.metrics.deliveries.Inc()
		}
		d.catchUp(j.session)
		d.queue(j.session, j.frame, true)
	case toJoin:
		d.enter(j.sub)
		d.queue(j.sub.session, j.frame, true)
	case toLeave:
		d.leave(j.sub)
	case toPing:
		d.pings = append(d.pings, *j)
	case toEnd:
		d.catchUp(j.session)
		d.end(j.session, j.frame)
	}
}

// queue puts a frame in a session's outbox, to be written in this round. own says
// that it was counted in Session.queued.
func (d *shard) queue(s *Session, f frame, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own {
		s.queued--
	}
	if s.accept(f) && !s.active && !s.ready {
		s.ready = true
		d.ready = append(d.ready, s)
	}
}

// writePings writes pings, to a slice of sessions.
func (d *shard) writePings() {
	for left := slice; left > 0 && len(d.pings) > 0; {
		p := &d.pings[0]
		n := min(left, len(p.sessions))
		for _, s := range p.sessions[:n] {
			d.ping(s, p.frame)
		}
		left -= n
		if p.sessions = p.sessions[n:]; len(p.sessions) == 0 {
			d.pings = slices.Delete(d.pings, 0, 1)
		}
	}
}

// ping writes a frame for which no order counts.
func (d *shard) ping(s *Session, f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.raw == nil || s.active || s.ready || s.closing:
		if s.accept(f) && !s.active && !s.ready {
			s.ready = true
			d.ready = append(d.ready, s)
		}
	default:
		d.write(s, f.bytes, f)
	}
}

// end queues the last frame of a session, after which it takes none.
func (d *shard) end(s *Session, last frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.writers.Done()
	if s.closing {
		return
	}
	s.closing = true
	if len(last.bytes) > 0 {
		s.outbox.push(last)
	}
	if s.net != nil && s.outbox.len() > 0 && !s.active {
		s.extend()
		d.writeOutbox(s)
	}
}

// writeReady writes what sessions have in their outboxes, of a slice of them.
func (d *shard) writeReady() {
	n := min(len(d.ready), slice)
	for _, s := range d.ready[:n] {
		s.mu.Lock()
		s.ready = false
		if s.outbox.len() > 0 && !s.active && s.net != nil {
			d.writeOutbox(s)
		}
		s.mu.Unlock()
	}
	rest := copy(d.ready, d.ready[n:])
	clear(d.ready[rest:])
	if d.ready = d.ready[:rest]; rest == 0 && cap(d.ready) > 4*slice {
		d.ready = nil
	}
}

// writeOutbox writes a session's outbox as far as the connection takes it at once; a
// goroutine of the session's own does the rest. s.mu is held.
func (d *shard) writeOutbox(s *Session) {
	if s.raw == nil {
		s.startWriter()
		return
	}
	o := &s.outbox
	for o.len() > 0 && !s.active {
		b := d.join(o.frames[o.head:])
		n, err := d.writeNow(s.raw, b)
		if err != nil {
			s.fail(reasonWrite)
			return
		}
		short := n < len(b)
		for n > 0 {
			head := o.take()
			if n < len(head) { // cut, so that it must go on
				s.rest = head[n:]
				n = len(head)
			}
			n -= len(head)
		}
		if short {
			s.startWriter()
		}
	}
}

// join returns the bytes of as many frames, one at least, as go into one write.
func (d *shard) join(frames []frame) []byte {
	if len(frames) == 1 || len(frames[0].bytes) > joinMost {
		return frames[0].bytes
	}
	d.joined = d.joined[:0]
	for _, f := range frames {
		if len(d.joined)+len(f.bytes) > joinMost {
			break
		}
		d.joined = append(d.joined, f.bytes...)
	}
	return d.joined
}

// write writes b, the bytes of frames, with one system call that does not wait. What
// the connection does not take goes to the session's outbox, and a goroutine of its
// own. s.mu is held, nothing of the session waits, and s.raw is not nil.
func (d *shard) write(s *Session, b []byte, frames ...frame) {
	n, err := d.writeNow(s.raw, b)
	switch {
	case err != nil:
		s.fail(reasonWrite)
		return
	case n == len(b):
		return
	}
	for _, f := range frames {
		switch {
		case n >= len(f.bytes):
			n -= len(f.bytes)
		case n > 0: // cut, so that it must go on
			s.rest, n = f.bytes[n:], 0
		default:
			s.accept(f)
		}
	}
	s.startWriter()
}

// writeNow returns how much of b the connection has taken. A connection that is full
// is no error.
func (d *shard) writeNow(raw syscall.RawConn, b []byte) (int, error) {
	d.out, d.wrote, d.writeErr = b, 0, nil
	err := raw.Control(d.try)
	d.out = nil
	if err == nil {
		err = d.writeErr
	}
	return d.wrote, err
}

func (d *shard) attempt(fd uintptr) { d.wrote, d.writeErr = writeFD(fd, d.out) }

// extend gives a session that has ended its last moments to write.
func (s *Session) extend() {
	_ = s.net.SetWriteDeadline(time.Now().Add(min(endTimeout, s.server.cfg.WriteTimeout)))
}
