package bus_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/engine/memory"
)

// heap is the bytes of live objects.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// forget drops what the fakes of a node have kept of what happened.
func (n *node) forget() {
	n.wall.take()
	n.demo.mu.Lock()
	defer n.demo.mu.Unlock()
	n.demo.handled, n.demo.views = nil, nil
}

// TestBus_memory: an hour of people who come to a room that all share and to one of their
// own, press something, and go for good, leave a bus no larger than it was before: what
// is remembered of them is forgotten, after twice ten minutes at most.
//
// Others grew slowly, over days, with those who had been there (anycable/anycable#265,
// centrifugal/centrifugo#199).
func TestBus_memory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minutely = 10
		n := startNode(t, startEngine(t, memory.Config{LogEntries: 500}))
		came := 0
		live := func(d time.Duration) int {
			for end := time.Now().Add(d); time.Now().Before(end); {
				for range minutely {
					came++
					who := person(fmt.Sprint("user-", came))
					own := "room-of-" + who.User
					for _, room := range []string{"home", own} {
						if err := n.Join(room, who); err != nil {
							t.Fatal(err)
						}
					}
					req := bus.Request{
						ID: fmt.Sprint("press-", came), Room: "home", Target: "demo#add", Fields: map[string]string{"by": "1"}, Person: who,
					}
					if o := n.do(t, req); o.Status != bus.OK {
						t.Fatalf("press %d: %+v", came, o)
					}
					settle()
					n.Leave("home", who.Session)
					n.Leave(own, who.Session)
				}
				<-time.After(time.Minute)
				n.forget()
			}
			return heap()
		}
		before := live(25 * time.Minute)
		rooms, gone := n.Rooms(), came
		after := live(40 * time.Minute)
		gone = came - gone
		const most = 128 // bytes
		t.Logf("%d people of %d that are gone have left %d bytes each", gone, came, (after-before)/gone)
		if after-before > gone*most {
			t.Errorf("%d people that are gone have left %d bytes, want at most %d each", gone, after-before, most)
		}
		if got := n.Rooms(); got > rooms+minutely {
			t.Errorf("%d rooms are in memory, before it was %d", got, rooms)
		}
	})
}
