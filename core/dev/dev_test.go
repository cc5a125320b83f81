package dev_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core"
	"github.com/global-presence/presence/core/dev"
)

// running is a page at work, with what its stream has told.
type running struct {
	*dev.Dev
	tb     testing.TB
	dir    string
	client *http.Client

	mu  sync.Mutex
	all dev.Update          // the last of each, and all events and renders
	by  map[string]dev.Room // rooms
}

// start shows this test binary, by a command, as the feature in a folder.
func start(tb testing.TB, cfg dev.Config) *running {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	r := &running{tb: tb, dir: tb.TempDir(), client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, by: map[string]dev.Room{}}
	if err := os.WriteFile(filepath.Join(r.dir, "README.md"), []byte("a file to change"), 0o644); err != nil {
		tb.Fatal(err)
	}
	cfg.Dir, cfg.Listen, cfg.Every = r.dir, "127.0.0.1:0", 10*time.Millisecond
	if cfg.Run == "" {
		cfg.Run = `"` + os.Args[0] + `"`
	}
	cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), nil))
	if r.Dev, err = dev.New(cfg); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	listening, hangUp := context.WithCancel(tb.Context())
	var listener sync.WaitGroup
	listener.Go(func() { r.listen(listening) })
	tb.Cleanup(func() {
		hangUp()
		listener.Wait()
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
		r.client.CloseIdleConnections()
	})
	return r
}

// listen reads the stream until ctx ends.
func (r *running) listen(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, core.URL(r.Addr())+"/events", nil)
	if err != nil {
		r.tb.Error(err)
		return
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.tb.Error(err)
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var u dev.Update
		if err := json.Unmarshal([]byte(data), &u); err != nil {
			r.tb.Errorf("update %s: %v", data, err)
		}
		r.take(u)
	}
}

func (r *running) take(u dev.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Whole {
		r.all, r.by = dev.Update{}, map[string]dev.Room{}
	}
	if u.Build != nil {
		r.all.Build = u.Build
	}
	if u.Manifest != nil {
		r.all.Manifest = u.Manifest
	}
	r.all.Events = append(r.all.Events, u.Events...)
	r.all.Renders = append(r.all.Renders, u.Renders...)
	r.all.Lines = append(r.all.Lines, u.Lines...)
	for _, room := range u.Rooms {
		r.by[room.Name] = room
	}
}

// wait waits until what the stream has told is as ok wants it.
func (r *running) wait(what string, ok func(u dev.Update, rooms map[string]dev.Room) bool) {
	r.tb.Helper()
	waitFor(r.tb, what, func() (string, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		saw, err := json.MarshalIndent(map[string]any{"all": r.all, "rooms": r.by}, "", " ")
		if err != nil {
			r.tb.Fatal(err)
		}
		return string(saw), ok(r.all, r.by)
	})
}

// waitBuild waits until the page says that a build is so, and returns what it says.
func (r *running) waitBuild(state string, after time.Time) (b dev.Build) {
	r.tb.Helper()
	r.wait("the build to be "+state, func(u dev.Update, _ map[string]dev.Room) bool {
		if u.Build == nil || u.Build.State != state || !u.Build.At.After(after) {
			return false
		}
		b = *u.Build
		return true
	})
	return b
}

// send sends an event from the page and returns what came of it.
func (r *running) send(values ...string) (status, sentence string) {
	r.tb.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	resp, err := r.client.PostForm(core.URL(r.Addr())+"/send", form)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct{ Status, Sentence string }
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		r.tb.Fatalf("answer %s: %v", resp.Status, err)
	}
	return a.Status, a.Sentence
}

// get returns what an address says.
func (r *running) get(address string) (*http.Response, string) {
	r.tb.Helper()
	resp, err := r.client.Get(address)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.tb.Fatal(err)
	}
	return resp, string(body)
}

// touch changes a file of the folder.
func (r *running) touch(name, content string) {
	r.tb.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o644); err != nil {
		r.tb.Fatal(err)
	}
}

