package plugins_test

import (
	"strconv"
	"testing"

	"github.com/global-presence/presence/plugins"
)

// TestEvent_Rand: chance that is the same for the same event, and fair over events.
func TestEvent_Rand(t *testing.T) {
	a, b := plugins.Event{ID: "01j9zq6w5d3k8v7n"}, plugins.Event{ID: "01j9zq6w5d3k8v7n"}
	for range 3 {
		if x, y := a.Rand().Uint64(), b.Rand().Uint64(); x != y {
			t.Errorf("the same event gives %d and %d", x, y)
		}
	}
	const events = 6000
	var thrown [6]int
	for i := range events {
		thrown[plugins.Event{ID: strconv.Itoa(i)}.Rand().IntN(6)]++
	}
	for face, n := range thrown {
		if n < events/6*8/10 || n > events/6*12/10 {
			t.Errorf("%d of %d events threw %d, want about a sixth", n, events, face+1)
		}
	}
}
