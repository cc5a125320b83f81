// Package storage opens the engine that the settings ask for, and whatever it needs
// around it: a file, a connection, a KeyDB of its own.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/core/settings"
)

// Options are what the settings do not say.
type Options struct {
	// Machine names the machine among those of its region, if anything does.
	Machine string

	// Version is the binary's, told to other regions.
	Version string

	// StopTimeout is how long the engine's Run may take to end. A hosted KeyDB that
	// does not end within seven tenths of it is killed. Default: that one gets 10 s.
	StopTimeout time.Duration

	// Logger is required. Registerer takes the metrics; default none.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Storage is an engine and what comes with it.
type Storage struct {
	Engine engine.Engine

	// Secret signs cookies.
	Secret []byte

	closers []io.Closer
}

// Close gives back what Open took, after the engine's Run has ended. It may be
// called twice.
func (s *Storage) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// Open opens what s asks for, which has been checked. An error names the setting.
func Open(ctx context.Context, s settings.Store, o Options) (*Storage, error) {
	switch {
	case s.Engine == "memory":
		return openMemory(ctx, s, o)
	case s.KeyDB == settings.Hosted:
		return openHosted(ctx, s, o)
	}
	return openURL(ctx, s, o)
}

func openMemory(ctx context.Context, s settings.Store, o Options) (*Storage, error) {
	name := s.Site
	if name == "" {
		name = s.Region
	}
	e, err := memory.Open(memory.Config{Site: name, File: s.Data, Logger: o.Logger, Registerer: o.Registerer})
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	secret := []byte(s.Secret)
	if s.Secret == "" {
		if secret, err = e.Secret(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	if s.Data == "" {
		o.Logger.LogAttrs(ctx, slog.LevelInfo, "state is in memory and gone when the server stops; --data FILE keeps it")
	}
	return &Storage{Engine: e, Secret: secret, closers: []io.Closer{e}}, nil
}