func TestDev_Run(t *testing.T) {
	r := start(t, dev.Config{})
	b := r.waitBuild("live", time.Time{})
	region := "http://127.0.0.1:" + b.Port

	t.Run("frame", func(t *testing.T) {
		_, body := r.get(core.URL(r.Addr()) + "/")
		if !strings.Contains(body, `data-other="localhost"`) {
			t.Errorf("the page names no second person:\n%s", body)
		}
		for _, path := range []string{"/", "/r/kitchen", "/embed/kitchen/lamp"} {
			resp, body := r.get(region + path)
			if resp.StatusCode != 200 || !strings.Contains(body, `>dark after 0</p>`) {
				t.Errorf("GET %s: %s\n%s", path, resp.Status, body)
			}
			policy := resp.Header.Get("Content-Security-Policy")
			_, port, _ := strings.Cut(strings.TrimPrefix(core.URL(r.Addr()), "http://"), ":")
			if !strings.Contains(policy, "frame-ancestors ") || !strings.Contains(policy, ":"+port) {
				t.Errorf("GET %s may not stand in the page's frame: %s", path, policy)
			}
		}
	})

	t.Run("send", func(t *testing.T) {
		if status, sentence := r.send("room", "kitchen", "event", "set", "f.on", "true"); status != "ok" {
			t.Fatalf("sent: %s, %s", status, sentence)
		}
		if _, body := r.get(region + "/r/kitchen"); !strings.Contains(body, ">bright after 1</p>") {
			t.Errorf("the room does not show it:\n%s", body)
		}
		r.wait("event, state and render", func(u dev.Update, rooms map[string]dev.Room) bool {
			if len(u.Events) == 0 || len(u.Renders) == 0 || len(rooms["kitchen"].Fields) != 2 {
				return false
			}
			e := u.Events[len(u.Events)-1]
			event := e.Room == "kitchen" && e.Name == "set" && strings.HasPrefix(e.Who, "User #") && e.Batch == 1 &&
				cmp.Equal(e.Fields, []string{`on: "true"`}) && cmp.Equal(e.Mutations, []string{`Set("light", "true")`, `Add("uses", 1)`})
			fields := rooms["kitchen"].Fields
			state := len(fields[0].Rows) == 1 && fields[0].Rows[0][0] == "true" && len(fields[1].Rows) == 1 && fields[1].Rows[0][0] == "1"
			return event && state
		})
		r.wait("its render", func(u dev.Update, _ map[string]dev.Room) bool {
			for _, x := range u.Renders {
				if x.Room == "kitchen" && len(x.Fragments) == 1 && x.Fragments[0].HTML == `<p id="lamp-light">bright after 1</p>` && x.For == "everybody" {
					return true
				}
			}
			return false
		})
		me := r.sendAs("you")
		if again, other := r.sendAs("you"), r.sendAs("else"); again != me || other == me {
			t.Errorf("events came from %s, %s and, as somebody else, %s", me, again, other)
		}
	})

	t.Run("refused", func(t *testing.T) {
		for _, tt := range []struct{ form, want string }{
			{"room=kitchen&event=set&f.on=perhaps", `invalid "on" must be true or false.`},
			{"room=kitchen&event=set", `invalid "on" is missing.`},
			{"room=kitchen&event=burn", "forbidden There is nothing here that does that."},
			{"room=kitchen&event=set&f.on=true&admin=yes", "forbidden There is nothing here that does that."},
			{"room=&event=set&f.on=true", "forbidden There is nothing here that does that."},
		} {
			values, err := url.ParseQuery(tt.form)
			if err != nil {
				t.Fatal(err)
			}
			var form []string
			for name := range values {
				form = append(form, name, values.Get(name))
			}
			if status, sentence := r.send(form...); status+" "+sentence != tt.want {
				t.Errorf("%s: %s %s, want %s", tt.form, status, sentence, tt.want)
			}
		}
	})

	t.Run("change", func(t *testing.T) {
		before := time.Now()
		r.touch("README.md", "another text")
		if b := r.waitBuild("live", before); b.Port != strings.TrimPrefix(region, "http://127.0.0.1:") {
			t.Errorf("the region moved to port %s", b.Port)
		}
		waitFor(t, "the state to be there still", func() (string, bool) {
			_, body := r.get(region + "/r/kitchen")
			return body, strings.Contains(body, ">bright after 1</p>")
		})
	})

	t.Run("another feature", func(t *testing.T) {
		before := time.Now()
		r.touch("name.txt", "torch")
		b := r.waitBuild("live", before)
		r.wait("only the new one to be known", func(u dev.Update, rooms map[string]dev.Room) bool {
			return u.Manifest.Name == "torch" && len(u.Events) == 0 && len(rooms) == 0
		})
		if _, body := r.get("http://127.0.0.1:" + b.Port + "/embed/home/torch"); !strings.Contains(body, `id="torch-light">dark after 0</p>`) {
			t.Errorf("the new feature is not there:\n%s", body)
		}
	})

	t.Run("broken", func(t *testing.T) {
		before := time.Now()
		r.touch("name.txt", "No Name!")
		b := r.waitBuild("failed", before)
		if !b.Running || !strings.Contains(b.Output, `name "No Name!"`) {
			t.Errorf("build: %+v; want what is wrong, and that the last version runs", b)
		}
		if status, sentence := r.send("room", "home", "event", "set", "f.on", "true"); status != "ok" {
			t.Errorf("sent to the last version: %s %s", status, sentence)
		}
	})
}

