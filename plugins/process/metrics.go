package process

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are one feature's. The zero value counts nothing.
type metrics struct {
	forget func() // nil without a registry

	up       prometheus.Gauge
	restarts prometheus.Counter
	handle   prometheus.Observer
	render   prometheus.Observer
}

// newMetrics registers the metrics, or finds those that another feature has
// registered: they differ in the label "feature" only.
func newMetrics(r prometheus.Registerer, feature string) (metrics, error) {
	if r == nil {
		return metrics{}, nil
	}
	up, err1 := register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "presence_plugin_up",
		Help: "Whether the feature's process is running and answering.",
	}, []string{"feature"}))
	restarts, err2 := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "presence_plugin_restarts_total",
		Help: "How many times the feature's process was started again.",
	}, []string{"feature"}))
	calls, err3 := register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "presence_plugin_call_seconds",
		Help:    "How long the feature took to answer, failures included.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2.5, 12), // 50 µs to 1.2 s
	}, []string{"feature", "call"}))
	if err := errors.Join(err1, err2, err3); err != nil {
		return metrics{}, fmt.Errorf("register metrics of plugin %q: %w", feature, err)
	}
	return metrics{
		forget: func() {
			labels := prometheus.Labels{"feature": feature}
			up.DeletePartialMatch(labels)
			restarts.DeletePartialMatch(labels)
			calls.DeletePartialMatch(labels)
		},
		up:       up.WithLabelValues(feature),
		restarts: restarts.WithLabelValues(feature),
		handle:   calls.WithLabelValues(feature, "handle"),
		render:   calls.WithLabelValues(feature, "render"),
	}, nil
}

// Forget takes the plugin's metrics out of the registry: what it counts from here on is
// not told, and another plugin of the same name begins anew.
func (p *Plugin) Forget() {
	if p.metrics.forget != nil {
		p.metrics.forget()
	}
}

func register[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return c, err
}

func (m metrics) setUp(up bool) {
	if m.up == nil {
		return
	}
	if up {
		m.up.Set(1)
	} else {
		m.up.Set(0)
	}
}

func (m metrics) restarted() {
	if m.restarts != nil {
		m.restarts.Inc()
	}
}

func observe(o prometheus.Observer, since time.Time) {
	if o != nil {
		o.Observe(time.Since(since).Seconds())
	}
}
