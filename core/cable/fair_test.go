package cable_test

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/global-presence/presence/core/cable"
)

// watched is a listener that tells of each write to the sockets of its connections.
type watched struct {
	net.Listener
	accepted int
	wrote    func(conn int) // by number, in the order of their coming
}

type watchedConn struct {
	*net.TCPConn
	wrote func()
}

type watchedSocket struct {
	syscall.RawConn
	wrote func()
}

func (l *watched) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	n := l.accepted
	l.accepted++
	return &watchedConn{c.(*net.TCPConn), func() { l.wrote(n) }}, nil
}

func (c *watchedConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.TCPConn.SyscallConn()
	return watchedSocket{raw, c.wrote}, err
}

func (s watchedSocket) Control(f func(fd uintptr)) error {
	s.wrote()
	return s.RawConn.Control(f)
}

// TestShard_Fair broadcasts to a room with one page while a shard is busy with a
// thousand others: the page waits for a slice of those and not for all.
func TestShard_Fair(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows sessions have writers of their own")
	}
	for _, busy := range []struct {
		name string
		ping time.Duration
		with func(s *server)
	}{
		{"Room", time.Hour, func(s *server) { s.Broadcast(cable.Stream{Room: "crowded"}, []byte(`"all"`)) }},
		{"Pings", 190 * time.Millisecond, func(*server) {}}, // less than a tick, so that all have theirs at once
	} {
		t.Run(busy.name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one shard
			const many, begun = 1000, 10
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var s *server
			var armed atomic.Bool
			var others atomic.Int64 // writes to the thousand
			before := make(chan int64, 1)
			ln := &watched{Listener: inner, wrote: func(conn int) {
				switch {
				case !armed.Load():
				case conn > 0:
					if others.Add(1) == begun {
						s.Broadcast(cable.Stream{Room: "lone"}, []byte(`"now"`))
					}
				case others.Load() >= begun:
					armed.Store(false)
					before <- others.Load()
				}
			}}
			s = startServerOn(t, cable.Config{MaxSessions: many + 1, PingInterval: busy.ping}, ln)
			lone := open(t, s, "")
			lone.join("lone")
			for range many {
				open(t, s, "").join("crowded")
			}
			armed.Store(true)
			busy.with(s)
			lone.wantMessage(`"now"`)
			if n := <-before; n > begun+2*cable.Slice {
				t.Errorf("written after %d of the others, want at most %d", n, begun+2*cable.Slice)
			}
		})
	}
}

// TestBroadcast_Waits publishes more than this process can write: it waits, so that
// what waits to be written is bounded, and nobody is closed for it.
func TestBroadcast_Waits(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows sessions have writers of their own")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one shard
	const messages = 5 * cable.MostJobs
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var stuck atomic.Bool
	gate := make(chan struct{})
	s := startServerOn(t, cable.Config{Outbox: messages, OutboxBytes: 1 << 30, PingInterval: 1 << 40}, &watched{Listener: inner, wrote: func(int) {
		if stuck.Load() {
			<-gate
		}
	}})
	c := open(t, s, "")
	c.join("home")
	stuck.Store(true)
	var published atomic.Int64
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for n := range messages {
			s.Broadcast(cable.Stream{Room: "home"}, fmt.Append(nil, n))
			published.Add(1)
		}
	})
	waitFor(t, "the publisher to fill the queue", func() bool { return published.Load() >= cable.MostJobs })
	for range 1000 { // it has the processor now, and would go on if it could
		runtime.Gosched()
	}
	const most = 2*cable.MostJobs + 1 // those that the shard has taken, those that wait, and the one in its hand
	if n := published.Load(); n > most {
		t.Errorf("%d messages published while none was written, want at most %d", n, most)
	}
	stuck.Store(false)
	close(gate)
	for n := range messages {
		c.wantMessage(fmt.Sprint(n))
	}
	publisher.Wait()
}
