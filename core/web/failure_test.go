package web_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

func TestServer_Failure_Client(t *testing.T) {
	s := startServer(t, web.Config{})
	cookie := s.visit(t)
	tooLarge := "text=" + strings.Repeat("x", 64<<10)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		say                      string
	}{
		{"NoSuchPage", "GET", "/nothing", "", 404, "There is nothing at this address."},
		{"NoSuchPageToPost", "POST", "/nothing", "", 404, "There is nothing at this address."},
		{"NoSuchFile", "GET", "/assets/app-000000000000.css", "", 404, "There is nothing at this address."},
		{"NoSuchFolder", "GET", "/assets/../main.go", "", 404, "There is nothing at this address."},
		{"RoomBelowRoom", "GET", "/r/a/b", "", 404, "There is nothing at this address."},
		{"BadRoom", "GET", "/r/%00", "", 404, "No room can have that name."},
		{"BadRoomToPost", "POST", "/rooms/%00/lamp/set", "", 404, "No room can have that name."},
		{"EventToGet", "GET", "/rooms/home/lamp/set", "", 405, "This address does not take that kind of request."},
		{"PageToPost", "POST", "/", "", 405, "This address does not take that kind of request."},
		{"RoomToDelete", "DELETE", "/r/home", "", 405, "This address does not take that kind of request."},
		{"TooLarge", "POST", "/rooms/home/lamp/set", tooLarge, 413, "That was too large for this page."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := s.do(t, tt.method, tt.path, tt.body, cookie)
			if res.StatusCode != tt.status {
				t.Fatalf("%s %s = %s, want %d", tt.method, tt.path, res.Status, tt.status)
			}
			if got := headline(t, res.body); got != tt.say {
				t.Errorf("the page says %q, want %q", got, tt.say)
			}
			if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
				t.Errorf("Content-Type is %q", got)
			}
			if strings.Contains(res.body, "<script") || strings.Contains(res.body, "<code>") {
				t.Error("the page has a script or a request number")
			}
			if got := res.Header.Get("Cache-Control"); !strings.Contains(got, "no-cache") {
				t.Errorf("Cache-Control is %q, want no-cache", got)
			}
		})
	}
	if log := s.log.String(); log != "" {
		t.Errorf("what only the visitor did wrong is in the log:\n%s", log)
	}
}

// What never becomes a request must be answered by the same page, and never with
// what the server's own code calls it.
func TestServer_Failure_Malformed(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"NoHTTP", "hello\r\n\r\n", 400},
		{"HeadersTooLarge", "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", 431},
		{"AddressTooLong", "GET /r/" + strings.Repeat("x", 16<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		{"LengthTooLarge", "POST /rooms/home/lamp/set HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413},
		{"LengthOfLetters", "POST /rooms/home/lamp/set HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400},
		{"BadChunk", "POST /rooms/home/lamp/set HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := s.raw(t, tt.request)
			if res.StatusCode != tt.status {
				t.Errorf("status %s, want %d", res.Status, tt.status)
			}
			if got := headline(t, res.body); !strings.HasSuffix(got, ".") || strings.Contains(got, "error") || strings.Contains(got, "cannot") {
				t.Errorf("the page says %q, want a sentence for people", got)
			}
			if res.Header.Get("Content-Security-Policy") == "" {
				t.Error("the page has no Content-Security-Policy")
			}
		})
	}
	if res := s.get(t, "/"); res.StatusCode != http.StatusOK {
		t.Errorf("afterwards GET / = %s, want 200", res.Status)
	}
}

func TestServer_Failure_Plain(t *testing.T) {
	s := startServer(t, web.Config{})
	for accept, html := range map[string]bool{
		"text/html,application/xhtml+xml,*/*;q=0.8": true, "": true, "*/*": true, "application/json": false, "image/avif,image/webp": false,
	} {
		res := s.get(t, "/nothing", "Accept: "+accept)
		if got := strings.Contains(res.body, "<html"); got != html || res.StatusCode != http.StatusNotFound {
			t.Errorf("Accept %q: %s, a page: %v, want 404, %v", accept, res.Status, got, html)
		}
	}
}

var requestNumber = regexp.MustCompile(`request=([a-z2-7]{8})\b`)

// Our own failures have a number, on the page and in the log, and only the log says
// what it was.
func TestServer_Failure_Server(t *testing.T) {
	const word = "xyzzy"
	page := func(err error) func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		return func(context.Context, string, plugins.Person) ([]bus.Section, error) {
			if err == nil {
				panic(word)
			}
			return nil, err
		}
	}
	for _, tt := range []struct {
		name, method, path string
		bus                fakeBus
		status             int
		log                []string
	}{
		{"PageAway", "GET", "/", fakeBus{page: page(errors.New(word))}, 503, []string{"route=/", "status=503", word}},
		{"PageAwayTimeout", "GET", "/r/a", fakeBus{page: page(context.DeadlineExceeded)}, 503, []string{"route=/r/:room", "deadline"}},
		{"PagePanic", "GET", "/r/a", fakeBus{page: page(nil)}, 500, []string{"route=/r/:room", "status=500", word, "failure_test.go"}},
		{"EventPanic", "POST", "/rooms/a/lamp/set", fakeBus{do: func(context.Context, bus.Request) bus.Outcome { panic(errors.New(word)) }}, 500, []string{"route=/rooms/:room/:feature/:event", word}},
		{"EventNilPointer", "POST", "/rooms/a/lamp/set", fakeBus{do: func(context.Context, bus.Request) bus.Outcome { return *(*bus.Outcome)(nil) }}, 500, []string{"nil pointer", "failure_test.go"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, web.Config{Bus: tt.bus})
			res := s.do(t, tt.method, tt.path, "", "Cookie: presence="+cookieFor(someone, secret), "Accept-Encoding: gzip, br")
			if res.StatusCode != tt.status {
				t.Fatalf("%s %s = %s, want %d", tt.method, tt.path, res.Status, tt.status)
			}
			log := s.log.String()
			number := requestNumber.FindStringSubmatch(log)
			if number == nil || strings.Count(log, "\n") != 1 || !strings.Contains(log, "level=ERROR") {
				t.Fatalf("want one line with a number in the log:\n%s", log)
			}
			if !strings.Contains(res.body, "<code>"+number[1]+"</code>") {
				t.Errorf("the page does not tell the number %s:\n%s", number[1], res.body)
			}
			for _, want := range tt.log {
				if !strings.Contains(log, want) {
					t.Errorf("the log does not say %q:\n%s", want, log)
				}
			}
			if strings.Contains(res.body, word) || strings.Contains(res.body, "nil pointer") || strings.Contains(res.body, ".go") {
				t.Errorf("the page tells what is for the log:\n%s", res.body)
			}
			if retry := res.Header.Get("Retry-After"); (retry != "") != (tt.status == 503) {
				t.Errorf("Retry-After is %q", retry)
			}
			if res.Header.Get("Content-Security-Policy") == "" {
				t.Error("the page has no Content-Security-Policy")
			}
			if res := s.get(t, "/nothing"); res.StatusCode != http.StatusNotFound {
				t.Errorf("afterwards GET /nothing = %s, want 404", res.Status)
			}
		})
	}
}

