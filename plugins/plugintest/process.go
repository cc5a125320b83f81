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

// variable tells the test binary, started again, which feature to be.
const variable = "PRESENCE_TEST_FEATURE"

// Main is the whole of a TestMain whose tests call [Process]: it runs the tests,
// or, where the test binary was started to be one of features, that.
func Main(m *testing.M, features ...plugins.Feature) {
	if !process.Started() {
		os.Exit(m.Run())
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
	const patience = 20 * time.Second
	status := make(chan plugins.Status, 1000)
	p := process.New(process.Config{
		Name:          name,
		Env:           []string{variable + "=" + name},
		HandleTimeout: patience, // a test's machine may be busy
		RenderTimeout: patience,
		OnStatus:      func(s plugins.Status) { status <- s },
		Logger:        slog.New(slog.NewTextHandler(tb.Output(), nil)),
	})
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("run feature %q: %v", name, err)
		}
	})
	timeout := time.After(patience)
	for {
		select {
		case s := <-status:
			if s.Up {
				return carried{carrier: p, manifest: s.Manifest}
			}
			tb.Fatalf("start feature %q: %v", name, s.Err)
		case <-timeout:
			tb.Fatalf("feature %q did not start within %v", name, patience)
		}
	}
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
