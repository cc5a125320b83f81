package cable

import (
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	sessions      prometheus.Gauge
	subscriptions prometheus.Gauge
	deliveries    prometheus.Counter
	overflows     prometheus.Counter
	superseded    prometheus.Counter
	events        prometheus.Counter
	compressions  prometheus.Counter
	compressing   prometheus.Counter
	input         prometheus.Counter
	saved         prometheus.Counter
	closed        *prometheus.CounterVec // by reason
	refused       *prometheus.CounterVec // by reason
	handshakes    *prometheus.CounterVec // by reason
}

func newMetrics(r prometheus.Registerer, log *slog.Logger) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return register(r, log, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
	}
	counter := func(name, help string) prometheus.Counter {
		return register(r, log, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	byReason := func(name, help string) *prometheus.CounterVec {
		return register(r, log, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"reason"}))
	}
	return &metrics{
		sessions:      gauge("presence_sessions", "Open sessions."),
		subscriptions: gauge("presence_subscriptions", "Subscriptions of open sessions."),
		deliveries:    counter("presence_deliveries_total", "Messages that broadcasts gave to sessions."),
		overflows:     counter("presence_outbox_overflows_total", "Sessions closed because their outbox was full."),
		superseded:    counter("presence_frames_superseded_total", "Frames that waited for a slow session until a newer one of the same fragment took their place."),
		events:        counter("presence_session_events_total", "Events handed on."),
		compressions:  counter("presence_compressions_total", "Messages compressed, each once for all sessions."),
		compressing:   counter("presence_compression_seconds_total", "Time that compressing them took."),
		input:         counter("presence_compression_input_bytes_total", "Bytes of compressed messages, for each session that got one, without it."),
		saved:         counter("presence_compression_saved_bytes_total", "Bytes that sessions were spared by it."),
		closed:        byReason("presence_sessions_closed_total", "Ended sessions by reason."),
		refused:       byReason("presence_frames_refused_total", "Frames of browsers that were refused or ignored, by reason."),
		handshakes:    byReason("presence_handshakes_refused_total", "Connections refused before they became a session, by reason."),
	}
}

// register registers c, or returns what a server before it has registered under
// the same name.
func register[C prometheus.Collector](r prometheus.Registerer, log *slog.Logger, c C) C {
	if r == nil {
		return c
	}
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	if err != nil {
		log.Error("metric not registered", slog.Any("err", err))
	}
	return c
}
