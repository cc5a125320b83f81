package web_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

// cookieFor is the cookie as every region must write and read it.
func cookieFor(user string, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("user:" + user))
	return user + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const someone = "k7qf2mzr4x6yw3ab"

var userID = regexp.MustCompile(`^[a-z2-7]{16}$`)

// watchPeople returns a bus that passes on who looks at pages.
func watchPeople(n int) (fakeBus, <-chan plugins.Person) {
	people := make(chan plugins.Person, n)
	return fakeBus{page: func(_ context.Context, _ string, viewer plugins.Person) ([]bus.Section, error) {
		people <- viewer
		return nil, nil
	}}, people
}

func TestServer_Cookie(t *testing.T) {
	signed := cookieFor(someone, secret)
	user, signature, _ := strings.Cut(signed, ".")
	fake, people := watchPeople(1)
	s := startServer(t, web.Config{Bus: fake})
	for _, tt := range []struct {
		name, cookie string
		known        bool
	}{
		{"OK", signed, true},
		{"Quoted", `"` + signed + `"`, true}, // as RFC 6265 allows
		{"Another'sFirst", cookieFor("aaaaaaaaaaaaaaaa", []byte("another secret, quite as long")) + "; presence=" + signed, true},
		{"Another'sLast", signed + "; presence=" + cookieFor("aaaaaaaaaaaaaaaa", []byte("another secret, quite as long")), true},
		{"None", "", false},
		{"OtherUser", "aaaaaaaaaaaaaaaa." + signature, false},
		{"OneLetter", "l" + signed[1:], false},
		{"Uppercase", strings.ToUpper(user) + "." + signature, false},
		{"OtherSecret", cookieFor(someone, []byte("another secret, quite as long")), false},
		{"NoSignature", user, false},
		{"EmptySignature", user + ".", false},
		{"ShortSignature", signed[:len(signed)-1], false},
		{"LongSignature", signed + "A", false},
		{"PaddedSignature", signed + "=", false},
		{"TwoSignatures", signed + "." + signature, false},
		{"ShortUser", cookieFor(someone[:15], secret), false},
		{"LongUser", cookieFor(someone+"a", secret), false},
		{"NoUser", cookieFor("", secret), false},
		{"Garbage", "\u00ff;=.", false},
		{"Huge", strings.Repeat("a", 4000), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.cookie != "" {
				headers = append(headers, "Cookie: presence="+tt.cookie)
			}
			res := s.get(t, "/", headers...)
			p := receive(t, people, "the page to be asked for")
			if known := p.User == someone; known != tt.known || !userID.MatchString(p.User) {
				t.Errorf("user %q, want a known one: %v", p.User, tt.known)
			}
			if len(res.Cookies()) != 1 {
				t.Fatalf("cookies %v, want one", res.Cookies())
			}
			if got, want := res.Cookies()[0].Value, cookieFor(p.User, secret); got != want {
				t.Errorf("cookie is %q, want %q", got, want)
			}
		})
	}
}

func TestServer_Cookie_Attributes(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, tt := range []struct {
		name   string
		header string
		secure bool
	}{{"Plain", "X-Forwarded-Proto: http", false}, {"HTTPS", "X-Forwarded-Proto: https", true}} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.get(t, "/", tt.header, "Cookie: presence="+cookieFor(someone, secret)).Cookies()[0]
			got.Raw = ""
			want := &http.Cookie{
				Name: "presence", Value: cookieFor(someone, secret), Path: "/", MaxAge: 365 * 24 * 60 * 60,
				HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: tt.secure,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("cookie (-want +got):\n%s", diff)
			}
		})
	}
}

// A cookie is for those who read pages: what only loads files stays nobody, and so
// does whoever is told of a mistake.
func TestServer_Cookie_OnlyOnPages(t *testing.T) {
	s := startServer(t, web.Config{})
	for _, path := range []string{"/nothing", "/assets/nothing.css", "/r?room=", "/r?room=x", "/cable"} {
		if got := s.get(t, path).Cookies(); len(got) != 0 {
			t.Errorf("GET %s sets %v, want no cookie", path, got)
		}
	}
}

func TestServer_Cookie_NewIDs(t *testing.T) {
	const n = 20
	fake, people := watchPeople(n)
	s := startServer(t, web.Config{Bus: fake})
	seen := map[string]bool{}
	for range n {
		s.get(t, "/")
		seen[receive(t, people, "the page to be asked for").User] = true
	}
	if len(seen) != n {
		t.Errorf("%d visitors have %d ids", n, len(seen))
	}
}

