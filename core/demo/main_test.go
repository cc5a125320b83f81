package demo_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/demo"
	"github.com/global-presence/presence/plugins"
	"github.com/global-presence/presence/plugins/process"
)

// TestMain lets the test binary be the feature that the tests start.
func TestMain(m *testing.M) {
	if process.Started() {
		process.Serve(lamp{})
		return
	}
	code := m.Run()
	if code == 0 {
		// fasthttp and fiber each keep clocks and workers for the whole process.
		if err := goleak.Find(
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"),
		); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// lamp is a feature with a switch and a count of how often it was used.
type lamp struct{}

var _ plugins.Feature = lamp{}

func (lamp) Manifest() plugins.Manifest {
	return plugins.Manifest{
		Name: "lamp", Title: "Lamp",
		State:  []plugins.Field{{Name: "light", Kind: plugins.Register}, {Name: "uses", Kind: plugins.Counter}},
		Events: []plugins.EventType{{Name: "set", Fields: []plugins.Param{{Name: "on", Type: plugins.Bool}}}},
	}
}

func (lamp) Handle(_ context.Context, ev plugins.Event, _ plugins.State) ([]plugins.Mutation, error) {
	return []plugins.Mutation{plugins.Set("light", ev.Fields.Text("on")), plugins.Add("uses", 1)}, nil
}

func (lamp) Render(_ context.Context, v plugins.View) ([]plugins.Fragment, error) {
	word := "dark"
	if v.State.Registers["light"].Value == "true" {
		word = "bright"
	}
	return []plugins.Fragment{{ID: "lamp-light", HTML: fmt.Sprintf(`<p id="lamp-light">%s after %d</p>`, word, v.State.Counters["uses"])}}, nil
}

// patience is how long a test waits for what should happen soon.
const patience = 2 * time.Minute

// config returns a demo on free ports, with a lamp in each region.
func config(tb testing.TB) demo.Config {
	tb.Helper()
	return demo.Config{
		Listen: "127.0.0.1:0", Features: []process.Config{{Name: "lamp", Args: []string{"feature", "lamp"}}}, Version: "test",
		Logger: slog.New(slog.NewTextHandler(tb.Output(), nil)),
	}
}

// running is a demo at work and somebody with a client for it.
type running struct {
	*demo.Demo
	tb      testing.TB
	url     string            // of its page
	regions map[string]string // pages, by site
	client  *http.Client      // follows no redirect
	stop    func() error      // ends Run and returns what it does
}

// startDemo runs a demo until the test ends and returns when its page answers.
func startDemo(tb testing.TB, cfg demo.Config) *running {
	tb.Helper()
	d, err := demo.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	jar, _ := cookiejar.New(nil) // never an error
	transport := &http.Transport{}
	r := &running{Demo: d, tb: tb, url: core.URL(d.Addr()), regions: map[string]string{}, client: &http.Client{
		Transport: transport, Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for site, addr := range d.Addrs() {
		r.regions[site] = core.URL(addr)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		transport.CloseIdleConnections()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return fmt.Errorf("run did not return within %v", patience)
		}
	})
	tb.Cleanup(func() {
		if err := r.stop(); err != nil {
			tb.Errorf("Run() = %v, want nil", err)
		}
	})
	r.get(r.url) // is answered when all regions are ready
	return r
}

// answer is a response that was read whole.
type answer struct {
	*http.Response
	body string
}

// ask sends a request with headers given as "Name: value"; body is a form.
func (r *running) ask(method, address, body string, headers ...string) answer {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	if err != nil {
		r.tb.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.tb.Fatal(err)
	}
	return answer{res, string(b)}
}

func (r *running) get(address string, headers ...string) answer {
	r.tb.Helper()
	return r.ask(http.MethodGet, address, "", headers...)
}

// set switches the lamp in a region.
func (r *running) set(site string, on bool) {
	r.tb.Helper()
	form := url.Values{"on": {fmt.Sprint(on)}}.Encode()
	if res := r.ask(http.MethodPost, r.regions[site]+"/rooms/home/lamp/set", form); res.StatusCode != http.StatusSeeOther {
		r.tb.Fatalf("set the lamp in %s: %s\n%s", site, res.Status, res.body)
	}
}

// waitShown waits until regions show what the lamp says.
func (r *running) waitShown(want string, sites ...string) {
	r.tb.Helper()
	for _, site := range sites {
		waitFor(r.tb, site+" to show "+want, func() (string, bool) {
			_, after, _ := strings.Cut(r.get(r.regions[site]).body, ` id="lamp-light"`)
			_, after, _ = strings.Cut(after, ">")
			shown, _, _ := strings.Cut(after, "<")
			return shown, shown == want
		})
	}
}

// waitFor calls look until it is satisfied. It fails with the last thing seen.
func waitFor(tb testing.TB, what string, look func() (saw string, ok bool)) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		saw, ok := look()
		if ok {
			return
		}
		if time.Since(began) > patience {
			tb.Fatalf("waited %v for %s; last saw %s", patience, what, saw)
		}
	}
}
