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

	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/keydb/hosted"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/settings"
)

// hostedConfig returns how the settings say to host a KeyDB.
func hostedConfig(s settings.Store, o Options) hosted.Config {
	cfg := hosted.Config{
		Bin: s.KeyDBBin, Dir: s.Data, Listen: s.KeyDBListen, Peers: s.Peers, PeerTimeout: s.ForgetAfter(),
		MaxMemory: s.KeyDBMemory, StopTimeout: o.StopTimeout * 7 / 10,
		Logger: o.Logger, Registerer: o.Registerer,
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
		URL: server.URL(), Site: name, Region: s.Region, Hosted: true, Logger: o.Logger, Registerer: o.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("--keydb hosted: %w", err)
	}
	own := newOwnStore(store, store, func(ctx context.Context) error { return server.Claim(ctx, name) }, s.SyncAfter(), o.Logger)
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
	return &Storage{Engine: &hostedEngine{Engine: e, server: server, store: own, site: name}, Secret: secret, closers: []io.Closer{store}}, nil
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
