package keydb

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a store's. The zero value counts nothing.
type metrics struct {
	servers *prometheus.GaugeVec
	losses  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	wakes   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	if r == nil {
		return metrics{}
	}
	return metrics{
		servers: register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "presence_keydb_up",
			Help: "Whether the store's server is there, by what it is for: write or read.",
		}, []string{"server"})),
		losses: register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "presence_keydb_losses_total",
			Help: "How often the store's server went away, by what it is for: write or read.",
		}, []string{"server"})),
		seconds: register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "presence_keydb_call_seconds",
			Help:    "Time from a call of the store to its answer, by call: write, restore, read, load, sites or health.",
			Buckets: prometheus.ExponentialBuckets(5e-5, 2.5, 13), // 50 µs to 3 s
		}, []string{"call"})),
		wakes: register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "presence_keydb_wakes_total",
			Help: "Notifications that a log has grown.",
		})),
	}
}

// serverMetrics are those of one server.
type serverMetrics struct {
	gauge   prometheus.Gauge
	counter prometheus.Counter
}

func (m metrics) server(name string) serverMetrics {
	if m.servers == nil {
		return serverMetrics{}
	}
	return serverMetrics{m.servers.WithLabelValues(name), m.losses.WithLabelValues(name)}
}

func (m serverMetrics) back() {
	if m.gauge != nil {
		m.gauge.Set(1)
	}
}

func (m serverMetrics) down() {
	if m.gauge != nil {
		m.gauge.Set(0)
		m.counter.Inc()
	}
}

func (m metrics) call(name string, start time.Time) {
	if m.seconds != nil {
		m.seconds.WithLabelValues(name).Observe(time.Since(start).Seconds())
	}
}

func (m metrics) wake() {
	if m.wakes != nil {
		m.wakes.Inc()
	}
}

// register returns c, or the collector of the same description that is there
// already.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return there.ExistingCollector.(C)
	}
	if err != nil {
		panic(fmt.Sprintf("register metric: %v", err)) // two metrics of one name: a bug above
	}
	return c
}
