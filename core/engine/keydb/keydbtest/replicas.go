package keydbtest

import (
	"context"
	"slices"
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
	servers := make([]*Server, n)
	for i := range servers {
		servers[i] = startActive(tb, opts)
	}
	join(servers, func(s, peer *Server) { s.Follow(peer) })
	return servers
}

// StartMeshOver is StartMesh over links, with one server for each of opts. Server i
// copies server j over links[i][j].
func StartMeshOver(tb testing.TB, opts ...Options) (servers []*Server, links [][]*Link) {
	tb.Helper()
	for _, o := range opts {
		servers = append(servers, startActive(tb, o))
	}
	for i := range servers {
		links = append(links, make([]*Link, len(servers)))
		for j, peer := range servers {
			if i != j {
				links[i][j] = StartLink(tb, peer)
			}
		}
	}
	join(servers, func(s, peer *Server) {
		s.FollowOver(links[slices.Index(servers, s)][slices.Index(servers, peer)])
	})
	return servers, links
}

// startActive starts a KeyDB that may become a part of a mesh.
func startActive(tb testing.TB, opts Options) *Server {
	tb.Helper()
	opts.Program = "keydb-server"
	opts.Args = append([]string{"--active-replica", "yes", "--multi-master", "yes", "--server-threads", "1"}, opts.Args...)
	return Start(tb, opts)
}

// join has all servers copy each other and waits until they do.
func join(servers []*Server, follow func(s, peer *Server)) {
	for _, s := range servers {
		s.tb.Helper()
		for _, peer := range servers {
			if peer != s {
				follow(s, peer)
			}
		}
	}
	for _, s := range servers {
		s.WaitLinks()
		s.waitReplicas(len(servers) - 1)
	}
}

// Follow has the server copy another one, now and after each Restart.
func (s *Server) Follow(peer *Server) {
	s.tb.Helper()
	s.follow(peer.Port)
}

// FollowOver is Follow over a link.
func (s *Server) FollowOver(l *Link) {
	s.tb.Helper()
	s.follow(l.port)
}

func (s *Server) follow(port int) {
	s.tb.Helper()
	s.from = append(s.from, port)
	s.Do("REPLICAOF", "127.0.0.1", port)
}

// WaitLinks waits until the links over which the server copies others are up.
func (s *Server) WaitLinks() {
	s.tb.Helper()
	s.Until("links up", func(ctx context.Context) (string, bool) {
		text, err := s.client.Info(ctx, "replication").Result()
		if err != nil {
			return err.Error(), false
		}
		return text, strings.Count(text, "_link_status:up")-strings.Count(text, "master_global_link_status:up") >= len(s.from)
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
