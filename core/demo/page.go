package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/web"
)

//go:embed demo.css
var css []byte

//go:embed demo.js
var script []byte

// page serves the demo's own address.
type page struct {
	board  *board
	places []*place
	secret []byte
	hints  []hint
	log    *slog.Logger

	files         *assets.Set
	style, script *assets.File

	stopTimeout time.Duration
	stopping    chan struct{} // closed when the streams of events have to end
}

func newPage(d *Demo, secret []byte) (*page, error) {
	files, err := assets.New()
	if err != nil {
		return nil, err
	}
	p := &page{
		board: d.board, places: d.regions, secret: secret, log: d.cfg.Logger.With(slog.String("part", "demo")),
		files: files, style: assets.NewFile("demo.css", css), script: assets.NewFile("demo.js", script),
		stopTimeout: d.cfg.StopTimeout, stopping: make(chan struct{}),
	}
	s := d.board.survey()
	p.hints = newHints(s.sites, s.name, func(from, to string) time.Duration { return s.routes[way{from, to}].delay })
	return p, nil
}

// run serves connections of ln until ctx ends.
func (p *page) run(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(ln) }()
	select {
	case err := <-serving:
		return fmt.Errorf("serve the page of the demo: %w", err)
	case <-ctx.Done():
	}
	close(p.stopping)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.stopTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop the page of the demo: %w", err), server.Close())
	}
	if serveErr := <-serving; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

func (p *page) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("GET /status.json", p.status)
	mux.HandleFunc("POST /cut", p.control(true))
	mux.HandleFunc("POST /heal", p.control(false))
	mux.HandleFunc("GET "+assets.Prefix+"{name}", p.asset)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (p *page) show(w http.ResponseWriter, r *http.Request) {
	host, plain := web.Hostname(r.Host)
	if !plain {
		http.Error(w, "This address cannot be shown.", http.StatusBadRequest)
		return
	}
	// A policy cannot name an IPv6 address, so that no frame could be let in.
	//
	// Source: https://www.w3.org/TR/CSP3/#grammardef-host-part.
	framed := !strings.Contains(host, ":")
	p.secure(w, host, framed)
	web.Identify(w, r, p.secret)
	var b bytes.Buffer
	if err := document(p.newView(host, framed)).Render(r.Context(), &b); err != nil {
		p.log.LogAttrs(r.Context(), slog.LevelError, "page not rendered", slog.Any("err", err))
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // the regions have other ports in the next start
	_, _ = b.WriteTo(w)                         // whoever left does not need it
}

// secure sets the headers that keep the page to itself and its regions.
func (p *page) secure(w http.ResponseWriter, host string, framed bool) {
	frames := "'none'"
	if framed {
		var all []string
		for _, place := range p.places {
			all = append(all, "http://"+net.JoinHostPort(host, portOf(place.server.Addr())))
		}
		frames = strings.Join(all, " ")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"frame-src "+frames+"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// control cuts the region that the form names off, or lets it rejoin.
func (p *page) control(off bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		site := r.PostFormValue("region")
		if err := p.board.cut(r.Context(), site, off); err != nil {
			http.Error(w, "There is no such region here.", http.StatusUnprocessableEntity)
			return
		}
		p.log.LogAttrs(r.Context(), slog.LevelInfo, "region cut or rejoined", slog.String("site", site), slog.Bool("cut", off))
		if strings.Contains(r.Header.Get("Accept"), "html") {
			http.Redirect(w, r, "/#region-"+site, http.StatusSeeOther)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// status tells the present Status to programs.
func (p *page) status(w http.ResponseWriter, _ *http.Request) {
	_, encoded, _ := p.board.now()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(encoded)
}

// silence is how long a stream of events says nothing before it shows that it is
// still there; stall is how long one write may take.
const (
	silence = 10 * time.Second
	stall   = 5 * time.Second
)

// events streams each Status, as Server-Sent Events.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	say := func(line string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(stall)) // every net/http connection has one
		if _, err := w.Write([]byte(line + "\n\n")); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !say("retry: 1000") {
		return
	}
	for {
		_, encoded, next := p.board.now()
		if !say("data: " + string(encoded)) {
			return
		}
		select {
		case <-next:
		case <-time.After(silence): // the same again: the page knows that it is still so
		case <-p.stopping:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// asset serves a file whose address names its content.
func (p *page) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files.Lookup(r.URL.Path)
	for _, own := range []*assets.File{p.style, p.script} {
		if own.URL == r.URL.Path {
			f, ok = own, true
		}
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, encoding := f.Encoded(r.Header.Get("Accept-Encoding"))
	h := w.Header()
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Type", f.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", assets.CacheControl)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}
