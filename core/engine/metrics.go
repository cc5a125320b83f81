package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what passes a Committer. A nil *metrics counts nothing.
type metrics struct {
	taken, refused, unavailable, left prometheus.Counter
	seconds, group, changes           prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	appends := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "presence_engine_appends_total",
		Help: "Batches given to the log, by result: taken, refused (breaks a rule), unavailable (store down), left (the caller stopped waiting).",
	}, []string{"result"}))
	return &metrics{
		taken:       appends.WithLabelValues("taken"),
		refused:     appends.WithLabelValues("refused"),
		unavailable: appends.WithLabelValues("unavailable"),
		left:        appends.WithLabelValues("left"),
		seconds: register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "presence_engine_append_seconds",
			Help:    "Time from the call of Append until the store had taken the batch.",
			Buckets: prometheus.ExponentialBuckets(1e-5, 2.5, 15), // 10 µs to 3.7 s
		})),
		group: register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "presence_engine_write_appends",
			Help:    "How many Append calls shared one write.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		})),
		changes: register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "presence_engine_write_changes",
			Help:    "How many changes one write held.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		})),
	}
}

func (m *metrics) append(took time.Duration, err error) {
	switch {
	case m == nil:
	case err == nil:
		m.taken.Inc()
		m.seconds.Observe(took.Seconds())
	case errors.Is(err, ErrRefused):
		m.refused.Inc()
	case errors.Is(err, ErrUnavailable):
		m.unavailable.Inc()
	default:
		m.left.Inc()
	}
}

func (m *metrics) write(appends, changes int) {
	if m != nil {
		m.group.Observe(float64(appends))
		m.changes.Observe(float64(changes))
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
