package keydbtest

import (
	"context"
	"strconv"
	"strings"
	"testing"
)

// StartReplica starts a read replica of primary and waits until it has copied it.
func StartReplica(tb testing.TB, primary *Server, opts Options) *Server {
	tb.Helper()
	if opts.Program == "" {
		opts.Program = primary.opts.Program
	}
	if opts.Password == "" {
		opts.Password = primary.opts.Password
	}
	s := Start(tb, opts)
	before := primary.online()
	s.Follow(primary)
	s.WaitLinks()
	primary.waitReplicas(before + 1)
	return s
}

// StartMesh starts n KeyDB servers that are active replicas of each other and waits
// until all links are up.
func StartMesh(tb testing.TB, n int, opts Options) []*Server {
	tb.Helper()
	opts.Program = "keydb-server"
	opts.Args = append([]string{"--active-replica", "yes", "--multi-master", "yes", "--server-threads", "1"}, opts.Args...)
	servers := make([]*Server, n)
	for i := range servers {
		servers[i] = Start(tb, opts)
	}
	for _, s := range servers {
		for _, peer := range servers {
			if peer != s {
				s.Follow(peer)
			}
		}
	}
	for _, s := range servers {
		s.WaitLinks()
		s.waitReplicas(n - 1)
	}
	return servers
}

// Follow has the server copy another one, now and after each Restart.
func (s *Server) Follow(peer *Server) {
	s.tb.Helper()
	s.peers = append(s.peers, peer)
	s.Do("REPLICAOF", "127.0.0.1", peer.Port)
}

// follow repeats what Follow said.
func (s *Server) follow() {
	s.tb.Helper()
	for _, peer := range s.peers {
		s.Do("REPLICAOF", "127.0.0.1", peer.Port)
	}
}

// WaitLinks waits until the links over which the server copies others are up.
func (s *Server) WaitLinks() {
	s.tb.Helper()
	s.Until("links up", func(ctx context.Context) (string, bool) {
		text, err := s.client.Info(ctx, "replication").Result()
		if err != nil {
			return err.Error(), false
		}
		return text, strings.Count(text, "_link_status:up")-strings.Count(text, "master_global_link_status:up") >= len(s.peers)
	})
}

// online returns how many servers copy this one.
func (s *Server) online() int {
	s.tb.Helper()
	text, err := s.client.Info(context.Background(), "replication").Result()
	if err != nil {
		s.tb.Fatal(err)
	}
	return strings.Count(text, "state=online")
}

// waitReplicas waits until n servers copy this one.
func (s *Server) waitReplicas(n int) {
	s.tb.Helper()
	s.Until("replicas", func(context.Context) (string, bool) {
		got := s.online()
		return strconv.Itoa(got), got >= n
	})
}
