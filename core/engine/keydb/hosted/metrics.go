package hosted

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the server's.
type metrics struct {
	up       prometheus.Gauge
	restarts prometheus.Counter
	peers    prometheus.Gauge
	linksUp  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "presence_keydb_server_up",
			Help: "Whether the server that this binary runs answers.",
		}),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "presence_keydb_server_restarts_total",
			Help: "How many times the server was started again.",
		}),
		peers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "presence_keydb_server_peers",
			Help: "How many other servers this one is to copy from.",
		}),
		linksUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "presence_keydb_server_links_up",
			Help: "How many of the links to peers are up.",
		}),
	}
	if r == nil {
		return m, nil
	}
	if err := errors.Join(r.Register(m.up), r.Register(m.restarts), r.Register(m.peers), r.Register(m.linksUp)); err != nil {
		return nil, fmt.Errorf("register metrics of the server: %w", err)
	}
	return m, nil
}
