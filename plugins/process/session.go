package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// errHung ends a session whose process is too slow, errStuck one whose process
// works on a call for ever.
var (
	errHung  = errors.New("feature missed too many deadlines in a row")
	errStuck = errors.New("feature did not answer a call in time")
)

// session is the stream to one process: calls go out, answers come back.
type session struct {
	stream pb.FeatureService_CarryClient
	ctx    context.Context // ends with the stream; its cause says why
	fail   context.CancelCauseFunc
	out    *outbox
	loops  sync.WaitGroup

	maxMissed int64
	missed    atomic.Int64 // deadlines in a row
	lastID    atomic.Uint64

	mu    sync.Mutex
	calls map[uint64]*pending // by id; guarded by mu
}

// pending is a call that the process has not answered yet.
type pending struct {
	answered chan *pb.Answer // of capacity 1
	watch    *time.Timer     // ends the session; nil while somebody waits; guarded by session.mu
}

// openSession opens the stream. The session lives until ctx ends, fail is
// called, or the process goes away; close gives it back.
func openSession(ctx context.Context, conn *grpc.ClientConn, maxMissed int) (*session, error) {
	ctx, fail := context.WithCancelCause(ctx)
	stream, err := pb.NewFeatureServiceClient(conn).Carry(ctx, grpc.ForceCodecV2(newCodec()))
	if err != nil {
		fail(err)
		return nil, fmt.Errorf("open stream: %w", err)
	}
	s := &session{
		stream: stream, ctx: ctx, fail: fail, out: newOutbox(),
		maxMissed: int64(maxMissed), calls: make(map[uint64]*pending),
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
		r, err := s.stream.Recv()
		if err != nil {
			s.fail(fmt.Errorf("stream broke: %w", err))
			return
		}
		for _, a := range r.GetAnswers() {
			s.deliver(a)
		}
	}
}

// deliver hands an answer to whoever waits for it, if anybody still does.
func (s *session) deliver(a *pb.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.calls[a.GetId()]
	if p == nil { // not asked for, or answered before
		return
	}
	delete(s.calls, a.GetId())
	p.answered <- a
	if p.watch != nil {
		p.watch.Stop()
	}
}

// call sends c, whose body is set, and waits for its answer, at most for timeout,
// the end of ctx, or the end of the session. The answer may be an error.
//
// The process has to answer even when nobody waits any more: a call that has no
// answer twice the timeout after it began, and the timeout after it was given up,
// by whomever and why ever, ends the session.
func (s *session) call(ctx context.Context, timeout time.Duration, c *pb.Call) (*pb.Answer, error) {
	begun := time.Now()
	theirs, set := ctx.Deadline()
	own := !set || theirs.After(begun.Add(timeout)) // the host's deadline is the earlier one
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	c.Id, c.RemainingMs = s.lastID.Add(1), remaining(time.Until(deadline))
	part, err := encode(&pb.CarryRequest{Calls: []*pb.Call{c}})
	if err != nil {
		return nil, fmt.Errorf("encode call: %w", err)
	}
	p := &pending{answered: make(chan *pb.Answer, 1)}
	s.mu.Lock()
	s.calls[c.GetId()] = p
	s.mu.Unlock()
	s.out.put(part)

	select {
	case a := <-p.answered:
		s.count(own, a)
		return a, nil
	case <-s.ctx.Done():
		return nil, fmt.Errorf("%w: %w", plugins.ErrUnavailable, context.Cause(s.ctx))
	case <-ctx.Done():
		s.giveUp(c.GetId(), max(timeout, time.Until(begun.Add(2*timeout))))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			if own {
				s.miss()
			}
			return nil, errLate
		}
		return nil, ctx.Err()
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
	if part, err := encode(&pb.CarryRequest{CancelledIds: []uint64{id}}); err == nil {
		s.out.put(part)
	}
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

// count notes an answer. One in time ends a row of missed deadlines; one that says
// that the feature noticed the deadline itself is a missed one, and one that was
// cancelled tells nothing. own says that the deadline was the host's, and not a
// caller's in a hurry, so that missing it was the feature's fault.
func (s *session) count(own bool, a *pb.Answer) {
	late, cancelled := has(a, pb.Code_CODE_DEADLINE_EXCEEDED), has(a, pb.Code_CODE_CANCELLED)
	switch {
	case late && own:
		s.miss()
	case !late && !cancelled:
		s.missed.Store(0)
	}
}

// miss counts a missed deadline, and ends the session at the last one in a row
// that may be missed.
func (s *session) miss() {
	if s.missed.Add(1) >= s.maxMissed {
		s.fail(errHung)
	}
}

// has reports whether an answer, or the outcome of any of its events, is an error
// of that code.
func has(a *pb.Answer, code pb.Code) bool {
	return a.GetError().GetCode() == code || slices.ContainsFunc(a.GetOutcomes().GetOutcomes(),
		func(o *pb.Outcome) bool { return o.GetError().GetCode() == code })
}

// remaining is what a feature is told of a deadline: a tenth less, so that its
// answer in the last moment still arrives.
func remaining(d time.Duration) uint32 {
	return uint32(max(1, (d - d/10).Milliseconds()))
}
