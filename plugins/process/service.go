package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

const (
	// maxRunning is how many calls the feature works on at once. Its work is
	// computing, so more would only make all of them slower.
	maxRunning = 64

	// maxCalls is how many may be there at once, waiting or running. It bounds
	// the process's memory when the host asks faster than the feature answers.
	maxCalls = 4096
)

var errBusy = fmt.Errorf("%w: too many calls at once", plugins.ErrUnavailable)

// service answers the host's calls with a feature.
type service struct {
	pb.UnimplementedFeatureServiceServer
	feature plugins.Feature
	gone    func(error) // called at the stream's end; nil when the host asked for it
	slots   chan struct{}
}

func newService(f plugins.Feature, gone func(error)) *service {
	return &service{feature: f, gone: gone, slots: make(chan struct{}, maxRunning)}
}

// Describe implements the service of feature.proto.
func (s *service) Describe(_ context.Context, r *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	if r.GetProtocolVersion() != ProtocolVersion {
		return nil, status.Errorf(codes.FailedPrecondition,
			"feature speaks protocol %d, host speaks %d", ProtocolVersion, r.GetProtocolVersion())
	}
	return &pb.DescribeResponse{Manifest: manifestOut(s.feature.Manifest()), SdkVersion: sdkVersion()}, nil
}

// Carry implements the service of feature.proto. When it returns, the process
// ends.
func (s *service) Carry(stream pb.FeatureService_CarryServer) (err error) {
	defer func() { s.gone(err) }()
	ctx, cancel := context.WithCancel(stream.Context())
	var (
		writer  sync.WaitGroup
		sendErr error
	)
	defer writer.Wait()
	defer cancel()

	c := &calls{service: s, out: newOutbox(), cancels: make(map[uint64]context.CancelFunc)}
	writer.Go(func() { sendErr = c.out.run(ctx, stream.SendMsg) })
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) { // asked to end: answer what there is
			c.running.Wait()
			c.out.close()
			writer.Wait()
			return sendErr
		}
		if err != nil {
			return err
		}
		for _, call := range r.GetCalls() {
			c.begin(ctx, call)
		}
		for _, id := range r.GetCancelledIds() {
			c.cancel(id)
		}
	}
}

// calls are the calls of one stream.
type calls struct {
	service *service
	out     *outbox
	running sync.WaitGroup

	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc // by call; guarded by mu
}

// begin answers a call in a goroutine of its own.
func (c *calls) begin(ctx context.Context, call *pb.Call) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(call.GetRemainingMs())*time.Millisecond)
	a := &pb.Answer{Id: call.GetId()}
	if !c.enter(a.Id, cancel) {
		cancel()
		a.Body = failed(ctx, errBusy)
		c.answer(a)
		return
	}
	c.running.Go(func() {
		defer cancel()
		defer c.leave(a.Id)
		select {
		case c.service.slots <- struct{}{}:
			c.service.work(ctx, call, a)
			<-c.service.slots
		case <-ctx.Done():
			a.Body = failed(ctx, fmt.Errorf("wait for a turn: %w", ctx.Err()))
		}
		c.answer(a)
	})
}

// enter counts a call, if there is room for it, until the feature has returned.
func (c *calls) enter(id uint64, cancel context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cancels) >= maxCalls {
		return false
	}
	c.cancels[id] = cancel
	return true
}

func (c *calls) leave(id uint64) {
	c.mu.Lock()
	delete(c.cancels, id)
	c.mu.Unlock()
}

// cancel ends a call's context, if it is still there.
func (c *calls) cancel(id uint64) {
	c.mu.Lock()
	cancel := c.cancels[id]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// answer encodes and sends. An answer that cannot be sent is one feature's
// fault in one call, so it becomes that call's error.
func (c *calls) answer(a *pb.Answer) {
	part, err := encode(&pb.CarryResponse{Answers: []*pb.Answer{a}})
	if err != nil {
		a.Body = failed(context.Background(), fmt.Errorf("encode answer: %w", err))
		if part, err = encode(&pb.CarryResponse{Answers: []*pb.Answer{a}}); err != nil {
			panic(err) // a short ASCII text cannot fail
		}
	}
	c.out.put(part)
}

// encode makes a part of a frame.
func encode(m proto.Message) ([]byte, error) {
	part, err := proto.Marshal(m)
	if err == nil && len(part) > MaxMessageSize {
		err = fmt.Errorf("%d bytes are more than the %d allowed", len(part), MaxMessageSize)
	}
	return part, err
}

// work asks the feature.
func (s *service) work(ctx context.Context, call *pb.Call, a *pb.Answer) {
	switch body := call.GetBody().(type) {
	case *pb.Call_Handle:
		a.Body = &pb.Answer_Outcomes{Outcomes: s.handle(ctx, body.Handle)}
	case *pb.Call_Render:
		fragments, err := s.feature.Render(ctx, viewIn(body.Render))
		if err == nil {
			err = checkPatches(fragments)
		}
		if err != nil {
			a.Body = failed(ctx, err)
			return
		}
		a.Body = &pb.Answer_Fragments{Fragments: &pb.Fragments{Fragments: list(fragments, fragmentOut)}}
	default:
		a.Body = failed(ctx, errors.New("unknown kind of call"))
	}
}

// handle asks about each event in turn, until the deadline.
func (s *service) handle(ctx context.Context, h *pb.Handle) *pb.Outcomes {
	states := table(h.GetStates(), stateIn)
	return &pb.Outcomes{Outcomes: list(h.GetEvents(), func(e *pb.Event) *pb.Outcome {
		if err := ctx.Err(); err != nil {
			return &pb.Outcome{Error: errorOut(ctx, err)}
		}
		mutations, err := s.feature.Handle(ctx, eventIn(e), states[e.GetRoom()])
		if err != nil {
			return &pb.Outcome{Error: errorOut(ctx, err)}
		}
		return &pb.Outcome{Mutations: list(mutations, mutationOut)}
	})}
}

func failed(ctx context.Context, err error) *pb.Answer_Error {
	return &pb.Answer_Error{Error: errorOut(ctx, err)}
}
