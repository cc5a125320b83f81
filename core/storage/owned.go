package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/site"
)

// startWait is how long the engine waits for its server to start, which takes about
// 50 ms when there is little to load.
const startWait = time.Second

// hostedEngine is an engine and the server that it needs: the first to start and the
// last to stop.
type hostedEngine struct {
	*site.Engine
	server *hosted.Server
	store  *ownStore
	site   string
}

// Run runs the server, and the engine while it does.
func (h *hostedEngine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	guarding, stopGuard := context.WithCancel(behind)
	var (
		wg, guard           sync.WaitGroup
		errServer, errClaim error
	)
	wg.Go(func() {
		errServer = h.server.Run(behind)
		cancel()
	})
	guard.Go(func() {
		errClaim = h.store.guard(guarding, func(ctx context.Context) error { return h.server.Guard(ctx, h.site) })
		cancel()
	})
	// The engine need not tell that the server is away that is just about to start.
	started := time.NewTimer(startWait)
	defer started.Stop()
	select {
	case <-h.server.Started():
	case <-started.C:
	case <-ctx.Done():
	}
	err := h.Engine.Run(ctx)
	stopGuard() // after the last write
	guard.Wait()
	stop()
	wg.Wait()
	return errors.Join(err, errServer, errClaim)
}

// claimBefore is how long before the gate opens anyhow the name is claimed, so that
// this is surely done, or under way, by then.
const claimBefore = 5 * time.Second

// ownStore is the store on a hosted server. Its Health holds the engine's gate
// closed until it is known, as well as can be, that no other server has the site's
// name.
type ownStore struct {
	site.Store
	engine.Watcher
	claim       func(context.Context) error // an error that is no *hosted.TakenError says that nobody knows
	syncTimeout time.Duration               // after which the gate opens in any case
	log         *slog.Logger

	held  chan struct{} // closed when the gate may open
	taken chan error    // why it may not, ever

	mu      sync.Mutex // one claim at a time
	waiting time.Time  // since when the server has been there; guarded by mu
	lost    error      // the name is another's; guarded by mu
}

var (
	_ site.Store     = (*ownStore)(nil)
	_ engine.Watcher = (*ownStore)(nil)
)

func newOwnStore(s site.Store, w engine.Watcher, claim func(context.Context) error, syncTimeout time.Duration, log *slog.Logger) *ownStore {
	return &ownStore{
		Store: s, Watcher: w, claim: claim, syncTimeout: syncTimeout, log: log,
		held: make(chan struct{}), taken: make(chan error, 1),
	}
}

// Health is the server's. The first time that the gate might open upon it, synced or
// not, it claims the name before it answers, which takes up to some seconds. After
// the name is found taken it only returns errors.
func (s *ownStore) Health(ctx context.Context) (site.Health, error) {
	select {
	case <-s.held:
		return s.Store.Health(ctx)
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return site.Health{}, s.lost
	}
	asked := time.Now() // the gate waits from the first answer after an error
	h, err := s.Store.Health(ctx)
	if err != nil {
		s.waiting = time.Time{}
		return h, err
	}
	if s.waiting.IsZero() {
		s.waiting = asked
	}
	if !h.Synced && time.Since(s.waiting) < s.syncTimeout-min(s.syncTimeout/4, claimBefore) {
		return h, nil
	}
	return s.hold(ctx)
}

// hold claims the name and returns how the server is after that. When it cannot be
// claimed, though the server is there and nobody else is known to have it, the gate
// may open: the guard goes on with it. mu is held.
func (s *ownStore) hold(ctx context.Context) (site.Health, error) {
	errClaim := s.claim(ctx)
	if taken, ok := errors.AsType[*hosted.TakenError](errClaim); ok {
		s.lost = fmt.Errorf("%w: %w", engine.ErrUnavailable, taken)
		s.taken <- taken
		return site.Health{}, s.lost
	}
	h, err := s.Store.Health(ctx)
	if err != nil {
		s.waiting = time.Time{}
		return h, err
	}
	if ctx.Err() != nil {
		return site.Health{}, fmt.Errorf("%w: %w", engine.ErrUnavailable, context.Cause(ctx))
	}
	if errClaim != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "whether another server has this site's name is not known", slog.Any("err", errClaim))
	}
	close(s.held)
	return h, nil
}

// guard keeps the name until ctx ends, and returns an error when it is another's.
func (s *ownStore) guard(ctx context.Context, keep func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.taken:
		return err
	case <-s.held:
		return keep(ctx)
	}
}
