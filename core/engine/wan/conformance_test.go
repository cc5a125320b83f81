package wan_test

import (
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/enginetest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
)

// logEntries is small, so that trimming is quickly reached.
const logEntries = enginetest.MinLogEntries

// TestEngine_conformance runs the contract of all engines on a site of the planet.
func TestEngine_conformance(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sites []wan.Site
	}{{"alone", three[:1]}, {"one of three", three}} {
		t.Run(tt.name, func(t *testing.T) {
			stores := map[engine.Engine]*wan.Store{}
			open := func(tb testing.TB, cfg wan.Config) engine.Engine {
				cfg.Sites = tt.sites
				p := start(tb, cfg)
				e := attach(tb, p, "iad")
				stores[e] = p.Store("iad")
				return e
			}
			enginetest.Suite{
				Open: func(tb testing.TB) engine.Engine {
					return open(tb, wan.Config{LogEntries: logEntries, Repeat: 0.1})
				},
				OpenAt: func(tb testing.TB, now func() time.Time) engine.Engine {
					return open(tb, wan.Config{Now: now})
				},
				Reopen: func(tb testing.TB, old engine.Engine) engine.Engine {
					e, err := site.New(site.Config{Site: "iad", Store: stores[old]})
					if err != nil {
						tb.Fatalf("New: %v", err)
					}
					return e
				},
				LogEntries: logEntries,
			}.Run(t)
		})
	}
}

// attach returns an engine on the store of a site.
func attach(tb testing.TB, p *wan.Planet, name string) *site.Engine {
	tb.Helper()
	e, err := site.New(site.Config{Site: name, Store: p.Store(name)})
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return e
}
