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
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// errHung ends a session whose process answers nothing any more.
var errHung = errors.New("feature missed too many deadlines in a row")

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
	calls map[uint64]chan *pb.Answer // by id, each of capacity 1; guarded by mu
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
		maxMissed: int64(maxMissed), calls: make(map[uint64]chan *pb.Answer),
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
			s.mu.Lock()
			waiting := s.calls[a.GetId()]
			delete(s.calls, a.GetId())
			s.mu.Unlock()
			if waiting != nil { // else: too late, nobody waits
				waiting <- a
			}
		}
	}
}

// call sends c, whose body is set, and waits for its answer, the end of ctx,
// which has a deadline, or the end of the session.
func (s *session) call(ctx context.Context, c *pb.Call) (*pb.Answer, error) {
	deadline, _ := ctx.Deadline()
	c.Id, c.RemainingMs = s.lastID.Add(1), remaining(time.Until(deadline))
	part, err := encode(&pb.CarryRequest{Calls: []*pb.Call{c}})
	if err != nil {
		return nil, fmt.Errorf("encode call: %w", err)
	}
	answered := make(chan *pb.Answer, 1)
	s.mu.Lock()
	s.calls[c.GetId()] = answered
	s.mu.Unlock()
	defer s.forget(c.GetId())
	s.out.put(part)

	select {
	case a := <-answered:
		return a, errorIn(a.GetError())
	case <-s.ctx.Done():
		return nil, fmt.Errorf("%w: %w", plugins.ErrUnavailable, context.Cause(s.ctx))
	case <-ctx.Done():
		s.cancel(c.GetId())
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, errLate
		}
		return nil, ctx.Err()
	}
}

func (s *session) forget(id uint64) {
	s.mu.Lock()
	delete(s.calls, id)
	s.mu.Unlock()
}

// cancel tells the process that nobody waits for an answer any more.
func (s *session) cancel(id uint64) {
	if part, err := encode(&pb.CarryRequest{CancelledIds: []uint64{id}}); err == nil {
		s.out.put(part)
	}
}

// count notes how a call went, and ends the session at the last deadline in a
// row that may be missed. own says that the deadline was the host's, and not a
// caller's in a hurry, so that missing it was the feature's fault.
func (s *session) count(own bool, err error) {
	switch {
	case !errors.Is(err, context.DeadlineExceeded):
		s.missed.Store(0)
	case own && s.missed.Add(1) >= s.maxMissed:
		s.fail(errHung)
	}
}

// remaining is what a feature is told of a deadline: a tenth less, so that its
// answer in the last moment still arrives.
func remaining(d time.Duration) uint32 {
	return uint32(max(1, (d - d/10).Milliseconds()))
}
