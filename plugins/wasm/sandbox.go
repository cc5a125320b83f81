package wasm

import (
	"math/rand/v2"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"
)

// Epoch is what a guest's clock shows, in seconds since 1970 UTC: 2022-01-01, always.
// The moment of an event comes with the event.
const Epoch = 1640995200

// sandbox is what an instance has instead of a machine. All of it is the same at
// the begin of every call, but for the monotonic clock, which must not go back.
type sandbox struct {
	random rand.ChaCha8
	nanos  int64
}

// begin makes the next call find what the one before it found.
func (s *sandbox) begin() { s.random.Seed([32]byte{}) }

// nanotime goes on by a microsecond a look, so that a guest that waits for time to
// pass sees it pass.
func (s *sandbox) nanotime() int64 {
	s.nanos += 1000
	return s.nanos
}

// sleep takes no time but moves the clock: a guest that sleeps for an hour goes on
// at once and finds that the hour is over.
func (s *sandbox) sleep(nanos int64) {
	if nanos > 0 {
		s.nanos += nanos
	}
}

// config grants standard output and standard error, and nothing else: no files,
// arguments, environment, sockets, no input.
func (s *sandbox) config(out, errs *lines) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").         // any number of instances, none known to another
		WithStartFunctions(). // _initialize is called by hand, _start never
		WithStdout(out).
		WithStderr(errs).
		WithRandSource(&s.random).
		WithWalltime(func() (int64, int32) { return Epoch, 0 }, sys.ClockResolution(1)).
		WithNanotime(s.nanotime, sys.ClockResolution(1)).
		WithNanosleep(s.sleep)
}
