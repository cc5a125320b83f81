package dev

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/global-presence/presence/assets"
	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	frame "github.com/global-presence/presence/core/web/page"
	"github.com/global-presence/presence/plugins"
)

//go:embed dev.css
var css []byte

//go:embed dev.js
var script []byte

// page serves Dev's own address:
//
//	GET  /             the page
//	GET  /events       what happens, a stream of Updates
//	POST /send         an event from one of the forms
//	GET  /assets/…     style, script, icon
type page struct {
	dev *Dev
	log *slog.Logger

	files         *assets.Set
	style, script *assets.File

	stopping chan struct{} // closed when the streams of events have to end
}

func newPage(d *Dev) (*page, error) {
	files, err := assets.New()
	if err != nil {
		return nil, err
	}
	return &page{
		dev: d, log: d.cfg.Logger.With(slog.String("part", "dev")), files: files,
		style: assets.NewFile("dev.css", css), script: assets.NewFile("dev.js", script), stopping: make(chan struct{}),
	}, nil
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
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	}
	close(p.stopping)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.dev.cfg.StopTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop the page: %w", err), server.Close())
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
	mux.HandleFunc("POST /send", p.send)
	mux.HandleFunc("GET "+assets.Prefix+"{name}", p.asset)
	return http.NewCrossOriginProtection().Handler(web.ByAddress(mux))
}

// view is the page before its script fills it.
type view struct {
	frame.Frame

	Folder string // name of the folder
	Path   string // all of it

	// User is who looks at the page, in words, and Colour the class of their colour.
	User, Colour string

	// Host and Other are the names by which the browser reaches the region as the one
	// and as another person; Other is "" where there is none.
	Host, Other string
}

func (p *page) show(w http.ResponseWriter, r *http.Request) {
	host, plain := web.Hostname(r.Host)
	if !plain {
		http.Error(w, "This address cannot be shown.", http.StatusBadRequest)
		return
	}
	v := view{
		Frame:  frame.Frame{Styles: []string{p.files.URL("app.css"), p.style.URL}, Scripts: []string{p.script.URL}, Icon: p.files.URL("favicon.svg")},
		Folder: filepath.Base(p.dev.cfg.Dir), Path: p.dev.cfg.Dir, Host: host, Other: otherName[host],
	}
	p.secure(w, v.Host, v.Other)
	you := plugins.Person{User: web.Identify(w, r, p.dev.secret)}
	v.User, v.Colour = personWords(you), fmt.Sprintf("colour-%d", you.Colour())
	var b bytes.Buffer
	if err := document(v).Render(r.Context(), &b); err != nil {
		p.log.LogAttrs(r.Context(), slog.LevelError, "page not rendered", slog.Any("err", err))
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w) // whoever left does not need it
}

// otherName has the other name of this machine for each: browsers keep the cookies of
// the two apart, so that one browser shows two people.
var otherName = map[string]string{"127.0.0.1": "localhost", "localhost": "127.0.0.1"}

// secure sets the headers that keep the page to itself and its region, whose port is
// another one after a restart.
func (p *page) secure(w http.ResponseWriter, hosts ...string) {
	frames := ""
	for _, host := range hosts {
		if host != "" && !strings.Contains(host, ":") { // a policy cannot name an IPv6 address
			frames += " http://" + host + ":*"
		}
	}
	if frames == "" {
		frames = " 'none'"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"frame-src"+frames+"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// answer is what came of an event that a form sent.
type answer struct {
	Status   string `json:"status"`
	Sentence string `json:"sentence"`
}

// stranger is the user whom "somebody else" in a form is.
const stranger = "somebodyelse2345"

// send causes the event that a form describes: room, event, as and admin are its own
// fields, and "f." goes before the names of the event's.
func (p *page) send(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 128<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form is too large or not whole.", http.StatusBadRequest)
		return
	}
	user := web.Identify(w, r, p.dev.secret)
	if r.PostForm.Get("as") == "else" {
		user = stranger
	}
	a := answer{Status: string(bus.Unavailable), Sentence: "No version of the feature runs yet."}
	if place := p.dev.current.Load(); place != nil {
		req := bus.Request{
			ID: rand.Text(), Room: r.PostForm.Get("room"), Target: place.feature + "#" + r.PostForm.Get("event"), Fields: map[string]string{},
			Person: plugins.Person{User: user, Region: "dev", Edge: "dev"},
		}
		if r.PostForm.Get("admin") != "" {
			req.Admin, req.Person = true, plugins.Person{}
		}
		for name, values := range r.PostForm {
			if field, ok := strings.CutPrefix(name, "f."); ok {
				req.Fields[field] = values[0]
			}
		}
		o := place.server.Do(r.Context(), req)
		a = answer{Status: string(o.Status), Sentence: o.Sentence}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(a) // whoever left does not need it
}

const (
	// silence is how long a stream says nothing before it shows that it is still there.
	silence = 10 * time.Second

	// stall is how long one write may take.
	stall = 5 * time.Second

	// breath is how long a stream waits for more after a change: a flood of events is
	// some large updates, and not a flood of small ones.
	breath = 60 * time.Millisecond
)

// events streams Updates, as Server-Sent Events.
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
	at := uint64(0)
	for {
		update, now, next := p.dev.journal.since(at)
		encoded, err := json.Marshal(update)
		if err != nil {
			p.log.LogAttrs(r.Context(), slog.LevelError, "update not encoded", slog.Any("err", err))
			return
		}
		if !say("data: " + string(encoded)) {
			return
		}
		at = now
		select {
		case <-next:
			select {
			case <-time.After(breath):
			case <-p.stopping:
				return
			}
		case <-time.After(silence): // an empty one: the page knows that nothing is new
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
