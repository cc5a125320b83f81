package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/settings"
)

// hostedConfig returns how the settings say to host a KeyDB.
func hostedConfig(s settings.Store, o Options) hosted.Config {
	cfg := hosted.Config{
		Bin: s.KeyDBBin, Dir: s.Data, Listen: s.KeyDBListen, Peers: s.Peers, PeerTimeout: s.ForgetAfter(),
		MaxMemory: s.KeyDBMemory,
		Logger:    o.Logger, Registerer: o.Registerer,
	}
	if s.Secret != "" {
		cfg.Password = hosted.Password(s.Secret)
	}
	return cfg
}

func openHosted(ctx context.Context, s settings.Store, o Options) (*Storage, error) {
	server, err := hosted.New(hostedConfig(s, o))
	if err != nil {
		return nil, fmt.Errorf("--keydb hosted: %w", err)
	}
	name, err := hosted.Identity(s.Data, hosted.Names{Site: s.Site, Region: s.Region, Machine: o.Machine})
	if err != nil {
		return nil, fmt.Errorf("--keydb hosted: %w", err)
	}
	store, err := keydb.Open(ctx, keydb.Config{
		URL: server.URL(), Site: name, Region: s.Region, Logger: o.Logger, Registerer: o.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("--keydb hosted: %w", err)
	}
	own := &ownStore{Store: store, server: server, site: name, claimed: make(chan struct{}), taken: make(chan error, 1)}
	e, err := site.New(site.Config{
		Site: name, Store: own, SyncTimeout: s.SyncAfter(), Logger: o.Logger, Registerer: o.Registerer,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--keydb hosted: %w", err), store.Close())
	}
	secret := []byte(s.Secret)
	if s.Secret == "" { // then there are no peers
		if secret, err = keptSecret(s.Data); err != nil {
			return nil, errors.Join(fmt.Errorf("--keydb hosted: %w", err), store.Close())
		}
	}
	return &Storage{Engine: &hostedEngine{Engine: e, server: server, store: own}, Secret: secret, closers: []io.Closer{store}}, nil
}

// keptSecret returns the secret in the data folder, which the first start makes.
func keptSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, "secret")
	secret, err := os.ReadFile(path)
	if err == nil && len(secret) >= 16 {
		return secret, nil
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("read %s: want at least 16 bytes", path), err)
	}
	secret = []byte(rand.Text())
	if err := os.WriteFile(path, secret, 0o600); err != nil {
		return nil, fmt.Errorf("keep the secret: %w", err)
	}
	return secret, nil
}

// hostedEngine is an engine and the server that it needs: the first to start and the
// last to stop.
type hostedEngine struct {
	*site.Engine
	server *hosted.Server
	store  *ownStore
}

// Run runs the server, and the engine while it does.
func (h *hostedEngine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	var (
		wg                  sync.WaitGroup
		errServer, errClaim error
	)
	wg.Go(func() {
		errServer = h.server.Run(behind)
		cancel()
	})
	wg.Go(func() {
		errClaim = h.store.guard(ctx)
		cancel()
	})
	err := h.Engine.Run(ctx)
	stop()
	wg.Wait()
	return errors.Join(err, errServer, errClaim)
}

// ownStore is the store on a hosted server. It is synced when it is known, besides,
// that no other server has the site's name.
type ownStore struct {
	*keydb.Store
	server *hosted.Server
	site   string

	claiming sync.Mutex
	claimed  chan struct{} // closed when the name is ours
	taken    chan error    // why it is not
	last     error         // of the last claim; guarded by claiming
}

var (
	_ site.Store     = (*ownStore)(nil)
	_ engine.Watcher = (*ownStore)(nil)
)

// Health claims the name as soon as the links are synced.
func (s *ownStore) Health(ctx context.Context) (site.Health, error) {
	h, err := s.Store.Health(ctx)
	if err != nil || !h.Synced {
		return h, err
	}
	if err := s.claim(ctx); err != nil {
		h.Synced, h.Missing = false, err.Error()
	}
	return h, nil
}

func (s *ownStore) claim(ctx context.Context) error {
	s.claiming.Lock()
	defer s.claiming.Unlock()
	select {
	case <-s.claimed:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := s.server.Claim(ctx, s.site)
	if _, taken := errors.AsType[*hosted.TakenError](err); taken && s.last == nil {
		s.last = err
		s.taken <- err
	}
	if err == nil {
		close(s.claimed)
	}
	return err
}

// guard keeps the name until ctx ends, and returns an error when it is another's.
func (s *ownStore) guard(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.taken:
		return err
	case <-s.claimed:
		return s.server.Guard(ctx, s.site)
	}
}
