package bus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/engine/memory"
	"github.com/global-presence/presence/plugins"
)

// TestBus_render_turns: however many rooms people come to at once, a feature has a few to
// render at a time, and each is shown.
func TestBus_render_turns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms, most, took = 1000, 16, 10 * time.Millisecond
		n := startNode(t, startEngine(t, memory.Config{}))
		var mu sync.Mutex
		now, highest := 0, 0
		n.demo.setRender(func(ctx context.Context, v plugins.View) ([]plugins.Fragment, error) {
			mu.Lock()
			now++
			highest = max(highest, now)
			mu.Unlock()
			<-time.After(took)
			mu.Lock()
			now--
			mu.Unlock()
			return show(ctx, v)
		})
		for i := range rooms {
			if err := n.Join(fmt.Sprint("room-", i), person("ann")); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(3 * rooms * took) // each is rendered once, and again when the log tells of who came
		synctest.Wait()
		if highest != most {
			t.Errorf("%d renders at once, want %d", highest, most)
		}
		shown := map[string]bool{}
		for _, m := range n.wall.take() {
			shown[m.room] = true
		}
		if len(shown) != rooms {
			t.Errorf("%d of %d rooms are shown", len(shown), rooms)
		}
	})
}
