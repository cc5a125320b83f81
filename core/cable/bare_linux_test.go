package cable_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// BenchmarkBare is the floor below BenchmarkServer_Crowd: nothing but a system call for
// each socket, without a queue, pings or care for slow readers.
func BenchmarkBare(b *testing.B) {
	for _, l := range loads {
		b.Run(fmt.Sprintf("sockets=%d", l.sockets), func(b *testing.B) {
			w := startBare(b)
			c := startCrowdAt(b, w.ln.Addr().String(), l.sockets)
			c.loads(b, l, w.broadcast)
		})
	}
}

// bare is a server that knows one room and writes to all sockets in turn.
type bare struct {
	ln    net.Listener
	mu    sync.Mutex
	conns []syscall.RawConn // guarded by mu
}

func startBare(b *testing.B) *bare {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	w := &bare{ln: ln}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.serve(b, conn) })
		}
	})
	b.Cleanup(func() { // the crowd has gone before
		ln.Close()
		all.Wait()
	})
	return w
}

func (w *bare) serve(b *testing.B, conn net.Conn) {
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		b.Error(err)
		return
	}
	buf := make([]byte, 1024)
	for _, answer := range []string{"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x07welcome", "\x81\x14confirm_subscription"} {
		if _, err := conn.Read(buf); err != nil {
			b.Error(err)
			return
		}
		if strings.Contains(answer, "confirm") {
			w.mu.Lock()
			w.conns = append(w.conns, raw)
			w.mu.Unlock()
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			b.Error(err)
			return
		}
	}
	_, _ = conn.Read(buf) // until it closes
}

func (w *bare) broadcast(message []byte) {
	frame := append([]byte{0x81, 126, 0, 0}, message...)
	binary.BigEndian.PutUint16(frame[2:], uint16(len(message)))
	w.mu.Lock()
	defer w.mu.Unlock()
	write := func(fd uintptr) bool {
		n, err := syscall.Write(int(fd), frame)
		return n == len(frame) || err != nil && err != syscall.EAGAIN
	}
	for _, raw := range w.conns {
		_ = raw.Write(write)
	}
}
