package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/global-presence/presence/core/board"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/core/web/page"
	"github.com/global-presence/presence/plugins"
)

// AdminBus is what the admin side needs of the bus.
type AdminBus interface {
	Do(ctx context.Context, req bus.Request) bus.Outcome
	Board(ctx context.Context, room, feature string) (bus.Board, error)
	Manifests() []plugins.Manifest
}

// AdminConfig sets up an Admin. All fields are required.
type AdminConfig struct {
	Gatherer prometheus.Gatherer

	// Ready returns nil when events are taken, else what is missing.
	Ready func() error

	Bus AdminBus

	// Features returns how the features do, in page order.
	Features func() []FeatureState
}

// FeatureState is how a feature does, as GET /features tells it:
//
//	{"name":"lamp","title":"Lamp","up":true,"since":"2026-11-29T01:12:07.5Z","restarts":0,"lastError":""}
type FeatureState struct {
	// Name is the feature's, and Title its manifest's, "" before it is known.
	Name  string `json:"name"`
	Title string `json:"title"`

	// Up says that it answers, else it rests; Since when.
	Up    bool      `json:"up"`
	Since time.Time `json:"since"`

	// Restarts counts how often its process was started again, and LastError is why it
	// went down last, "" if it never did.
	Restarts  int    `json:"restarts"`
	LastError string `json:"lastError"`
}

// Admin serves whoever runs the binary, on an address that only they can reach:
//
//	/                                  what there is
//	/healthz                           200 while the process works
//	/readyz                            200 when it takes events, else 503 and what is missing
//	/features                          how the features do, as JSON {"features":[…]}
//	/metrics                           Prometheus
//	/debug/pprof/                      profiles
//	GET  /rooms/{room}/{feature}         forms for the events that people may not cause
//	GET  /rooms/{room}/{feature}/picture its board, ?scale=
//	POST /rooms/{room}/{feature}/{event} one of these events
//
// A POST answers with a page, or with JSON {"status":"ok","error":""} where Accept asks
// for that. Pages of other sites cannot post, and browsers only where the address has an
// IP address or localhost for a name: any other name may be made to lead here.
type Admin struct {
	cfg    AdminConfig
	server *http.Server
}

// NewAdmin returns the admin side.
func NewAdmin(cfg AdminConfig) *Admin {
	a := &Admin{cfg: cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.front)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := cfg.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /features", a.features)
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /rooms", a.open)
	mux.HandleFunc("GET /rooms/{room}/{feature}", a.moderate)
	mux.HandleFunc("GET /rooms/{room}/{feature}/picture", a.picture)
	mux.HandleFunc("POST /rooms/{room}/{feature}/{event}", a.cause)
	own := http.NewCrossOriginProtection().Handler(onlyByAddress(mux))
	a.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.MaxBytesHandler(own, 64<<10)}
	return a
}

// Run serves connections of ln until ctx ends.
func (a *Admin) Run(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = a.server.Close() })
	defer stop()
	if err := a.server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin address: %w", err)
	}
	return nil
}

// onlyByAddress refuses what browsers post to a name that anybody could have pointed
// here.
func onlyByAddress(next http.Handler) http.Handler {
	guarded := ByAddress(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Origin") != "" {
			guarded.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r) // programs may ask by any name
	})
}

func (a *Admin) front(w http.ResponseWriter, r *http.Request) {
	err := a.cfg.Ready()
	p := page.Admin{Ready: err == nil}
	if err != nil {
		p.Missing = err.Error()
	}
	for _, m := range a.cfg.Bus.Manifests() {
		if isModerated(m) {
			p.Moderated = append(p.Moderated, m)
		}
	}
	for _, f := range a.cfg.Features() {
		p.Features = append(p.Features, page.AdminFeature{
			Name: f.Name, Title: f.Title, Up: f.Up, Since: f.Since, Restarts: f.Restarts, LastError: f.LastError,
		})
	}
	showAdmin(w, r, http.StatusOK, page.AdminFront(p))
}

// features tells how the features do.
func (a *Admin) features(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(struct { // whoever asked may be gone
		Features []FeatureState `json:"features"`
	}{a.cfg.Features()})
}

