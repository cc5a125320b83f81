package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/internal/wire"
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

// Answerer answers in the bytes of feature.proto: what [Serve] makes of a feature, and
// what a module for WebAssembly is. It is called from several goroutines at once.
//
// An error means that it has come to grief, as a module that trapped: the process says why
// and ends, and its host starts it again, as one whose feature panicked. What the feature
// itself answers, also that it failed, is an Answer.
type Answerer interface {
	// Describe returns a DescribeResponse.
	Describe(ctx context.Context) ([]byte, error)

	// Handle takes a Handle and returns an Answer without id.
	Handle(ctx context.Context, in []byte) ([]byte, error)

	// Render takes a View and returns an Answer without id.
	Render(ctx context.Context, in []byte) ([]byte, error)
}

// service answers the host's calls.
type service struct {
	answerer Answerer
	begin    func()      // called as each call of the host arrives
	gone     func(error) // called at the stream's end; nil when the host asked for it
	broken   func(error) // called when the answerer is broken
	slots    chan struct{}
}

func newService(a Answerer, begin func(), gone, broken func(error)) *service {
	return &service{answerer: a, begin: begin, gone: gone, broken: broken, slots: make(chan struct{}, maxRunning)}
}

// describe implements the Describe of feature.proto. A host that speaks a newer version
// of the protocol knows this one, too.
func (s *service) describe(ctx context.Context, in []byte) ([]byte, error) {
	s.begin()
	version, err := wire.ParseHello(in)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if version < ProtocolVersion {
		return nil, status.Errorf(codes.FailedPrecondition,
			"the feature was built for protocol %d, this presence speaks %d: update presence, or build the feature with an older SDK", ProtocolVersion, version)
	}
	out, err := s.answerer.Describe(ctx)
	if err != nil {
		s.broken(err)
	}
	return out, err
}

// carry implements the Carry of feature.proto. When it returns, the process ends.
func (s *service) carry(stream grpc.ServerStream) (err error) {
	s.begin()
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
		var r received
		err := stream.RecvMsg(&r)
		if errors.Is(err, io.EOF) { // asked to end: answer what there is
			c.running.Wait()
			c.out.close()
			writer.Wait()
			return sendErr
		}
		if err != nil {
			return err
		}
		calls, cancelled, err := wire.ParseRequest(r)
		if err != nil {
			return err
		}
		for _, call := range calls {
			c.begin(ctx, call)
		}
		for _, id := range cancelled {
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
func (c *calls) begin(ctx context.Context, call wire.Call) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(call.RemainingMS)*time.Millisecond)
	if !c.enter(call.ID, cancel) {
		cancel()
		c.answer(ctx, call.ID, wire.Failed(ctx, errBusy))
		return
	}
	c.running.Go(func() {
		defer cancel()
		defer c.leave(call.ID)
		var body []byte
		select {
		case c.service.slots <- struct{}{}:
			body = c.service.work(ctx, call)
			<-c.service.slots
		case <-ctx.Done():
			body = wire.Failed(ctx, fmt.Errorf("wait for a turn: %w", ctx.Err()))
		}
		c.answer(ctx, call.ID, body)
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

// answer sends. An answer that is too large to be sent is one feature's fault in one
// call, so it becomes that call's error.
func (c *calls) answer(ctx context.Context, id uint64, body []byte) {
	part := wire.Response(wire.Answer{ID: id, Body: body})
	if err := checkSize(part); err != nil {
		part = wire.Response(wire.Answer{ID: id, Body: wire.Failed(ctx, fmt.Errorf("encode answer: %w", err))})
	}
	c.out.put(part)
}

// checkSize reports a part that no frame may hold.
func checkSize(part []byte) error {
	if len(part) > MaxMessageSize {
		return fmt.Errorf("%d bytes are more than the %d allowed", len(part), MaxMessageSize)
	}
	return nil
}

// work asks the feature.
func (s *service) work(ctx context.Context, call wire.Call) []byte {
	var (
		body []byte
		err  error
	)
	switch call.Kind {
	case wire.KindHandle:
		body, err = s.answerer.Handle(ctx, call.Body)
	case wire.KindRender:
		body, err = s.answerer.Render(ctx, call.Body)
	default:
		return wire.Failed(ctx, errors.New("unknown kind of call"))
	}
	if err != nil {
		s.broken(err)
		return wire.Failed(ctx, fmt.Errorf("%w: %w", plugins.ErrUnavailable, err))
	}
	return body
}
