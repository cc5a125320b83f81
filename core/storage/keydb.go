package storage

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"github.com/global-presence/presence/core/engine/keydb"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/settings"
)

// KeyDB returns how the settings say to reach the store. It is for a store at a
// URL; a hosted one has its own.
func KeyDB(s settings.Store, o Options) keydb.Config {
	return keydb.Config{
		URL: s.KeyDB, ReadURL: s.KeyDBRead, Site: cmp.Or(s.Site, s.Region), Region: s.Region,
		Logger: o.Logger, Registerer: o.Registerer,
	}
}

func openURL(ctx context.Context, s settings.Store, o Options) (*Storage, error) {
	cfg := KeyDB(s, o)
	store, err := keydb.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("--keydb: %w", err)
	}
	e, err := site.New(site.Config{
		Site: cfg.Site, Store: store, SyncTimeout: s.SyncAfter(), Logger: o.Logger, Registerer: o.Registerer,
	})
	if err != nil {
		_ = store.Close()
		return nil, fmt.Errorf("--keydb: %w", err)
	}
	return &Storage{Engine: e, Secret: cookieSecret(ctx, s, o), closers: []io.Closer{store}}, nil
}

// cookieSecret returns what signs cookies: the same in all regions that have the
// same --secret, or the same password of their store.
func cookieSecret(ctx context.Context, s settings.Store, o Options) []byte {
	if s.Secret != "" {
		return []byte(s.Secret)
	}
	if u, err := url.Parse(s.KeyDB); err == nil {
		if password, ok := u.User.Password(); ok && len(password) >= 16 {
			key, err := hkdf.Key(sha256.New, []byte(password), nil, "presence cookies", 32)
			if err == nil {
				return key
			}
		}
	}
	o.Logger.LogAttrs(ctx, slog.LevelWarn, "people get a new number after a restart and in every region; --secret, the same in all, keeps it")
	secret := make([]byte, 32)
	rand.Read(secret)
	return secret
}
