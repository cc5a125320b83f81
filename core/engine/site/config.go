package site

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/engine"
)

// Config sets up an Engine. Site and Store are required.
type Config struct {
	// Site is the name of the site: lower-case letters, digits and hyphens,
	// starting with a letter, at most 32 characters. No other store may have it;
	// all binaries of one store do.
	Site string

	// Store is the site's store.
	Store Store

	// SyncTimeout is how long the gate waits for a store that is not synced, such
	// as one whose peers cannot be reached. Default 30 s.
	SyncTimeout time.Duration

	// Memory is how long what was acknowledged is remembered so that it can be put
	// back: longer than any cut of a link that is to be got over whatever the peers'
	// clocks say. Default 24 hours. MemoryBytes bounds it, which a busy site
	// reaches first: about the size of what is remembered. Default 32 MiB.
	Memory      time.Duration
	MemoryBytes int

	// Poll is how often all logs are read where the store has no wake-ups. Default
	// 1 s. Where it has them, five times as long.
	Poll time.Duration

	// Check is how often the store's health is asked for. Default 1 s; ten times
	// as often while the gate is closed.
	Check time.Duration

	// Faults switch promises off. Only for tests that show what each is for.
	Faults Faults

	// Logger takes changes of life. Default: discarded.
	Logger *slog.Logger

	// Registerer takes the metrics. Default: none are kept.
	Registerer prometheus.Registerer
}

// Faults are promises that an engine does not keep. The convergence tests fail with
// each of them.
type Faults struct {
	NoStamp  bool // ids follow the clock and the own log alone
	NoBeat   bool // logs are read only when woken
	NoReload bool // gaps are not told
	NoRepair bool // nothing is remembered, nothing put back
	NoGate   bool // writes are let through at once
}

func (cfg *Config) complete() error {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	errs := []error{engine.CheckSite(cfg.Site)}
	if cfg.Store == nil {
		errs = append(errs, errors.New("store: missing"))
	}
	for _, d := range []struct {
		what     string
		value    *time.Duration
		standard time.Duration
	}{
		{"sync timeout", &cfg.SyncTimeout, 30 * time.Second},
		{"memory", &cfg.Memory, 24 * time.Hour},
		{"poll", &cfg.Poll, time.Second},
		{"check", &cfg.Check, time.Second},
	} {
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("%s of %v: want a positive time", d.what, *d.value))
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if cfg.MemoryBytes < 0 {
		errs = append(errs, fmt.Errorf("memory of %d bytes: want a positive number", cfg.MemoryBytes))
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = 32 << 20
	}
	return errors.Join(errs...)
}
