package keydb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/global-presence/presence/core/engine"
)

// server is one server of the two that a store may have. It knows whether the
// server is there, so that calls need not find out one by one: while it is away
// they fail at once.
type server struct {
	client *redis.Client // for all but loads
	loads  *redis.Client // so that no write waits for a connection that a load has
	turns  chan struct{} // holds a token for each load that is under way
	where  string        // the address, for people
	cfg    Config
	log    *slog.Logger

	// probe says what is wrong with the server; see probe.go. It is asked before
	// the server is used for the first time and whenever it was away.
	probe func(ctx context.Context) error

	metrics  serverMetrics
	settling settling
	away     chan struct{} // holds a token when the server went away

	mu      sync.Mutex    // guards the rest
	why     error         // why the server is not to be used, or nil
	next    time.Time     // when it may be tried again
	pause   time.Duration // how long the next pause is
	probing bool          // somebody tries it
	kept    bool          // keep does, so that nobody else has to wait for it
	met     bool          // it was there at some time
}

// errUntried is why a server is not used before it was probed.
var errUntried = errors.New("it has not been tried yet")

func newServer(cfg Config, url string, log *slog.Logger) (*server, error) {
	o, err := cfg.options(url)
	if err != nil {
		return nil, err
	}
	loads := *o
	loads.PoolSize = loadsAtOnce
	return &server{
		client: redis.NewClient(o),
		loads:  redis.NewClient(&loads),
		turns:  make(chan struct{}, loadsAtOnce),
		where:  o.Addr,
		cfg:    cfg,
		log:    log.With(slog.String("server", o.Addr)),
		away:   make(chan struct{}, 1),
		why:    errUntried,
		pause:  cfg.Retry,
	}, nil
}

// do calls f with the client when the server is there and returns f's error as one
// of engine's: engine.ErrUnavailable with a reason, unless ctx has ended.
func (s *server) do(ctx context.Context, f func(ctx context.Context, c *redis.Client) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	err := f(ctx, s.client)
	if err == nil {
		return nil
	}
	return s.judge(ctx, err)
}

// loadsAtOnce is how many loads a server is asked for at once. More would not be done
// sooner, and a write waits in the server for those that came before it.
const loadsAtOnce = 8

// waitTimeouts is for how many times Config.Timeout a load waits for its turn. When
// many rooms are opened at once, such as after a restart, waiting is the right thing.
const waitTimeouts = 20

// turn waits until a load may ask the server. The caller calls over when it has.
func (s *server) turn(ctx context.Context) (over func(), err error) {
	late := time.NewTimer(waitTimeouts * s.cfg.Timeout)
	defer late.Stop()
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", engine.ErrUnavailable, context.Cause(ctx))
	case <-late.C:
		return nil, unavailable(s.where, "too many rooms wait to be loaded")
	}
}

// close gives the connections back.
func (s *server) close() error { return errors.Join(s.client.Close(), s.loads.Close()) }

// judge returns a call's error as the caller is to see it, and has the server
// tried anew where the error says that it went away or became another.
func (s *server) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", engine.ErrUnavailable, context.Cause(ctx))
	}
	if errors.Is(err, engine.ErrUnavailable) || errors.Is(err, engine.ErrRefused) {
		return err
	}
	if errors.Is(err, redis.ErrPoolTimeout) { // that says nothing of the server
		return unavailable(s.where, reason(err))
	}
	if !answered(err) || redis.HasErrorPrefix(err, "READONLY") || unusable(err) != "" {
		s.lost(err)
	}
	return unavailable(s.where, reason(err))
}

// lost takes note that the server went away.
func (s *server) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return
	}
	s.why = err
	s.pause = s.cfg.Retry
	s.wait()
	s.metrics.down()
	s.log.Warn("lost the store's server", slog.String("err", reason(err)))
	select {
	case s.away <- struct{}{}:
	default:
	}
}

// wait sets when the server may be tried again. s.mu is held.
func (s *server) wait() {
	s.next = time.Now().Add(s.pause/2 + rand.N(s.pause/2+1))
	s.pause = min(2*s.pause, s.cfg.RetryMax)
}

// ready returns nil when the server is there. If it was away and the pause is over,
// ready tries it, unless keep does; whoever asks meanwhile gets the old answer.
func (s *server) ready(ctx context.Context) error { return s.attempt(ctx, false) }

// attempt is ready, for keep itself or for others.
func (s *server) attempt(ctx context.Context, keeper bool) error {
	s.mu.Lock()
	if s.why == nil {
		s.mu.Unlock()
		return nil
	}
	if s.probing || s.kept && !keeper || time.Now().Before(s.next) {
		defer s.mu.Unlock()
		return unavailable(s.where, reason(s.why))
	}
	s.probing = true
	s.mu.Unlock()

	err := s.try(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	switch {
	case err == nil:
		s.why, s.pause, s.met = nil, s.cfg.Retry, true
		s.metrics.back()
		s.log.Info("connected to the store's server")
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", engine.ErrUnavailable, context.Cause(ctx))
	}
	if reason(s.why) != reason(err) && !errors.Is(s.why, errUntried) {
		s.log.Warn("the store's server is not back", slog.String("err", reason(err)))
	}
	s.why = err
	s.wait()
	return unavailable(s.where, reason(err))
}

// try probes the server within the time that a call may take.
func (s *server) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout+s.cfg.Timeout)
	defer cancel()
	err := s.probe(ctx)
	if s.secure() || !s.wasMet() { // one that was met without TLS hangs up when it ends
		err = hint(err, s.secure())
	}
	return err
}

// secure reports whether the server is spoken to in TLS.
func (s *server) secure() bool { return s.client.Options().TLSConfig != nil }

// keep tries the server while it is away, until ctx ends, so that it is back before
// somebody asks for it.
func (s *server) keep(ctx context.Context) {
	s.keeping(true)
	defer s.keeping(false)
	for ctx.Err() == nil {
		s.attempt(ctx, true) //nolint:errcheck // who calls the server is told
		var again <-chan time.Time
		if wait, down := s.due(); down {
			again = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-s.away:
		case <-again:
		}
	}
}

// wasMet reports whether the server was there at some time.
func (s *server) wasMet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met
}

func (s *server) keeping(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = is
}

// due returns how long it is until the server may be tried again, and whether it
// has to be.
func (s *server) due() (wait time.Duration, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		return 0, false
	}
	return max(time.Until(s.next), 5*time.Millisecond), true // while another tries it, next is over
}
