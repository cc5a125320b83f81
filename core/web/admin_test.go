package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/web"
)

// startAdmin runs an admin side until the test ends and returns a way to ask it.
func startAdmin(t *testing.T, ready func() error) (ask func(method, path string) (status int, body string)) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	hits := prometheus.NewCounter(prometheus.CounterOpts{Name: "presence_test_hits_total", Help: "Hits."})
	registry.MustRegister(hits)
	hits.Add(3)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- web.NewAdmin(web.AdminConfig{Gatherer: registry, Ready: ready, Bus: adminBus{}, Features: adminFeatures}).Run(ctx, ln)
	}()
	transport := &http.Transport{}
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		if err := receive(t, ended, "the admin side to stop"); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	return func(method, path string) (int, string) {
		t.Helper()
		res := send(t, &http.Client{Transport: transport, Timeout: patience}, method, "http://"+ln.Addr().String()+path, "")
		return res.StatusCode, res.body
	}
}

func TestAdmin(t *testing.T) {
	ask := startAdmin(t, func() error { return nil })
	for _, tt := range []struct {
		method, path string
		status       int
		body         string // a part
	}{
		{"GET", "/", 200, "/healthz"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ready\n"},
		{"GET", "/metrics", 200, "presence_test_hits_total 3\n"},
		{"GET", "/debug/pprof/", 200, "goroutine"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", "/debug/pprof/cmdline", 200, ".test"},
		{"GET", "/debug/pprof/symbol", 200, "num_symbols"},
		{"GET", "/nothing", 404, ""},
		{"POST", "/healthz", 405, ""},
		{"DELETE", "/metrics", 405, ""},
	} {
		status, body := ask(tt.method, tt.path)
		if status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("%s %s = %d, %.200q, want %d, %q", tt.method, tt.path, status, body, tt.status, tt.body)
		}
	}
}

func TestAdmin_NotReady(t *testing.T) {
	var missing atomic.Pointer[error]
	missing.Store(new(errors.New("features not up yet: lamp")))
	ask := startAdmin(t, func() error { return *missing.Load() })
	if status, body := ask("GET", "/readyz"); status != 503 || body != "features not up yet: lamp\n" {
		t.Errorf("GET /readyz = %d, %q, want 503 and what is missing", status, body)
	}
	if status, _ := ask("GET", "/healthz"); status != 200 {
		t.Errorf("GET /healthz = %d, want 200: a restart would not help", status)
	}
	missing.Store(new(error(nil)))
	if status, body := ask("GET", "/readyz"); status != 200 {
		t.Errorf("GET /readyz = %d, %q, want 200", status, body)
	}
}

func TestAdmin_Run(t *testing.T) {
	t.Run("Ended", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := web.NewAdmin(web.AdminConfig{Gatherer: prometheus.NewRegistry(), Ready: func() error { return nil }, Bus: adminBus{}, Features: adminFeatures}).Run(ctx, ln); err != nil {
			t.Errorf("Run with an ended context = %v, want nil", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener says %v, want %v", err, net.ErrClosed)
		}
	})
	t.Run("ErrListener", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		err = web.NewAdmin(web.AdminConfig{Gatherer: prometheus.NewRegistry(), Ready: func() error { return nil }, Bus: adminBus{}, Features: adminFeatures}).Run(t.Context(), ln)
		if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "serve admin address") {
			t.Errorf("Run with a closed listener = %v, want it told", err)
		}
	})
}

// adminFeatures are two features, one of which has gone wrong.
func adminFeatures() []web.FeatureState {
	since := time.Date(2026, 11, 29, 1, 12, 7, 0, time.UTC)
	return []web.FeatureState{
		{Name: "lamp", Title: "Lamp", Up: true, Since: since},
		{Name: "bad", Title: "<b>Bad", Since: since, Restarts: 3, LastError: "process ended: <script>alert(1)</script>"},
	}
}

// How features do is told as JSON and on the front page, where what a feature says of
// itself is text.
func TestAdmin_Features(t *testing.T) {
	ask := startAdmin(t, func() error { return nil })
	status, body := ask("GET", "/features")
	var told struct{ Features []web.FeatureState }
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK {
		t.Fatalf("GET /features = %d, %v:\n%s", status, err, body)
	}
	if diff := cmp.Diff(adminFeatures(), told.Features); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	if strings.Contains(body, "<") {
		t.Errorf("GET /features holds markup:\n%s", body)
	}
	_, front := ask("GET", "/")
	for _, want := range []string{"<td>up</td>", "<td>resting</td>", "<td>3</td>", "&lt;b&gt;Bad", "&lt;script&gt;", `datetime="2026-11-29T01:12:07Z"`} {
		if !strings.Contains(front, want) {
			t.Errorf("the front page lacks %s:\n%s", want, front)
		}
	}
	if strings.Contains(front, "<script") {
		t.Errorf("the front page has a script:\n%s", front)
	}
}
