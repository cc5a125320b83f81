package bench_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/global-presence/presence/core/bench"
)

// A run ends with an error when no socket is left, whatever becomes of what is
// published meanwhile.
func TestRun_NoSocketLeft(t *testing.T) {
	for _, phase := range []string{"rate", "saturation", "click"} {
		for _, answers := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/answers=%v", phase, answers), func(t *testing.T) {
				t.Parallel()
				for range 4 { // it is a race
					a := startAnyCable(t)
					a.broadcast = func(n int) {
						if n < 10 {
							return
						}
						a.cut(0)
						if !answers {
							panic(http.ErrAbortHandler)
						}
					}
					cfg := anycableConfig(a)
					cfg.Phases, cfg.Time, cfg.InFlight = []string{phase}, time.Minute, 64
					r, err := bench.Run(t.Context(), cfg)
					if err == nil || r.Error != err.Error() || answers && !strings.Contains(err.Error(), "no socket is left; the first to go: ") {
						t.Fatalf("Run = %v, and the report says %q; want an error that says what is gone", err, r.Error)
					}
				}
			})
		}
	}
}

// Where all sockets of one goroutine are gone, the others go on.
func TestRun_HalfLost(t *testing.T) {
	a := startAnyCable(t)
	a.broadcast = func(n int) {
		if n == 10 {
			a.cut(1)
		}
	}
	cfg := anycableConfig(a)
	cfg.Sockets, cfg.Phases, cfg.Time = 2, []string{"click", "saturation"}, time.Second
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Phases {
		if p.Published <= 10 || p.Missing != 0 || p.Sockets != 1 || p.Seconds > patience.Seconds() {
			t.Errorf("%s: %+v, want it to go on with one socket", p.Name, p)
		}
	}
}

// What sockets got that are gone since makes up for nothing that others lack.
func TestRun_Missing(t *testing.T) {
	a := startAnyCable(t)
	a.broadcast = func(n int) {
		switch n {
		case 2:
			a.mu.Lock()
			a.deaf = map[net.Conn]bool{}
			for _, c := range a.sockets[:10] {
				a.deaf[c] = true
			}
			a.mu.Unlock()
		case 30:
			a.cut(10)
		}
	}
	cfg := anycableConfig(a)
	cfg.Sockets, cfg.Phases, cfg.Patience = 20, []string{"rate"}, 10*time.Second
	r, err := bench.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "rate: 300 deliveries are missing 10s after the last event, of ") {
		t.Errorf("Run = %v, want an error that tells of 300 deliveries", err)
	}
	if p := r.Phases[0]; p.Published != 30 || p.Missing != 300 || p.Sockets != 10 {
		t.Errorf("rate: %+v; want 30 events that 10 sockets lack", p)
	}
}

// What the server puts off is told, and does not last longer than patience does.
func TestRun_PutOff(t *testing.T) {
	a := startAnyCable(t)
	var put atomic.Int64
	var never atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if put.Add(1)%3 == 2 || never.Load() {
			http.Error(w, "not so fast", http.StatusTooManyRequests)
			return
		}
		a.publish(w, r)
	}))
	defer front.Close()
	cfg := anycableConfig(a)
	cfg.Phases, cfg.Publish = []string{"rate"}, front.URL
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := r.Tell(&table); err != nil || r.Phases[0].Refused < 10 || !strings.Contains(table.String(), "rate: the server put off ") {
		t.Errorf("%d refusals, %v, and the table says:\n%s", r.Phases[0].Refused, err, table.String())
	}
	never.Store(true)
	cfg.Patience = 4 * time.Second
	if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "not so fast") {
		t.Errorf("Run = %v, want an error with the server's reason", err)
	}
}

// A server that stops telling what it uses spoils no figure.
func TestRun_NothingTold(t *testing.T) {
	a := startAnyCable(t)
	var told atomic.Int64
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if told.Add(1) > 4 { // at the start, before and after the sockets, and before the phase
			http.Error(w, "gone", http.StatusGone)
			return
		}
		fmt.Fprintf(w, "process_cpu_seconds_total %d\nprocess_resident_memory_bytes 1e+07\n", 10*told.Load())
	}))
	defer metrics.Close()
	cfg := anycableConfig(a)
	cfg.Phases, cfg.Metrics = []string{"idle"}, metrics.URL
	r, err := bench.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "410") {
		t.Errorf("Run = %v, want an error that tells of 410", err)
	}
	if p := r.Phases[0]; p.Server != nil || p.Seconds > 1000 || p.OwnCPUSeconds < 0 {
		t.Errorf("idle: %+v; want nothing of the server", p)
	}
}

// Also when it is before anything is measured.
func TestRun_NoSocketLeft_first(t *testing.T) {
	a := startAnyCable(t)
	a.broadcast = func(int) { a.cut(0) }
	cfg := anycableConfig(a)
	_, err := bench.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "no socket is left; the first to go: ") {
		t.Errorf("Run = %v, want an error that says that no socket is left", err)
	}
}
