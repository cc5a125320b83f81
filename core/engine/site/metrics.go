package site

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/state"
)

// metrics counts what an operator has to know of a site. A nil *metrics counts
// nothing.
type metrics struct {
	gaps, losses, cells prometheus.Counter
	ahead               prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, e *Engine) *metrics {
	if r == nil {
		return nil
	}
	m := &metrics{
		gaps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "presence_engine_gaps_total",
			Help: "Times that entries of a log could not be read any more, so that rooms were loaded again.",
		}),
		losses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "presence_engine_losses_total",
			Help: "Times that the store had lost entries of this site that it had acknowledged.",
		}),
		cells: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "presence_engine_restored_cells_total",
			Help: "Cells put back into the store after a loss or a change of a replication link.",
		}),
		ahead: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "presence_engine_stamp_ahead_seconds",
			Help: "How far the newest stamp read is ahead of this machine's clock. More than a few seconds: a clock is wrong somewhere.",
		}),
	}
	r.MustRegister(
		m.gaps, m.losses, m.cells, m.ahead,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "presence_engine_open",
			Help: "1 when writes are let through to the store, 0 while it is not synced or cannot be reached.",
		}, func() float64 {
			if e.closed() != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "presence_engine_remembered_bytes",
			Help: "About how many bytes of acknowledged writes are remembered, to be put back after a loss.",
		}, func() float64 { bytes, _ := e.memory.stats(); return float64(bytes) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "presence_engine_forgotten_early_total",
			Help: "Entries forgotten before their time since too many bytes were remembered; a loss of the store could not be made good for them.",
		}, func() float64 { _, cut := e.memory.stats(); return float64(cut) }),
	)
	return m
}

func (m *metrics) gap() {
	if m != nil {
		m.gaps.Inc()
	}
}

func (m *metrics) lost() {
	if m != nil {
		m.losses.Inc()
	}
}

func (m *metrics) restored(cells int) {
	if m != nil {
		m.cells.Add(float64(cells))
	}
}

func (m *metrics) read(id state.ID, now time.Time) {
	if m != nil {
		m.ahead.Set(max(0, id.Time().Sub(now).Seconds()))
	}
}
