package keydb

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/global-presence/presence/core/engine/site"
)

// Store is a site.Store on one KeyDB, Valkey or Redis, or on two of them.
type Store struct {
	cfg     Config
	log     *slog.Logger
	metrics metrics

	write *server // takes the site's writes
	read  *server // is read from; the same as write without a ReadURL

	scripts  scripts
	sites    sites
	features features
	notify   notify
	written  written
	eviction eviction
	rivals   rivals
	readSide readSide
	copying  copying
	beats    beats
	strange  strange
	pages    pages

	changes changes

	closed  chan struct{} // closed by Close
	closing sync.Once
	ended   chan struct{} // closed when Run has ended
	ending  sync.Once
}

var _ site.Store = (*Store)(nil)

// Open returns the store of cfg.Site. The caller closes it.
//
// A server that answers and cannot be used is an error, in one line that says what
// is wrong and how to mend it. A server that does not answer is none: it may come
// later, and what is wrong with it then is told by Health, and by Write.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{
		cfg:     cfg,
		log:     cfg.Logger.With(slog.String("part", "engine"), slog.String("site", cfg.Site)),
		metrics: newMetrics(cfg.Registerer),
		scripts: newScripts(),
		closed:  make(chan struct{}),
		ended:   make(chan struct{}),
	}
	if cfg.Region != "" {
		s.log = s.log.With(slog.String("region", cfg.Region))
	}
	if s.write, err = newServer(cfg, cfg.URL, s.log); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.write.probe, s.write.metrics = s.probeWrite, s.metrics.server("write")
	s.read = s.write
	if cfg.ReadURL != "" && cfg.ReadURL != cfg.URL {
		if s.read, err = newServer(cfg, cfg.ReadURL, s.log); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		s.read.probe, s.read.metrics = s.probeRead, s.metrics.server("read")
	}
	for _, server := range s.servers() {
		if err := server.open(ctx); err != nil {
			s.Close() // the reason for it says more
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	return s, nil
}

// servers returns the servers there are.
func (s *Store) servers() []*server {
	if s.read == s.write {
		return []*server{s.write}
	}
	return []*server{s.write, s.read}
}

// Close gives the connections back.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		for _, server := range s.servers() {
			if e := server.close(); e != nil && err == nil {
				err = fmt.Errorf("close store: %w", e)
			}
		}
	})
	return err
}
