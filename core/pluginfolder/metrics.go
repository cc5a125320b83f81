package pluginfolder

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count the files. The zero value counts nothing.
type metrics struct{ files *prometheus.GaugeVec }

func newMetrics(r prometheus.Registerer) (metrics, error) {
	if r == nil {
		return metrics{}, nil
	}
	files := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "presence_plugin_files",
		Help: "Files in the plugin folder by what has become of them: running, refused, waiting for the rest of it, or ignored.",
	}, []string{"state"})
	err := r.Register(files)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(*prometheus.GaugeVec); ok {
			files, err = existing, nil
		}
	}
	if err != nil {
		return metrics{}, fmt.Errorf("register metrics: %w", err)
	}
	return metrics{files}, nil
}

func (m metrics) set(count map[State]int) {
	if m.files == nil {
		return
	}
	for _, s := range []State{Waiting, Running, Refused, Ignored} {
		m.files.WithLabelValues(string(s)).Set(float64(count[s]))
	}
}
