package keydbtest

import (
	"context"
	"errors"
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
	tb      testing.TB
	proxy   *toxiproxy.Proxy
	port    int
	delayed bool
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

// Addr returns where the link begins: who connects to it has target at its end.
func (l *Link) Addr() string { return l.proxy.Listen }

// Delay makes what target says take that long from now on.
func (l *Link) Delay(d time.Duration) {
	l.tb.Helper()
	if l.delayed {
		if err := l.proxy.Toxics.RemoveToxic(context.Background(), "delay"); err != nil {
			l.tb.Fatal(err)
		}
	}
	toxic := fmt.Sprintf(`{"name":"delay","type":"latency","stream":"downstream","attributes":{"latency":%d}}`, d.Milliseconds())
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		l.tb.Fatal(err)
	}
	l.delayed = true
}

// Cut breaks the link: connections end, what was under way over them is lost, and no
// new one is made.
func (l *Link) Cut() { l.proxy.Stop() }

// Heal ends a Cut, if there is one.
func (l *Link) Heal() {
	l.tb.Helper()
	if err := l.proxy.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		l.tb.Fatal(err)
	}
}