// sendAs sends an event as somebody and returns who that is for the feature.
func (r *running) sendAs(as string) (who string) {
	r.tb.Helper()
	r.mu.Lock()
	n := len(r.all.Events)
	r.mu.Unlock()
	if status, sentence := r.send("room", "hall", "event", "set", "f.on", "true", "as", as); status != "ok" {
		r.tb.Fatalf("sent as %s: %s %s", as, status, sentence)
	}
	r.wait("one more event", func(u dev.Update, _ map[string]dev.Room) bool {
		if len(u.Events) == n+1 {
			who = u.Events[n].Who
		}
		return who != ""
	})
	return who
}

// Before anything works the page is there, and says so.
func TestDev_Run_Broken(t *testing.T) {
	r := start(t, dev.Config{Run: "false"})
	b := r.waitBuild("failed", time.Time{})
	if b.Running || b.Port != "" || b.Output == "" {
		t.Errorf("build: %+v, want that nothing runs, and why", b)
	}
	if status, sentence := r.send("room", "home", "event", "set"); status != "unavailable" {
		t.Errorf("sent: %s %s", status, sentence)
	}
	if resp, body := r.get(core.URL(r.Addr()) + "/"); resp.StatusCode != 200 || !strings.Contains(body, filepath.Base(r.dir)) {
		t.Errorf("GET /: %s\n%s", resp.Status, body)
	}
}

func TestDev_Page(t *testing.T) {
	r := start(t, dev.Config{Run: "false"})
	t.Run("policy", func(t *testing.T) {
		resp, _ := r.get(core.URL(r.Addr()) + "/")
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-src http://127.0.0.1:* http://localhost:*;", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy %q, want %s", policy, want)
			}
		}
	})
	t.Run("assets", func(t *testing.T) {
		_, body := r.get(core.URL(r.Addr()) + "/")
		for _, attribute := range []string{`href="/assets/`, `src="/assets/`} {
			for _, rest := range strings.Split(body, attribute)[1:] {
				name, _, _ := strings.Cut(rest, `"`)
				if resp, _ := r.get(core.URL(r.Addr()) + "/assets/" + name); resp.StatusCode != 200 {
					t.Errorf("GET /assets/%s: %s", name, resp.Status)
				}
			}
		}
	})
	t.Run("other names", func(t *testing.T) {
		for _, path := range []string{"GET /", "GET /events", "POST /send"} {
			method, path, _ := strings.Cut(path, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, core.URL(r.Addr())+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "evil.example:8080" // a name that leads here
			req.Header.Set("Origin", "http://evil.example:8080")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s %s by another name: %s, want 421", method, path, resp.Status)
			}
		}
	})
	t.Run("other sites", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, core.URL(r.Addr())+"/send", strings.NewReader("event=set"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("a form of another site: %s, want 403", resp.Status)
		}
	})
}

// The port after the page's is the region's, and is needed from the start.
func TestNew_AddressInUse(t *testing.T) {
	dir := t.TempDir()
	for range 100 { // the port after one that is free may be in use by others
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).Port
		before := fmt.Sprintf("127.0.0.1:%d", port-1)
		free, err := net.Listen("tcp", before)
		if err != nil {
			continue
		}
		free.Close()
		_, err = dev.New(dev.Config{Dir: dir, Run: "false", Listen: before})
		want := fmt.Sprintf("--listen is %q, so that the region needs port %d: bind: address already in use", before, port)
		if err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
		_, err = dev.New(dev.Config{Dir: dir, Run: "false", Listen: ln.Addr().String()})
		want = fmt.Sprintf("--listen is %q: bind: address already in use", ln.Addr())
		if err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
		return
	}
	t.Fatal("no port was free")
}

func TestConfig_Check(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "main.go"), []byte("package main"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  dev.Config
		want []string // how each line begins, after the path
	}{
		{"OK", dev.Config{Dir: full}, nil},
		{"OK, a command", dev.Config{Dir: empty, Run: "node main.js"}, nil},
		{"no folder", dev.Config{Dir: filepath.Join(full, "main.go")}, []string{"want a folder with the program of a feature"}},
		{"no sources", dev.Config{Dir: empty}, []string{"want one with *.go files, or --run with the command"}},
		{"address", dev.Config{Dir: full, Listen: "8080"}, []string{"want host:port or :port"}},
		{"port", dev.Config{Dir: full, Listen: ":65535"}, []string{"want a port of at most 65534"}},
		{"all", dev.Config{Dir: empty + "/x", Listen: "x", Run: "node", WebAssembly: true}, []string{"want a folder", "want host:port", "want one of them"}},
	} {
		err := tt.cfg.Check()
		var lines []string
		if err != nil {
			lines = strings.Split(err.Error(), "\n")
		}
		if len(lines) != len(tt.want) {
			t.Errorf("%s: Check = %q, want %d lines", tt.name, lines, len(tt.want))
			continue
		}
		for i, line := range lines {
			if !strings.Contains(line, tt.want[i]) {
				t.Errorf("%s: Check says %q, want %q", tt.name, line, tt.want[i])
			}
		}
	}
}
