package cable_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// runCrowd is the other process, if this is it.
func runCrowd() (is bool) {
	what, is := os.LookupEnv(crowdVariable)
	if !is {
		return false
	}
	var address, name string
	var sockets int
	var deflate bool
	if _, err := fmt.Sscan(what, &address, &sockets, &deflate, &name); err != nil {
		panic(err)
	}
	page := mapCounters(nil, name)
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the benchmark ends
		os.Exit(0)
	}()
	poll, err := syscall.EpollCreate1(0)
	if err != nil {
		panic(err)
	}
	members := make([]member, 1<<16) // by descriptor
	var dialers sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(sockets))
	for range 32 {
		dialers.Go(func() {
			for left.Add(-1) >= 0 {
				fd := joinCrowd(address, deflate)
				event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
				if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
					panic(err)
				}
				page.ready.Add(1)
			}
		})
	}
	dialers.Wait()
	events, buf := make([]syscall.EpollEvent, 256), make([]byte, 256<<10)
	for {
		n, err := syscall.EpollWait(poll, events, -1)
		if err != nil && err != syscall.EINTR {
			panic(err)
		}
		seen := int64(0)
		for _, e := range events[:max(0, n)] {
			size, err := syscall.Read(int(e.Fd), buf)
			if err != nil || size == 0 {
				panic(fmt.Sprint("crowd: read: ", size, " ", err))
			}
			seen += members[e.Fd].take(int(e.Fd), buf[:size], page, time.Now())
		}
		page.delivered.Add(seen)
	}
}

// joinCrowd connects, subscribes to the room "home" and reads the confirm.
func joinCrowd(address string, deflate bool) (fd int) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	to := netip.MustParseAddrPort(address)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(err)
	must(syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
	say := func(b []byte) {
		_, err := syscall.Write(fd, b)
		must(err)
	}
	hear := func(until string) {
		got, b := []byte{}, make([]byte, 4096)
		for !bytes.Contains(got, []byte(until)) {
			n, err := syscall.Read(fd, b)
			must(err)
			if got = append(got, b[:n]...); n == 0 {
				panic(fmt.Sprintf("crowd: end after %q", got))
			}
		}
	}
	extensions := ""
	if deflate {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	say([]byte("GET /cable HTTP/1.1\r\nHost: crowd\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n" + extensions + "\r\n"))
	hear("welcome")
	command := `{"command":"subscribe","identifier":"{\"channel\":\"Live\",\"room\":\"home\"}"}`
	say(append([]byte{0x81, 0x80 | byte(len(command)), 0, 0, 0, 0}, command...))
	hear("confirm_subscription")
	return fd
}

// member is a socket of a crowd in the middle of reading frames.
type member struct {
	head [4]byte
	n    int // bytes of head that are there
	skip int // bytes of the payload still to come
}

var pong = []byte{0x8A, 0x80, 0, 0, 0, 0}

// take counts the messages that begin in b, and answers pings as browsers do.
func (m *member) take(fd int, b []byte, page *counters, now time.Time) (seen int64) {
	for len(b) > 0 {
		if m.skip > 0 {
			n := min(m.skip, len(b))
			b, m.skip = b[n:], m.skip-n
			continue
		}
		m.head[m.n] = b[0]
		m.n++
		b = b[1:]
		switch {
		case m.n < 2:
		case m.head[1] < 126: // a ping, of ActionCable or of the WebSocket
			if m.head[0] == 0x89 {
				if _, err := syscall.Write(fd, pong); err != nil {
					panic(err)
				}
			}
			m.n, m.skip = 0, int(m.head[1])
		case m.n == 4:
			m.n, m.skip = 0, int(binary.BigEndian.Uint16(m.head[2:]))
			page.bytes.Add(int64(4 + m.skip))
			seen++
			if m.skip <= len(b) && m.skip < 1000 {
				if at := bytes.Index(b[:m.skip], []byte(stampMark)); at >= 0 {
					at += len(stampMark)
					if ns, err := strconv.ParseInt(string(b[at:at+19]), 10, 64); err == nil {
						page.latency[bucket(now.Sub(time.Unix(0, ns)))].Add(1)
					}
				}
			}
		}
	}
	return seen
}
