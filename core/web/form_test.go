package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

func TestServer_Form_Outcomes(t *testing.T) {
	const sentence = `"on" must be <true> or 'false'.`
	for _, tt := range []struct {
		name    string
		outcome bus.Outcome
		status  int
		retry   string
		say     string
	}{
		{"OK", bus.Outcome{Status: bus.OK}, http.StatusSeeOther, "", ""},
		{"Invalid", bus.Outcome{Status: bus.Invalid, Sentence: sentence}, http.StatusUnprocessableEntity, "", sentence},
		{"Forbidden", bus.Outcome{Status: bus.Forbidden, Sentence: sentence}, http.StatusForbidden, "", sentence},
		{"Busy", bus.Outcome{Status: bus.Busy, Sentence: sentence, RetryAfter: 1500 * time.Millisecond}, http.StatusTooManyRequests, "2", sentence},
		{"BusyForAMoment", bus.Outcome{Status: bus.Busy, Sentence: sentence, RetryAfter: time.Millisecond}, http.StatusTooManyRequests, "1", sentence},
		{"BusyUnknown", bus.Outcome{Status: bus.Busy, Sentence: sentence}, http.StatusTooManyRequests, "1", sentence},
		{
			"Unavailable",
			bus.Outcome{Status: bus.Unavailable, Sentence: "It will be sent again."},
			http.StatusServiceUnavailable, "",
			"This may not have been saved. Look whether it changed before you press again.", // since nobody sends a form again
		},
		{"Failed", bus.Outcome{Status: bus.Failed, Sentence: sentence}, http.StatusInternalServerError, "", sentence},
		{"Unheard", bus.Outcome{Status: "new", Sentence: sentence}, http.StatusInternalServerError, "", sentence},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, web.Config{Bus: fakeBus{do: func(context.Context, bus.Request) bus.Outcome { return tt.outcome }}})
			res := s.do(t, http.MethodPost, "/rooms/kitchen/lamp/set", "on=maybe", s.visit(t))
			if res.StatusCode != tt.status || res.Header.Get("Retry-After") != tt.retry {
				t.Errorf("POST = %s, Retry-After %q, want %d, %q", res.Status, res.Header.Get("Retry-After"), tt.status, tt.retry)
			}
			if tt.status == http.StatusSeeOther {
				if got := res.Header.Get("Location"); got != "/r/kitchen#lamp" {
					t.Errorf("Location is %q, want /r/kitchen#lamp", got)
				}
				return
			}
			if got := textOf(t, res.body, "page_error-lamp"); got != tt.say {
				t.Errorf("the page says %q, want %q", got, tt.say)
			}
			if got := textOf(t, res.body, "lamp-light"); got != "off" {
				t.Error("the page of a refused form does not show the room")
			}
		})
	}
}

func TestServer_Form_Request(t *testing.T) {
	requests := make(chan bus.Request, 1)
	s := startServer(t, web.Config{Bus: fakeBus{do: func(_ context.Context, req bus.Request) bus.Outcome {
		requests <- req
		return bus.Outcome{Status: bus.OK}
	}}})
	cookie := "Cookie: presence=" + cookieFor(someone, secret)
	ids := map[string]bool{}
	for _, tt := range []struct {
		body string
		want map[string]string
	}{
		{"", map[string]string{}},
		{"on=true&by=-1", map[string]string{"on": "true", "by": "-1"}},
		{"on=first&on=second", map[string]string{"on": "first"}},
		{"text=a+b%26c%0D%0Ad&%C3%A9=%E6%97%A5", map[string]string{"text": "a b&c\r\nd", "é": "日"}},
		{"empty=&bare", map[string]string{"empty": "", "bare": ""}},
		{"%zz=%zz", map[string]string{"%zz": "%zz"}},
	} {
		s.do(t, http.MethodPost, "/rooms/home/lamp/switch-off?in=address", tt.body, cookie, "Fly-Region: gru")
		got := receive(t, requests, "the event")
		if got.ID == "" || len(got.ID) > 64 || ids[got.ID] {
			t.Errorf("id %q is empty, long or used before", got.ID)
		}
		ids[got.ID] = true
		want := bus.Request{
			ID: got.ID, Room: "home", Target: "lamp#switch-off", Fields: tt.want,
			Person: plugins.Person{User: someone, Region: "lhr", Edge: "gru"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("POST %q (-want +got):\n%s", tt.body, diff)
		}
	}
}

// A sentence about a feature that is not on the page must be shown all the same.
func TestServer_Form_UnknownFeature(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{do: func(context.Context, bus.Request) bus.Outcome {
		return bus.Outcome{Status: bus.Forbidden, Sentence: "There is nothing here that does that."}
	}}})
	res := s.do(t, http.MethodPost, "/rooms/home/toaster/on", "", s.visit(t))
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("POST = %s, want 403", res.Status)
	}
	message := element(t, res.body, func(n *html.Node) bool { return attribute(n, "class") == "message" })
	if got := text(message); got != "There is nothing here that does that." {
		t.Errorf("the page says %q", got)
	}
}

func TestServer_Form_NoCookie(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{do: func(context.Context, bus.Request) bus.Outcome {
		t.Error("an event of nobody came through")
		return bus.Outcome{Status: bus.OK}
	}}})
	for _, header := range []string{"X-None: 1", "Cookie: presence=" + cookieFor(someone, []byte("another secret"))} {
		res := s.do(t, http.MethodPost, "/rooms/home/lamp/set", "on=true", header)
		if res.StatusCode != http.StatusForbidden || !strings.Contains(headline(t, res.body), "cookie") {
			t.Errorf("POST with %q = %s, %q, want 403 and a word on cookies", header, res.Status, headline(t, res.body))
		}
	}
}

