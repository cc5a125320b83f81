package bench

import (
	"fmt"
	"net"
	"sync"
)

// watchConn reads from a socket with a goroutine of its own.
func watchConn(s *shard, ended *sync.WaitGroup, k *socket, c net.Conn) {
	k.conn = c
	s.add(k)
	ended.Go(func() {
		b := make([]byte, 4<<10)
		for {
			n, err := c.Read(b)
			s.mu.Lock()
			if err == nil {
				err = s.take(k, b[:n])
			} else {
				err = fmt.Errorf("the socket broke: %w", err)
			}
			if err != nil {
				s.drop(k, err)
			}
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
}

// closeConns closes the sockets that have a goroutine of their own, which ends it.
func closeConns(s *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if c, ok := k.conn.(net.Conn); ok {
			_ = c.Close() // the server may have been first
		}
	}
}
