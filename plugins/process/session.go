package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
)

// errHung ends a session whose process is too slow, errStuck one whose process
// works on a call for ever.
var (
	errHung  = errors.New("feature missed too many deadlines in a row")
	errStuck = errors.New("feature did not answer a call in time")
)

// errRetired says that a call came after the process was asked to end, and that it does
// not know of it.
var errRetired = fmt.Errorf("%w: it ends", plugins.ErrUnavailable)

// session is the stream to one process: calls go out, answers come back.
type session struct {
	stream grpc.ClientStream
	ctx    context.Context // ends with the stream; its cause says why
	fail   context.CancelCauseFunc
	out    *outbox
	loops  sync.WaitGroup

	maxMissed int
	settled   time.Time // from when on the process may count as hung
	lastID    atomic.Uint64

	mu     sync.Mutex
	calls  map[uint64]*pending // by id; guarded by mu
	missed misses              // guarded by mu
}

// overdueAfter is how many timeouts a process may be late before it counts as hung. The
// machine may be busy, and to start the process again would cost it more than to wait.
const overdueAfter = 5

// maxSettling bounds how long a process that has just started counts as settling.
const maxSettling = 30 * time.Second

// pending is a call that the process has not answered yet.
type pending struct {
	answered chan []byte // of capacity 1; an Answer
	watch    *time.Timer // ends the session; nil while somebody waits; guarded by session.mu
}

// openSession opens the stream to a process whose start took that long: a machine that was
// busy then may be for as long again, and nothing counts as hung meanwhile. The session
// lives until ctx ends, fail is called, or the process goes away; close gives it back.
func openSession(ctx context.Context, conn *grpc.ClientConn, maxMissed int, took time.Duration) (*session, error) {
	ctx, fail := context.WithCancelCause(ctx)
	stream, err := carry(ctx, conn)
	if err != nil {
		fail(err)
		return nil, fmt.Errorf("open stream: %w", err)
	}
	s := &session{
		stream: stream, ctx: ctx, fail: fail, out: newOutbox(),
		maxMissed: maxMissed, settled: time.Now().Add(min(took, maxSettling)), calls: make(map[uint64]*pending),
	}
	s.loops.Go(s.write)
	s.loops.Go(s.read)
	return s, nil
}

// ask makes the process finish: it takes no new call, answers what it has and
// closes the stream, which ends the session.
func (s *session) ask() { s.out.close() }

// close ends the session and waits for its goroutines.
func (s *session) close() {
	s.fail(context.Canceled)
	s.loops.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.calls {
		if p.watch != nil {
			p.watch.Stop()
		}
	}
}

func (s *session) write() {
	// An error of the stream is told better by read, which sees its end.
	if s.out.run(s.ctx, s.stream.SendMsg) == nil {
		_ = s.stream.CloseSend()
	}
}

func (s *session) read() {
	for {
		var (
			r       received
			answers []wire.Answer
		)
		err := s.stream.RecvMsg(&r)
		if err == nil {
			answers, err = wire.ParseResponse(r)
		}
		if err != nil {
			s.fail(fmt.Errorf("stream broke: %w", err))
			return
		}
		for _, a := range answers {
			s.deliver(a)
		}
	}
}

// deliver hands an answer to whoever waits for it, if anybody still does.
func (s *session) deliver(a wire.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.calls[a.ID]
	if p == nil { // not asked for, or answered before
		return
	}
	delete(s.calls, a.ID)
	p.answered <- a.Body
	if p.watch != nil {
		p.watch.Stop()
	}
}

// call asks for something and waits for the answer, an Answer, at most for timeout, the
// end of ctx, or the end of the session. What the answer tells is for count to hear.
//
// The process has to answer even when nobody waits any more: a call that has no
// answer overdueAfter times the timeout after it began, and the timeout after it was
// given up, by whomever and why ever, ends the session of a process that has settled.
func (s *session) call(ctx context.Context, timeout time.Duration, kind wire.Kind, body []byte) (answer []byte, own bool, err error) {
	begun := time.Now()
	theirs, set := ctx.Deadline()
	own = !set || theirs.After(begun.Add(timeout)) // the host's deadline is the earlier one
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	id := s.lastID.Add(1)
	part := wire.Request(wire.Call{ID: id, RemainingMS: remaining(time.Until(deadline)), Kind: kind, Body: body})
	if err := checkSize(part); err != nil {
		return nil, own, fmt.Errorf("encode call: %w", err)
	}
	p := &pending{answered: make(chan []byte, 1)}
	s.mu.Lock()
	s.calls[id] = p
	s.mu.Unlock()
	if !s.out.put(part) {
		s.mu.Lock()
		delete(s.calls, id)
		s.mu.Unlock()
		return nil, own, errRetired
	}

	select {
	case a := <-p.answered:
		return a, own, nil
	case <-s.ctx.Done():
		select { // what was answered before the end counts
		case a := <-p.answered:
			return a, own, nil
		default:
		}
		return nil, own, fmt.Errorf("%w: %w", plugins.ErrUnavailable, context.Cause(s.ctx))
	case <-ctx.Done():
		select {
		case a := <-p.answered:
			return a, own, nil
		default:
		}
		s.giveUp(id, max(timeout, time.Until(begun.Add(overdueAfter*timeout)), time.Until(s.settled)))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			if own {
				s.miss(timeout)
			}
			return nil, own, wire.ErrLate
		}
		return nil, own, ctx.Err()
	}
}

// giveUp tells the process that nobody waits for an answer any more, and gives it
// the grace to send one all the same.
func (s *session) giveUp(id uint64, grace time.Duration) {
	s.mu.Lock()
	if p := s.calls[id]; p != nil { // else: it came just now
		p.watch = time.AfterFunc(grace, func() { s.overdue(id) })
	}
	s.mu.Unlock()
	s.out.put(wire.Cancel(id)) // one that ends answers all the same
}

// overdue ends the session if a call that was given up has no answer yet.
func (s *session) overdue(id uint64) {
	s.mu.Lock()
	stuck := s.calls[id] != nil
	s.mu.Unlock()
	if stuck {
		s.fail(errStuck)
	}
}

// count notes what an answer told. One in time ends a row of missed deadlines; one that
// says that the feature noticed the deadline itself is a missed one, and one that was
// cancelled tells nothing. own says that the deadline was the host's, and not a
// caller's in a hurry, so that missing it was the feature's fault.
func (s *session) count(timeout time.Duration, own bool, told error) {
	late := errors.Is(told, context.DeadlineExceeded)
	switch {
	case late && own:
		s.miss(timeout)
	case !late && !errors.Is(told, context.Canceled):
		s.mu.Lock()
		s.missed = misses{}
		s.mu.Unlock()
	}
}

// miss counts a missed deadline of a process that has settled, and ends the session at the
// last one in a row that may be missed.
func (s *session) miss(timeout time.Duration) {
	now := time.Now()
	if now.Before(s.settled) {
		return
	}
	s.mu.Lock()
	hung := s.missed.add(now, timeout, s.maxMissed)
	s.mu.Unlock()
	if hung {
		s.fail(errHung)
	}
}

// remaining is what a feature is told of a deadline: a tenth less, so that its
// answer in the last moment still arrives.
func remaining(d time.Duration) uint32 {
	return uint32(max(1, (d - d/10).Milliseconds()))
}