// The bus says OK, but the page after a form that was refused cannot be had.
func TestServer_Form_PageAway(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{
		page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
			return nil, context.DeadlineExceeded
		},
		do: func(context.Context, bus.Request) bus.Outcome {
			return bus.Outcome{Status: bus.Invalid, Sentence: "No."}
		},
	}})
	res := s.do(t, http.MethodPost, "/rooms/home/lamp/set", "on=true", "Cookie: presence="+cookieFor(someone, secret))
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("POST = %s, Retry-After %q, want 503 and when to retry", res.Status, res.Header.Get("Retry-After"))
	}
}

// oddRooms are names that are hard to write into an address.
var oddRooms = []string{
	"home", "product-42", "a b", "a/b", "/", "a/", "a%2Fb", "100%", "a?b#c", "a+b", "a&b=c;d", `a\b`, "日本", "é", "<i>'\"", "a:b",
	"*", "..a", "a..", "//evil.example", "cable", strings.Repeat("日", 40),
}

// follow returns where a browser goes from a page of s when it is told location.
func (s *server) follow(tb testing.TB, from, location string) string {
	tb.Helper()
	base, err := url.Parse(s.url + from)
	if err != nil {
		tb.Fatal(err)
	}
	to, err := base.Parse(location)
	if err != nil {
		tb.Fatalf("address %q: %v", location, err)
	}
	if base.Host != to.Host {
		tb.Fatalf("address %q leads away to %q", location, to.Host)
	}
	return to.RequestURI()
}

// A room's name must come through every way by which people get there.
func TestServer_Rooms(t *testing.T) {
	rooms := make(chan string, 2)
	s := startServer(t, web.Config{Bus: fakeBus{
		page: func(_ context.Context, room string, _ plugins.Person) ([]bus.Section, error) {
			rooms <- room
			return nil, nil
		},
		do: func(_ context.Context, req bus.Request) bus.Outcome {
			rooms <- req.Room
			return bus.Outcome{Status: bus.OK}
		},
	}})
	cookie := "Cookie: presence=" + cookieFor(someone, secret)
	shows := func(t *testing.T, room string, res response) {
		t.Helper()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("GET = %s, want 200", res.Status)
		}
		if got := receive(t, rooms, "the page to be asked for"); got != room {
			t.Errorf("the page is that of room %q, want %q", got, room)
		}
		root := element(t, res.body, func(n *html.Node) bool { return n.Data == "html" })
		if got := attribute(root, "data-live-room"); got != room {
			t.Errorf("the page joins room %q, want %q", got, room)
		}
	}
	for _, room := range oddRooms {
		t.Run(url.PathEscape(room), func(t *testing.T) {
			v := plugins.View{Feature: "lamp", Room: room}
			shows(t, room, s.get(t, s.follow(t, "/", v.Page()), cookie))

			res := s.do(t, http.MethodPost, s.follow(t, "/", v.Action("set")), "on=true", cookie)
			if res.StatusCode != http.StatusSeeOther {
				t.Fatalf("POST = %s, want 303", res.Status)
			}
			if got := receive(t, rooms, "the event"); got != room {
				t.Errorf("the event is for room %q, want %q", got, room)
			}
			if location := res.Header.Get("Location"); !strings.HasSuffix(location, "#lamp") {
				t.Errorf("Location %q does not lead to the feature", location)
			}
			shows(t, room, s.get(t, s.follow(t, v.Action("set"), res.Header.Get("Location")), cookie))

			res = s.get(t, "/r?room="+url.QueryEscape(" "+room+" "), cookie)
			if res.StatusCode != http.StatusSeeOther {
				t.Fatalf("GET /r?room= = %s, want 303", res.Status)
			}
			shows(t, room, s.get(t, s.follow(t, "/r", res.Header.Get("Location")), cookie))
		})
	}
}

func TestServer_Rooms_Refused(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{
		page: func(_ context.Context, room string, _ plugins.Person) ([]bus.Section, error) {
			t.Errorf("room %q was asked for", room)
			return nil, nil
		},
		do: func(_ context.Context, req bus.Request) bus.Outcome {
			t.Errorf("an event for room %q came through", req.Room)
			return bus.Outcome{Status: bus.OK}
		},
	}})
	cookie := "Cookie: presence=" + cookieFor(someone, secret)
	long := strings.Repeat("x", 1000)
	for _, segment := range []string{"%00", "a%0Ab", "%FF", "%zz", "%", "%20a", "a%20", "%E2%80%AE", long, ".", ".."} {
		for method, path := range map[string]string{"GET": "/r/" + segment, "POST": "/rooms/" + segment + "/lamp/set"} {
			res := s.raw(t, method+" "+path+" HTTP/1.1\r\nHost: "+s.addr+"\r\n"+cookie+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("%s %.40s = %s, want 404", method, path, res.Status)
			}
		}
	}
	for _, room := range []string{"", "+", "%00", "%FF", long, ".", "..", "%2E%2e"} {
		res := s.get(t, "/r?room="+room, cookie)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(headline(t, res.body), "Try a short word") {
			t.Errorf("GET /r?room=%.20s = %s, want 422 and what to do", room, res.Status)
		}
	}
	if res := s.get(t, "/r", cookie); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("GET /r = %s, want 422", res.Status)
	}
}
