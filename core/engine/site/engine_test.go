package site_test

import (
	"context"
	"sync"
	"testing"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/enginetest"
	"github.com/global-presence/presence/core/engine/site"
	"github.com/global-presence/presence/core/engine/wan"
)

// TestEngine runs the promises on one site of a planet of three.
func TestEngine(t *testing.T) {
	enginetest.Suite{
		Open:       func(tb testing.TB) engine.Engine { return open(tb) },
		LogEntries: 256,
	}.Run(t)
}

func open(tb testing.TB) engine.Engine {
	tb.Helper()
	p, err := wan.New(wan.Config{
		Sites:      []wan.Site{{Name: "iad", Region: "iad"}, {Name: "lhr", Region: "lhr"}, {Name: "syd", Region: "syd"}},
		LogEntries: 256,
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			tb.Errorf("planet: %v", err)
		}
	})
	tb.Cleanup(func() { stop(); wg.Wait() })
	e, err := site.New(site.Config{Site: "lhr", Store: p.Store("lhr")})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}
