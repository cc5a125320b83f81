package web_test

import (
	"context"
	"encoding/json"
	"image/png"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

// adminBus is a bus with one feature that is moderated and one that is not. It keeps
// what it is asked to do.
type adminBus struct{ asked chan bus.Request }

func (b adminBus) Do(_ context.Context, req bus.Request) bus.Outcome {
	b.asked <- req
	if req.Fields["x"] == "99" {
		return bus.Outcome{Status: bus.Invalid, Sentence: `"x" must be a whole number from 0 to 29.`}
	}
	return bus.Outcome{Status: bus.OK}
}

func (adminBus) Board(context.Context, string, string) (bus.Board, error) {
	return bus.Board{Field: boardField, Colours: make([]byte, 600)}, nil
}

func (adminBus) Manifests() []plugins.Manifest {
	return []plugins.Manifest{
		{Name: "lamp", Title: "Lamp", Events: []plugins.EventType{{Name: "set"}}},
		{Name: "board", Title: "The <board>", State: []plugins.Field{boardField}, Events: []plugins.EventType{
			{Name: "paint"},
			{Name: "clear", Admin: true, Fields: []plugins.Param{
				{Name: "x", Type: plugins.Int, Max: 29},
				{Name: "why", Type: plugins.Choice, Choices: []string{"spam", "other"}},
				{Name: "user", Type: plugins.Text, Max: 16, Optional: true},
				{Name: "sure", Type: plugins.Bool},
			}},
		}},
	}
}

func TestAdmin_moderate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := adminBus{asked: make(chan bus.Request, 10)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- web.NewAdmin(web.AdminConfig{Gatherer: prometheus.NewRegistry(), Ready: func() error { return nil }, Bus: b, Features: adminFeatures}).Run(ctx, ln)
	}()
	transport := &http.Transport{}
	defer func() {
		cancel()
		transport.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	}()
	client := &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, form string, headers ...string) (*http.Response, string) {
		t.Helper()
		res := send(t, client, method, "http://"+ln.Addr().String()+path, form, headers...)
		return res.Response, res.body
	}

	if _, front := ask("GET", "/", ""); !strings.Contains(front, `<option value="board">`) || strings.Contains(front, `<option value="lamp">`) {
		t.Errorf("front page %s: want the feature that is moderated and no other", front)
	}
	if res, _ := ask("GET", "/rooms?feature=board&room=a+b", ""); res.Header.Get("Location") != "/rooms/a%20b/board" {
		t.Errorf("opening a room leads to %q", res.Header.Get("Location"))
	}
	if res, _ := ask("GET", "/rooms?feature=board&room=", ""); res.StatusCode != 422 {
		t.Errorf("opening no room: %s", res.Status)
	}
	_, body := ask("GET", "/rooms/a%20b/board", "")
	for _, part := range []string{
		`The &lt;board&gt; in the room a b`, `action="/rooms/a%20b/board/clear"`, `name="x" type="number" min="0" max="29" required`,
		`<option>spam</option>`, `maxlength="16"`, `src="/rooms/a%20b/board/picture"`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s:\n%s", part, body)
		}
	}
	if strings.Contains(body, "paint") {
		t.Error("the page offers an event that people cause")
	}
	for path, want := range map[string]int{
		"/rooms/home/lamp": 404, "/rooms/home/nothing": 404, "/rooms/a%09b/board": 404,
		"/rooms/home/board/picture?scale=99": 400, "/rooms/home/board/picture?scale=x": 400,
	} {
		if res, _ := ask("GET", path, ""); res.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, res.Status, want)
		}
	}
	_, picture := ask("GET", "/rooms/home/board/picture?scale=2", "")
	if img, err := png.Decode(strings.NewReader(picture)); err != nil || img.Bounds().Dx() != 60 {
		t.Errorf("picture: %v", err)
	}

	form := url.Values{"x": {"3"}, "why": {"spam"}}.Encode()
	done, _ := ask("POST", "/rooms/a%20b/board/clear", form)
	if _, body := ask("GET", done.Header.Get("Location"), ""); done.StatusCode != 303 || !strings.Contains(body, "clear: done.") {
		t.Errorf("POST = %s, and then: %s", done.Status, body)
	}
	req := <-b.asked
	req.ID = ""
	want := bus.Request{Room: "a b", Target: "board#clear", Fields: map[string]string{"x": "3", "why": "spam"}, Admin: true}
	if diff := cmp.Diff(want, req); diff != "" {
		t.Errorf("the bus was asked (-want +got):\n%s", diff)
	}
	res, body := ask("POST", "/rooms/home/board/clear", "x=99", "Accept: application/json")
	var answer map[string]string
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != 422 || answer["status"] != "invalid" || !strings.Contains(answer["error"], "from 0 to 29") {
		t.Errorf("POST of a bad value = %s, %s", res.Status, body)
	}
	<-b.asked
	// A name that somebody has pointed here makes their page one of ours.
	if res, body := ask("POST", "/rooms/home/board/clear", form, "Host: evil.example:9090", "Origin: http://evil.example:9090"); res.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, "evil.example") {
		t.Errorf("POST to another name = %s, %s", res.Status, body)
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site: cross-site"}, {"Origin: https://elsewhere.invalid"}} {
		if res, _ := ask("POST", "/rooms/home/board/clear", form, headers...); res.StatusCode != 403 {
			t.Errorf("POST with %v: %s, want 403", headers, res.Status)
		}
	}
	if len(b.asked) > 0 {
		t.Error("a post from another site did something")
	}
}
