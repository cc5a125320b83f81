package process_test

import (
	"testing"
	"time"

	"github.com/global-presence/presence/plugins/process"
)

func TestBackoff(t *testing.T) {
	const ms = time.Millisecond
	lived := []time.Duration{0, 0, 0, 0, 0, 0, 30 * time.Second, 0, 29 * time.Second}
	full := []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 500 * ms, 500 * ms, 0, 100 * ms, 200 * ms}
	varied := false
	for range 50 {
		got := process.Waits(100*ms, 500*ms, 30*time.Second, lived...)
		for i, want := range full {
			if got[i] < want/2 || got[i] > want {
				t.Fatalf("wait %d is %v, want %v to %v", i, got[i], want/2, want)
			}
			varied = varied || got[i] != want
		}
	}
	if !varied {
		t.Error("no wait was shortened by chance")
	}
}