// A room that cannot be had now is its page without fragments, alive once the room is
// there, and not an error of which the log speaks.
func TestServer_Absent(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{
		page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
			return []bus.Section{{Name: "lamp", Title: "Lamp", HTML: `<div class="corner" id="page_room-lamp"></div>`}}, errors.New("xyzzy")
		},
		do: func(_ context.Context, req bus.Request) bus.Outcome {
			if req.Fields["by"] == "" {
				return bus.Outcome{Status: bus.Invalid, Sentence: "by is missing."}
			}
			return bus.Outcome{Status: bus.Unavailable, Sentence: "Kept."}
		},
	}})
	cookie := "Cookie: presence=" + cookieFor(someone, secret)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		again, say               string
	}{
		{"Home", "GET", "/", "", 503, "/", ""},
		{"Room", "GET", "/r/a%20b", "", 503, "/r/a%20b", ""},
		{"Form", "POST", "/rooms/kitchen/lamp/set", "by=1", 503, "/r/kitchen", "This may not have been saved. Look whether it changed before you press again."},
		{"WrongForm", "POST", "/rooms/home/lamp/set", "", 422, "/", "by is missing."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := s.do(t, tt.method, tt.path, tt.body, cookie)
			if res.StatusCode != tt.status {
				t.Errorf("%s %s = %s, want %d", tt.method, tt.path, res.Status, tt.status)
			}
			if got := res.Header.Get("Retry-After"); (got == "3") != (tt.status == 503) {
				t.Errorf("Retry-After is %q", got)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-cache, private" {
				t.Errorf("Cache-Control is %q", got)
			}
			said := text(element(t, res.body, func(n *html.Node) bool { return attribute(n, "class") == "absent" }))
			if !strings.Contains(said, "store is away") || !strings.Contains(said, "by itself") {
				t.Errorf("the page says %q", said)
			}
			if want := `<noscript><meta http-equiv="refresh" content="3; url=` + tt.again + `"></noscript>`; !strings.Contains(res.body, want) {
				t.Errorf("%s is missing in\n%s", want, res.body)
			}
			for _, want := range []string{"<script defer", "data-live-room=", `id="page_room-lamp"`} {
				if !strings.Contains(res.body, want) {
					t.Errorf("%s is missing in\n%s", want, res.body)
				}
			}
			if got := textOf(t, res.body, "page_error-lamp"); got != tt.say {
				t.Errorf("the lamp says %q, want %q", got, tt.say)
			}
			if strings.Contains(res.body, "xyzzy") {
				t.Error("the page tells what is for the log")
			}
		})
	}
	if res := s.get(t, "/"); len(res.Cookies()) != 1 {
		t.Errorf("somebody new gets the cookies %v, want the one that the socket asks for", res.Cookies())
	}
	if log := s.log.String(); log != "" {
		t.Errorf("the log has\n%s", log)
	}
	if res := s.get(t, "/", "Accept: application/json"); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(res.body, "<html") || res.Header.Get("Retry-After") == "" {
		t.Errorf("a program is answered %s, %q", res.Status, res.body)
	}
}

// Two failures must not be taken for one.
func TestServer_Failure_Numbers(t *testing.T) {
	s := startServer(t, web.Config{Bus: fakeBus{page: func(context.Context, string, plugins.Person) ([]bus.Section, error) {
		return nil, errors.New("away")
	}}})
	for range 10 {
		s.get(t, "/")
	}
	seen := map[string]bool{}
	for _, m := range requestNumber.FindAllStringSubmatch(s.log.String(), -1) {
		seen[m[1]] = true
	}
	if len(seen) != 10 {
		t.Errorf("10 failures have %d numbers", len(seen))
	}
}
