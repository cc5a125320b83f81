package keydbtest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is the network over which one server copies another. It can be slow, and it
// can break.
type Link struct {
	tb    testing.TB
	proxy *toxiproxy.Proxy
	port  int
}

// StartLink starts a network to target until the test ends.
func StartLink(tb testing.TB, target *Server) *Link {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{tb: tb, proxy: toxiproxy.NewProxy(server, "link", "127.0.0.1:0", target.Addr())}
	if err := l.proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.proxy.Listen)
	if err != nil {
		tb.Fatal(err)
	}
	if l.port, err = strconv.Atoi(port); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Cut)
	return l
}

// Delay makes what target says take that long. It is set before the link is used.
func (l *Link) Delay(d time.Duration) {
	l.tb.Helper()
	toxic := fmt.Sprintf(`{"type":"latency","stream":"downstream","attributes":{"latency":%d}}`, d.Milliseconds())
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		l.tb.Fatal(err)
	}
}

// Cut breaks the link: connections end and no new one is made.
func (l *Link) Cut() { l.proxy.Stop() }

// Heal ends a Cut.
func (l *Link) Heal() {
	l.tb.Helper()
	if err := l.proxy.Start(); err != nil {
		l.tb.Fatal(err)
	}
}

// FollowOver is Follow over a link.
func (s *Server) FollowOver(l *Link) {
	s.tb.Helper()
	s.Do("REPLICAOF", "127.0.0.1", l.port)
}

// WaitUp waits until n links are up.
func (s *Server) WaitUp(n int) {
	s.tb.Helper()
	s.Until("links up", func(ctx context.Context) (string, bool) {
		text, err := s.client.Info(ctx, "replication").Result()
		if err != nil {
			return err.Error(), false
		}
		return text, strings.Count(text, "_link_status:up")-strings.Count(text, "master_global_link_status:up") >= n
	})
}