func isModerated(m plugins.Manifest) bool {
	return slices.ContainsFunc(m.Events, func(e plugins.EventType) bool { return e.Admin })
}

// open turns what was chosen on the front page into an address.
func (a *Admin) open(w http.ResponseWriter, r *http.Request) {
	room := strings.TrimSpace(r.FormValue("room"))
	if err := state.CheckRoom(room); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	http.Redirect(w, r, page.Moderation{Room: room, Manifest: plugins.Manifest{Name: r.FormValue("feature")}}.Path(), http.StatusSeeOther)
}

// subject returns the room and the feature that a request names; it answers where there
// are none.
func (a *Admin) subject(w http.ResponseWriter, r *http.Request) (m page.Moderation, ok bool) {
	m.Room = r.PathValue("room")
	if err := state.CheckRoom(m.Room); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return m, false
	}
	all := a.cfg.Bus.Manifests()
	i := slices.IndexFunc(all, func(m plugins.Manifest) bool { return m.Name == r.PathValue("feature") })
	if i < 0 || !isModerated(all[i]) {
		http.Error(w, fmt.Sprintf("feature %q: there is none of that name with something to moderate", r.PathValue("feature")), http.StatusNotFound)
		return m, false
	}
	m.Manifest = all[i]
	if slices.ContainsFunc(m.Manifest.State, func(f plugins.Field) bool { return f.Kind == plugins.Grid }) {
		m.Picture = m.Path() + "/picture"
	}
	return m, true
}

func (a *Admin) moderate(w http.ResponseWriter, r *http.Request) {
	if m, ok := a.subject(w, r); ok {
		if done := r.FormValue("done"); done != "" {
			if _, known := m.Manifest.Event(done); known {
				m.Said = done + ": done."
			}
		}
		showAdmin(w, r, http.StatusOK, page.Moderate(m))
	}
}

// cause has an event happen.
func (a *Admin) cause(w http.ResponseWriter, r *http.Request) {
	m, ok := a.subject(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	fields := map[string]string{}
	for name, values := range r.PostForm {
		fields[name] = values[0]
	}
	event := r.PathValue("event")
	o := a.cfg.Bus.Do(r.Context(), bus.Request{
		ID: newID(), Room: m.Room, Target: m.Manifest.Name + "#" + event, Fields: fields, Admin: true,
	})
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(httpStatus(o.Status))
		_ = json.NewEncoder(w).Encode(struct { // whoever asked may be gone
			Status bus.Status `json:"status"`
			Error  string     `json:"error"`
		}{o.Status, o.Sentence})
		return
	}
	if o.Status == bus.OK { // loaded again, the page does not do it again
		http.Redirect(w, r, m.Path()+"?done="+url.QueryEscape(event), http.StatusSeeOther)
		return
	}
	m.Said = event + ": " + o.Sentence
	showAdmin(w, r, httpStatus(o.Status), page.Moderate(m))
}

// picture draws a board as it is at that moment.
func (a *Admin) picture(w http.ResponseWriter, r *http.Request) {
	m, ok := a.subject(w, r)
	if !ok {
		return
	}
	scale, err := strconv.Atoi(r.FormValue("scale"))
	if r.FormValue("scale") == "" {
		scale, err = 1, nil
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("scale %q: want 1 to %d", r.FormValue("scale"), board.MaxScale), http.StatusBadRequest)
		return
	}
	now, err := a.cfg.Bus.Board(r.Context(), m.Room, m.Manifest.Name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	body, err := boardOfBus(now).PNG(scale)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // whoever asked may be gone
}

// showAdmin answers with a page.
func showAdmin(w http.ResponseWriter, r *http.Request, status int, doc templ.Component) {
	var b bytes.Buffer
	if err := doc.Render(r.Context(), &b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked may be gone
}

// boardOfBus returns a board as package board has it.
func boardOfBus(b bus.Board) board.Board {
	return board.Board{
		Width: b.Field.Width, Height: b.Field.Height, Palette: b.Field.Palette,
		Colours: b.Colours, Position: b.Position, Paints: b.Paints,
	}
}
