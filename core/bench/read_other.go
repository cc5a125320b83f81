//go:build !linux

package bench

import (
	"net"
	"sync"
)

// reader reads for the sockets of a shard, with a goroutine for each.
type reader struct {
	shard *shard
	ended sync.WaitGroup
}

// openReader starts a reader; close ends it.
func openReader(s *shard) (*reader, error) { return &reader{shard: s}, nil }

// watch reads from a socket from now on. It takes c over.
func (r *reader) watch(k *socket, c net.Conn) error {
	watchConn(r.shard, &r.ended, k, c)
	return nil
}

// close ends reading and closes all sockets.
func (r *reader) close() {
	closeConns(r.shard)
	r.ended.Wait()
}
