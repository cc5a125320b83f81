package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/fasthttp/websocket"
)

// keepsMost is how many bytes a server may keep of a tab that has come and gone: for some
// minutes the log tells other regions of it. A tab that is there takes more than ten times
// as much.
const keepsMost = 2 << 10

// TestMemory: of tabs that have come and gone, in whatever way, a server keeps next to
// nothing, and no goroutine.
//
// Others grew until they were out of memory (anycable/anycable#265,
// centrifugal/centrifugo#199).
func TestMemory(t *testing.T) {
	t.Parallel()
	const warm, rounds, people, tabs = 2, 5, 20, 10
	s := startServer(t)
	s.worries = []string{"reason=write_error"} // tabs leave in the middle of a broadcast
	visits := func(n int) (heap, goroutines int) {
		for range n {
			s.visited(people, tabs)
		}
		return s.size()
	}
	heap, goroutines := visits(warm) // pools, caches and rooms are as large as they get
	after, left := visits(rounds)
	const gone = rounds * people * tabs
	t.Logf("after %d tabs the heap is %d kB, %d more have left %d bytes each and %d goroutines more than %d",
		warm*people*tabs, heap>>10, gone, (after-heap)/gone, left-goroutines, goroutines)
	if after-heap > gone*keepsMost {
		t.Errorf("%d tabs that are gone have left %d bytes, want at most %d each", gone, after-heap, keepsMost)
	}
	if most := goroutines + gone/10; left > most { // of connections that are being closed, and their like
		t.Errorf("%d goroutines after %d tabs, want at most %d", left, gone, most)
	}
}

// visited has so many people come at once, each with so many tabs in different rooms, see
// one of them click, and leave.
func (s *server) visited(people, tabs int) {
	s.tb.Helper()
	var all sync.WaitGroup
	for range people {
		v := newVisitor(s.tb, s.url)
		v.get("/").wantStatus(s.tb, http.StatusOK)
		v.client.CloseIdleConnections()
		for i := range tabs {
			all.Go(func() {
				l := tryListen(s.tb, v, fmt.Sprint("room-", i))
				if l == nil {
					return
				}
				switch i % 4 {
				case 0:
					_ = l.ws.WriteMessage(websocket.CloseMessage, nil) // it is cut anyway
				case 1:
					_ = l.command("unsubscribe", nil)
				case 2:
					_ = l.add("click-of-one-who-leaves")
				}
				l.leave()
			})
		}
	}
	all.Wait()
	waitFor(s.tb, "all to be gone", func() (string, bool) {
		n, told := s.metrics()["presence_sessions"]
		return fmt.Sprint(n, " sessions"), told && n == 0
	})
}

var (
	heapAlloc      = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
	goroutineCount = regexp.MustCompile(`^goroutine profile: total (\d+)`)
)

// size returns how many bytes of live objects a server has, and how many goroutines.
func (s *server) size() (heap, goroutines int) {
	s.tb.Helper()
	admin := newVisitor(s.tb, s.admin)
	number := func(path string, of *regexp.Regexp) int {
		s.tb.Helper()
		a := admin.get(path)
		m := of.FindStringSubmatch(a.body)
		if m == nil {
			s.tb.Fatalf("%s says %s and no %v", path, a.Status, of)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			s.tb.Fatal(err)
		}
		return n
	}
	const collected = "/debug/pprof/heap?gc=1&debug=1"
	number(collected, heapAlloc) // pools give back what they hold at the second time only
	return number(collected, heapAlloc), number("/debug/pprof/goroutine?debug=1", goroutineCount)
}
