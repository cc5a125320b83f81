package process_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// records keeps what is logged, each record as its attributes by name.
type records struct {
	mu   sync.Mutex
	all  []map[string]any // guarded by mu
	wake chan struct{}
	text string // closes wake when a feature says it; "" once it has; guarded by mu
}

// logWith returns a logger and a channel that is closed once a feature has
// logged text.
func logWith(text string) (*slog.Logger, <-chan struct{}) {
	r := &records{wake: make(chan struct{}), text: text}
	return slog.New(&recorder{records: r}), r.wake
}

func (r *records) add(record map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, record)
	if r.text != "" && (record["text"] == r.text || record["line"] == r.text) {
		close(r.wake)
		r.text = ""
	}
}

// find returns the first record whose attribute name has a value.
func (r *records) find(name string, value any) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(record map[string]any) bool { return record[name] == value })
	if i < 0 {
		return nil
	}
	return r.all[i]
}

// pauses returns how long each restart so far was to wait.
func (r *records) pauses() (all []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range r.all {
		if record[slog.MessageKey] == "feature restarts" {
			all = append(all, record["pause"].(time.Duration))
		}
	}
	return all
}

// recorder is a slog.Handler for records. It knows no groups but as values.
type recorder struct {
	*records
	attrs []slog.Attr
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &recorder{records: r.records, attrs: slices.Concat(r.attrs, attrs)}
}

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	out := map[string]any{slog.LevelKey: rec.Level, slog.MessageKey: rec.Message}
	add := func(a slog.Attr) bool {
		out[a.Key] = a.Value.Any()
		return true
	}
	for _, a := range r.attrs {
		add(a)
	}
	rec.Attrs(add)
	r.add(out)
	return nil
}