func TestServer_Edge(t *testing.T) {
	fake, people := watchPeople(1)
	s := startServer(t, web.Config{Bus: fake})
	for header, want := range map[string]string{"gru": "gru", "": "lhr", "LHR!": "lhr", "<i>": "lhr"} {
		s.get(t, "/", "Fly-Region: "+header)
		if got := receive(t, people, "the page to be asked for"); got.Edge != want || got.Region != "lhr" || got.Session != "" {
			t.Errorf("with Fly-Region %q the person is %+v, want region lhr, edge %s, no session", header, got, want)
		}
	}
}

// Fiber's strings are the memory of a request that is gone; kept, three requests
// gave gru, gru, gru. What the bus was handed must stay what it was.
func TestServer_Strings(t *testing.T) {
	const n = 12
	edges := []string{"gru", "lhr", "syd"}
	viewers, requests := make(chan plugins.Person, n), make(chan bus.Request, n)
	rooms := make(chan string, n)
	s := startServer(t, web.Config{Bus: fakeBus{
		page: func(_ context.Context, room string, viewer plugins.Person) ([]bus.Section, error) {
			viewers <- viewer
			rooms <- room
			return nil, nil
		},
		do: func(_ context.Context, req bus.Request) bus.Outcome {
			requests <- req
			return bus.Outcome{Status: bus.OK}
		},
	}})
	user := func(i int) string { return fmt.Sprintf("%s%02d", strings.Repeat(string(rune('a'+i)), 14), i%6+22) }
	word := func(i int) string { return strings.Repeat(string(rune('a'+i)), 5) }
	for i := range n { // on one connection, so that its memory is used again
		headers := []string{"Cookie: presence=" + cookieFor(user(i), secret), "Fly-Region: " + edges[i%3]}
		if res := s.get(t, "/r/"+word(i), headers...); res.StatusCode != http.StatusOK {
			t.Fatalf("GET = %s", res.Status)
		}
		body := "k" + word(i) + "=v" + word(i)
		if res := s.do(t, http.MethodPost, "/rooms/"+word(i)+"/f"+word(i)+"/e"+word(i), body, headers...); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("POST = %s", res.Status)
		}
	}
	for i := range n {
		person := plugins.Person{User: user(i), Region: "lhr", Edge: edges[i%3]}
		if diff := cmp.Diff(person, receive(t, viewers, "a viewer")); diff != "" {
			t.Errorf("viewer %d after later requests (-want +got):\n%s", i, diff)
		}
		if room := receive(t, rooms, "a room"); room != word(i) {
			t.Errorf("room %d after later requests is %q, want %q", i, room, word(i))
		}
		want := bus.Request{
			Room: word(i), Target: "f" + word(i) + "#e" + word(i), Fields: map[string]string{"k" + word(i): "v" + word(i)}, Person: person,
		}
		got := receive(t, requests, "an event")
		if got.ID == "" {
			t.Errorf("event %d has no id", i)
		}
		want.ID = got.ID
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event %d after later requests (-want +got):\n%s", i, diff)
		}
	}
}

// A page beside the servers gives the cookie that they would give.
func TestIdentify(t *testing.T) {
	identify := func(cookie string) *http.Cookie {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if cookie != "" {
			r.Header.Set("Cookie", "presence="+cookie)
		}
		w := httptest.NewRecorder()
		web.Identify(w, r, secret)
		cookies := w.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("cookies %v, want one", cookies)
		}
		return cookies[0]
	}
	s := startServer(t, web.Config{})
	fresh := identify("")
	res := s.get(t, "/", "Cookie: presence="+fresh.Value)
	if len(res.Cookies()) != 1 {
		t.Fatalf("cookies %v, want one", res.Cookies())
	}
	want := res.Cookies()[0]
	want.Raw, fresh.Raw = "", ""
	if diff := cmp.Diff(want, fresh); diff != "" {
		t.Errorf("cookie (-of a server +of Identify):\n%s", diff)
	}
	if got := identify(cookieFor(someone, secret)).Value; got != cookieFor(someone, secret) {
		t.Errorf("somebody known becomes %q", got)
	}
	for _, bad := range []string{cookieFor(someone, []byte("another secret, quite as long")), someone, "a.b"} {
		if got := identify(bad).Value; strings.HasPrefix(got, someone) || got == fresh.Value {
			t.Errorf("cookie %q becomes %q, want somebody new", bad, got)
		}
	}
}
