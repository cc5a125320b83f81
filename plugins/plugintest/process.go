package plugintest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// These tell the test binary, started again, which feature to be, or which module to
// carry and where compiled ones are.
const (
	variable       = "PRESENCE_TEST_FEATURE"
	moduleVariable = "PRESENCE_TEST_MODULE"
	cacheVariable  = "PRESENCE_TEST_CACHE"
)

// Main is the whole of a TestMain whose tests call [Process], [File] or [Wasm]: it runs
// the tests, or, where the test binary was started to be one of features or the carrier
// of a module, that.
func Main(m *testing.M, features ...plugins.Feature) {
	if !process.Started() {
		os.Exit(m.Run())
	}
	if file := os.Getenv(moduleVariable); file != "" {
		carry(file)
		return
	}
	name := os.Getenv(variable)
	i := slices.IndexFunc(features, func(f plugins.Feature) bool { return f.Manifest().Name == name })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "plugintest.Main does not know the feature %q\n", name)
		os.Exit(2)
	}
	process.Serve(features[i])
}

// Process starts one of the features that [Main] was given as a process of its
// own, and returns it. It ends with the test.
func Process(tb testing.TB, name string) plugins.Feature {
	tb.Helper()
	return start(tb, process.Config{Name: name, Env: []string{variable + "=" + name}})
}

// patience is how long a test waits for what takes a moment, since its machine may be
// busy.
const patience = 2 * time.Minute

// start runs a feature's process until the test ends.
func start(tb testing.TB, cfg process.Config) plugins.Feature {
	tb.Helper()
	status := make(chan plugins.Status, 1000)
	cfg.HandleTimeout, cfg.RenderTimeout = patience, patience
	cfg.StartTimeout = patience
	cfg.OnStatus = func(s plugins.Status) { status <- s }
	cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), nil))
	p := process.New(cfg)
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("run feature %q: %v", cfg.Name, err)
		}
	})
	s := <-status // Run tells of the first start, however it ends, within StartTimeout
	if !s.Up {
		tb.Fatalf("start feature %q: %v", cfg.Name, s.Err)
	}
	return carried{carrier: p, manifest: s.Manifest}
}

// Carried returns the feature that a carrier runs as a feature again, so that Run
// can check what is left of its promises on this side.
func Carried(c plugins.Carrier, m plugins.Manifest) plugins.Feature {
	return carried{carrier: c, manifest: m}
}

type carried struct {
	carrier  plugins.Carrier
	manifest plugins.Manifest
}

var _ plugins.Feature = carried{}

func (c carried) Manifest() plugins.Manifest { return c.manifest }

func (c carried) Handle(ctx context.Context, ev plugins.Event, s plugins.State) ([]plugins.Mutation, error) {
	outcomes, err := c.carrier.Handle(ctx, []plugins.Event{ev}, map[string]plugins.State{ev.Room: s})
	if err != nil {
		return nil, err
	}
	return outcomes[0].Mutations, outcomes[0].Err
}

func (c carried) Render(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
	return c.carrier.Render(ctx, v)
}
