package bus

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	events         *prometheus.CounterVec
	renderSeconds  *prometheus.HistogramVec
	renderFailures *prometheus.CounterVec
	cellsSent      prometheus.Counter
	unshown        prometheus.Counter
	unsent         prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, b *Bus) *metrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "presence_rooms", Help: "Rooms held in memory.",
	}, func() float64 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return float64(len(b.rooms))
	})
	return &metrics{
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "presence_events_total", Help: "Events answered, by feature and outcome.",
		}, []string{"feature", "outcome"}),
		renderSeconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "presence_render_seconds", Help: "Time a feature took to render one view, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 2, 14),
		}, []string{"feature"}),
		renderFailures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "presence_render_failures_total", Help: "Views that a feature did not render, or that were refused.",
		}, []string{"feature"}),
		cellsSent: f.NewCounter(prometheus.CounterOpts{
			Name: "presence_board_cells_sent_total", Help: "Painted cells that were sent to a room's pages, however many these are.",
		}),
		unshown: f.NewCounter(prometheus.CounterOpts{
			Name: "presence_signals_unshown_total", Help: "Signals that were not shown since newer ones filled the frame.",
		}),
		unsent: f.NewCounter(prometheus.CounterOpts{
			Name: "presence_signals_unsent_total", Help: "Signals that were dropped before the store had them.",
		}),
	}
}
