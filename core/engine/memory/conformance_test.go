package memory_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/core/engine"
	"github.com/global-presence/presence/core/engine/enginetest"
	"github.com/global-presence/presence/core/engine/memory"
)

func TestMain(m *testing.M) {
	child() // does not return in a process that a test started
	goleak.VerifyTestMain(m)
}

// logEntries is small, so that trimming is quickly reached.
const logEntries = enginetest.MinLogEntries

func TestEngine_inMemory(t *testing.T) {
	enginetest.Suite{
		Open: func(tb testing.TB) engine.Engine {
			return open(tb, memory.Config{LogEntries: logEntries})
		},
		OpenAt: func(tb testing.TB, now func() time.Time) engine.Engine {
			return open(tb, memory.Config{Now: now})
		},
		LogEntries: logEntries,
	}.Run(t)
}

func TestEngine_withFile(t *testing.T) {
	files := map[engine.Engine]string{}
	openFile := func(tb testing.TB, cfg memory.Config) engine.Engine {
		cfg.File = filepath.Join(tb.TempDir(), "state.db")
		e := open(tb, cfg)
		files[e] = cfg.File
		return e
	}
	enginetest.Suite{
		Open: func(tb testing.TB) engine.Engine {
			return openFile(tb, memory.Config{LogEntries: logEntries})
		},
		OpenAt: func(tb testing.TB, now func() time.Time) engine.Engine {
			return openFile(tb, memory.Config{Now: now})
		},
		Reopen: func(tb testing.TB, old engine.Engine) engine.Engine {
			if err := old.(*memory.Engine).Close(); err != nil {
				tb.Errorf("Close: %v", err)
			}
			return open(tb, memory.Config{File: files[old], LogEntries: logEntries})
		},
		LogEntries: logEntries,
	}.Run(t)
}

// open opens an engine that is closed at the end of the test.
func open(tb testing.TB, cfg memory.Config) *memory.Engine {
	tb.Helper()
	e, err := memory.Open(cfg)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return e
}
