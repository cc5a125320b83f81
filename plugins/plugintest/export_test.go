package plugintest

import (
	"pgregory.net/rapid"

	"github.com/global-presence/presence/plugins"
)

// Checks returns the checks that Run makes, by name.
func Checks(f plugins.Feature, options ...Option) map[string]func(rapid.TB) {
	out := map[string]func(rapid.TB){}
	for _, c := range newSuite(f, options...).checks() {
		out[c.name] = c.run
	}
	return out
}

// SameChecks returns the checks that Same makes, by name.
func SameChecks(a, b plugins.Feature, options ...Option) map[string]func(rapid.TB) {
	out := map[string]func(rapid.TB){}
	for _, c := range newPair(a, b, options...).checks() {
		out[c.name] = c.run
	}
	return out
}

// Escaped reports a canary that came to life.
var Escaped = escaped
