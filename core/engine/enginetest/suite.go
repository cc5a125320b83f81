// Package enginetest is the contract of package engine, executed. Every engine
// runs it; the names of the subtests are the promises.
package enginetest

import (
	"testing"
	"time"

	"github.com/global-presence/presence/core/engine"
)

// Suite says how to get at the engine under test. Only Open is needed.
type Suite struct {
	// Open returns an engine of a store that holds nothing and that nobody else
	// writes to. It does not run yet. What it needs is released by tb.Cleanup; an
	// engine that is an io.Closer is closed by the suite, which may be after its
	// cleanup or before.
	Open func(tb testing.TB) engine.Engine

	// OpenAt is Open with a clock for the store. Without it the tests that turn
	// back the clock are left out.
	OpenAt func(tb testing.TB, now func() time.Time) engine.Engine

	// Reopen returns an engine of the same store as old, whose Run has ended, as
	// another process would open it. Without it the store need not outlive the
	// engine.
	Reopen func(tb testing.TB, old engine.Engine) engine.Engine

	// LogEntries is the cap of the log of an engine from Open, at least
	// MinLogEntries. Without it the tests that need a trimmed log are left out,
	// which append up to four times as many entries.
	LogEntries int
}

// MinLogEntries is how many entries a log must hold for the tests that want no
// gap: the longest append 200.
const MinLogEntries = 256

// Run runs the suite with open alone.
func Run(t *testing.T, open func(tb testing.TB) engine.Engine) { Suite{Open: open}.Run(t) }

// promise is one subtest.
type promise struct {
	name string
	test func(t *testing.T, s Suite)
}

// Run runs all promises as subtests.
func (s Suite) Run(t *testing.T) {
	if s.LogEntries != 0 && s.LogEntries < MinLogEntries {
		t.Fatalf("LogEntries = %d, want at least %d", s.LogEntries, MinLogEntries)
	}
	for _, group := range []struct {
		name     string
		promises []promise
	}{
		{"Append", appendPromises},
		{"Stamps", stampPromises},
		{"Refused", refusedPromises},
		{"State", statePromises},
		{"Boards", boardPromises},
		{"Signals", signalPromises},
		{"Tail", tailPromises},
		{"Load", loadPromises},
		{"Life", lifePromises},
		{"Reopen", reopenPromises},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, p := range group.promises {
				t.Run(p.name, func(t *testing.T) { p.test(t, s) })
			}
		})
	}
}
