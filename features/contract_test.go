package features_test

import (
	"testing"

	"github.com/global-presence/presence/features"
	"github.com/global-presence/presence/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, features.All()...) }

func TestAll_Contract(t *testing.T) {
	for _, f := range features.All() {
		t.Run(f.Manifest().Name, func(t *testing.T) { plugintest.Run(t, f) })
	}
}

// The same answers, with every call on its way through another process.
func TestAll_Contract_InAProcess(t *testing.T) {
	for _, f := range features.All() {
		name := f.Manifest().Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plugintest.Same(t, f, plugintest.Process(t, name))
		})
	}
}
