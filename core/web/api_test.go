package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/web"
	"github.com/global-presence/presence/plugins"
)

const (
	apiToken = "a token of the tests"
	bearer   = "Authorization: Bearer " + apiToken
)

// service is a bus that keeps what it is asked, and answers by id.
type service struct {
	outcomes map[string]bus.Outcome // by id; OK where there is none

	mu   sync.Mutex
	reqs []bus.Request
}

func (s *service) do(_ context.Context, req bus.Request) bus.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reqs = append(s.reqs, req)
	if o, ok := s.outcomes[req.ID]; ok {
		return o
	}
	return bus.Outcome{Status: bus.OK}
}

func (s *service) taken() []bus.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reqs
}

// startAPI runs a server that takes events of services.
func startAPI(tb testing.TB, s *service, rate float64) *server {
	tb.Helper()
	return startServer(tb, web.Config{Bus: fakeBus{do: s.do}, APIToken: apiToken, APIRate: rate})
}

// apiError returns the sentence of an answer.
func apiError(tb testing.TB, res response) string {
	tb.Helper()
	var answer struct{ Error string }
	if err := json.Unmarshal([]byte(res.body), &answer); err != nil {
		tb.Fatalf("%s: %q is no JSON: %v", res.Status, res.body, err)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		tb.Errorf("Content-Type is %q, want application/json", got)
	}
	return answer.Error
}

func TestServer_API_One(t *testing.T) {
	b := &service{}
	s := startAPI(t, b, 0)
	res := s.do(t, http.MethodPost, "/api/rooms/tea%20room/events", `{"target":"counter#add","fields":{"by":"1"},"id":"order-17","user":"ann"}`, bearer)
	if want := `{"id":"order-17","status":"ok"}` + "\n"; res.StatusCode != http.StatusOK || res.body != want {
		t.Fatalf("POST = %s %q, want 200 %q", res.Status, res.body, want)
	}
	want := []bus.Request{{
		ID: "order-17", Room: "tea room", Target: "counter#add", Fields: map[string]string{"by": "1"}, Backend: true,
		Person: plugins.Person{User: "ann", Session: "backend-ann", Region: "lhr", Edge: "lhr"},
	}}
	if d := cmp.Diff(want, b.taken()); d != "" {
		t.Errorf("the bus was asked (-want +got):\n%s", d)
	}

	res = s.do(t, http.MethodPost, "/api/rooms/home/events", `{"target":"counter#add"}`, bearer)
	made := b.taken()[1]
	if made.ID == "" || made.Person.User != "backend" || !strings.Contains(res.body, `"id":"`+made.ID+`"`) {
		t.Errorf("an event without id and user: answer %q, asked %+v; want an id made here, told, and the user backend", res.body, made)
	}
}

func TestServer_API_Outcomes(t *testing.T) {
	for _, tt := range []struct {
		outcome bus.Outcome
		status  int
		retry   string
		body    string
	}{
		{bus.Outcome{Status: bus.OK}, 200, "", `{"id":"a","status":"ok"}`},
		{bus.Outcome{Status: bus.Invalid, Sentence: `"by" must be <1>.`}, 422, "", `{"id":"a","status":"invalid","error":"\"by\" must be <1>."}`},
		{bus.Outcome{Status: bus.Forbidden, Sentence: "No."}, 403, "", `{"id":"a","status":"forbidden","error":"No."}`},
		{bus.Outcome{Status: bus.Busy, Sentence: "Wait.", RetryAfter: 1500 * time.Millisecond}, 429, "2", `{"id":"a","status":"busy","error":"Wait.","retryAfter":1500}`},
		{bus.Outcome{Status: bus.Unavailable, Sentence: "Later."}, 503, "1", `{"id":"a","status":"unavailable","error":"Later."}`}, // a store that is cut off
		{bus.Outcome{Status: bus.Failed, Sentence: "Broken."}, 500, "", `{"id":"a","status":"error","error":"Broken."}`},
	} {
		t.Run(string(tt.outcome.Status), func(t *testing.T) {
			s := startAPI(t, &service{outcomes: map[string]bus.Outcome{"a": tt.outcome}}, 0)
			res := s.do(t, http.MethodPost, "/api/rooms/home/events", `{"target":"counter#add","id":"a"}`, bearer)
			if res.StatusCode != tt.status || res.Header.Get("Retry-After") != tt.retry || strings.TrimSpace(res.body) != tt.body {
				t.Errorf("POST = %s, Retry-After %q, %s; want %d, %q, %s", res.Status, res.Header.Get("Retry-After"), res.body, tt.status, tt.retry, tt.body)
			}
		})
	}
}

func TestServer_API_Batch(t *testing.T) {
	refused := func(s bus.Status) bus.Outcome { return bus.Outcome{Status: s, Sentence: "No."} }
	b := &service{outcomes: map[string]bus.Outcome{
		"invalid": refused(bus.Invalid), "forbidden": refused(bus.Forbidden), "failed": refused(bus.Failed),
		"busy": {Status: bus.Busy, Sentence: "No.", RetryAfter: 3 * time.Second}, "away": refused(bus.Unavailable),
	}}
	s := startAPI(t, b, 0)
	for _, tt := range []struct {
		ids    string
		status int
		retry  string
	}{
		{"a b c", 200, ""},
		{"a invalid c", 422, ""},
		{"invalid forbidden", 403, ""},
		{"forbidden failed a", 500, ""},
		{"failed busy invalid", 429, "3"},
		{"a busy away invalid", 503, "3"},
	} {
		var events, want []string
		for id := range strings.FieldsSeq(tt.ids) {
			events = append(events, `{"target":"counter#add","id":"`+id+`"}`)
			status := "ok"
			if o, ok := b.outcomes[id]; ok {
				status = string(o.Status)
			}
			want = append(want, id+" "+status)
		}
		res := s.do(t, http.MethodPost, "/api/rooms/home/events", `{"events":[`+strings.Join(events, ",")+`]}`, bearer)
		var answer struct{ Results []struct{ ID, Status string } }
		if err := json.Unmarshal([]byte(res.body), &answer); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range answer.Results {
			got = append(got, r.ID+" "+r.Status)
		}
		if d := cmp.Diff(want, got); d != "" || res.StatusCode != tt.status || res.Header.Get("Retry-After") != tt.retry {
			t.Errorf("%s: %s, Retry-After %q; want %d, %q; results (-want +got):\n%s", tt.ids, res.Status, res.Header.Get("Retry-After"), tt.status, tt.retry, d)
		}
	}
}

func TestServer_API_Token(t *testing.T) {
	b := &service{}
	s := startAPI(t, b, 0)
	const body = `{"target":"counter#add"}`
	for name, headers := range map[string][]string{
		"Missing": nil, "Wrong": {bearer + "x"}, "Shorter": {strings.TrimSuffix(bearer, "s")}, "Empty": {"Authorization: Bearer "},
		"Basic": {"Authorization: Basic " + apiToken}, "Bare": {"Authorization: " + apiToken}, "Cookie": {s.visit(t)},
	} {
		res := s.do(t, http.MethodPost, "/api/rooms/home/events", body, headers...)
		if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" || !strings.Contains(apiError(t, res), "--api-token") {
			t.Errorf("%s: %s %s, want 401 that tells of the token", name, res.Status, res.body)
		}
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", body, "Authorization: bearer  "+apiToken); res.StatusCode != http.StatusOK {
		t.Errorf("the scheme in lower case: %s, want 200", res.Status)
	}
	if n := len(b.taken()); n != 1 {
		t.Errorf("%d events were taken, want only that with the token", n)
	}

	none := startServer(t, web.Config{})
	for _, header := range []string{bearer, "Authorization: Bearer "} {
		res := none.do(t, http.MethodPost, "/api/rooms/home/events", body, header)
		if res.StatusCode != http.StatusNotFound || !strings.Contains(apiError(t, res), "without --api-token") {
			t.Errorf("a server without a token: %s %s, want 404 that says so", res.Status, res.body)
		}
	}
}

// Whoever guesses tokens soon waits.
func TestServer_API_Guessing(t *testing.T) {
	s := startAPI(t, &service{}, 0)
	for range 5000 {
		res := s.do(t, http.MethodPost, "/api/rooms/home/events", `{}`, "Authorization: Bearer guess")
		if res.StatusCode == http.StatusTooManyRequests {
			if res.Header.Get("Retry-After") == "" || apiError(t, res) == "" {
				t.Errorf("too many guesses: Retry-After %q, %s; want both told", res.Header.Get("Retry-After"), res.body)
			}
			return
		}
	}
	t.Error("5,000 guesses, and none was too many")
}

func TestServer_API_Types(t *testing.T) {
	s := startAPI(t, &service{}, 0)
	for _, headers := range [][]string{nil, {bearer + "x"}} {
		if res := s.get(t, "/api/events", headers...); res.StatusCode != http.StatusUnauthorized || apiError(t, res) == "" {
			t.Errorf("%v: %s %s, want 401", headers, res.Status, res.body)
		}
	}
	const want = `{"events":[{"target":"lamp#set","feature":"Lamp","fields":[{"name":"on","want":"true or false"}]}]}` + "\n"
	if res := s.get(t, "/api/events", bearer); res.StatusCode != http.StatusOK || res.body != want {
		t.Errorf("GET = %s %s, want 200 %s", res.Status, res.body, want)
	}
}

func TestServer_API_Malformed(t *testing.T) {
	b := &service{}
	s := startAPI(t, b, 0)
	for _, tt := range []struct{ name, body, want string }{
		{"Empty", "", "the body is no JSON: unexpected end of JSON input, at byte 0 of 0; want {\"target\""},
		{"Cut", `{"target":"counter#add"`, "the body is no JSON: unexpected end of JSON input, at byte 23 of 23; want"},
		{"Form", `target=counter#add`, "the body is no JSON: invalid character"},
		{"Latin1", "{\"target\":\"counter#add\",\"fields\":{\"by\":\"\xe9\"}}", "the body is not UTF-8; want"},
		{"List", `[{"target":"counter#add"}]`, `the body is [{"target":"counter#add"}]; want {"target"`},
		{"Null", `null`, `the body is null; want {"target"`},
		{"NoEvent", `{"target":"counter"}`, `target is "counter"; want a text of 1 to 128 bytes, FEATURE#EVENT, such as "counter#add"`},
		{"Bool", `{"target":"lightbulb#set","fields":{"on":true}}`, `fields.on is true; want a text, such as "true"`},
		{"Lines", "{\"target\":\"counter#add\",\"fields\":{\"by\":{\n\n\"x\":1}}}", `fields.by is { "x":1}; want a text`},
		{"LongName", `{"target":"counter#add","` + strings.Repeat("x", 900_000) + `":1}`, strings.Repeat("x", 80) + "… is 1; want nothing but"},
		{"NoTarget", `{"fields":{}}`, `target is missing; want FEATURE#EVENT, such as "counter#add"`},
		{"Target", `{"target":7}`, `target is 7; want a text of 1 to 128 bytes, FEATURE#EVENT, such as "counter#add"`},
		{"Number", `{"target":"counter#add","fields":{"by":1}}`, `fields.by is 1; want a text, such as "1"`},
		{"FieldNull", `{"target":"counter#add","fields":{"by":null}}`, `fields.by is null; want a text, such as "1"`},
		{"Fields", `{"target":"counter#add","fields":[]}`, `fields is []; want an object of texts, such as {"by":"1"}`},
		{"ID", `{"target":"counter#add","id":"a b"}`, `id is "a b"; want 1 to 64 letters, digits, - and _, or nothing`},
		{"User", `{"target":"counter#add","user":""}`, `user is ""; want 1 to 64 letters, digits, - and _, or nothing`},
		{"Unknown", `{"target":"counter#add","room":"home"}`, `room is "home"; want nothing but target, fields, id and user in an event`},
		{"Long", `{"target":"counter#add","id":"` + strings.Repeat("é", 200) + `"}`, `id is "` + strings.Repeat("é", 39) + `…; want 1 to 64`},
		{"NoEvents", `{"events":[]}`, `"events" is []; want a list of 1 to 1000 events`},
		{"TooMany", `{"events":[` + strings.Repeat(`{},`, 1000) + `{}]}`, `"events" is 1001 events; want a list of 1 to 1000 events`},
		{"Beside", `{"events":[{"target":"counter#add"}],"id":"a"}`, `"id" is "a"; want nothing beside "events"`},
		{"All", `{"events":[{"target":"counter#add","id":7},7,{"fields":7}]}`, "events[0].id is 7; want 1 to 64 letters, digits, - and _, or nothing\n" +
			"events[1] is 7; want an event, such as {\"target\":\"counter#add\",\"fields\":{\"by\":\"1\"}}\n" +
			"events[2].fields is 7; want an object of texts, such as {\"by\":\"1\"}\nevents[2].target is missing; want FEATURE#EVENT, such as \"counter#add\""},
		{"Many", `{"events":[` + strings.Repeat(`7,`, 99) + `7]}`, "events[9] is 7; want an event, such as {\"target\":\"counter#add\",\"fields\":{\"by\":\"1\"}}\nand 90 more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := s.do(t, http.MethodPost, "/api/rooms/home/events", tt.body, bearer)
			if got := apiError(t, res); res.StatusCode != http.StatusBadRequest || !strings.Contains(got, tt.want) {
				t.Errorf("POST = %s %q, want 400 with %q", res.Status, got, tt.want)
			}
		})
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/a%00b/events", `{"target":"counter#add"}`, bearer); res.StatusCode != http.StatusNotFound || apiError(t, res) == "" {
		t.Errorf("a room that cannot be: %s %s, want 404", res.Status, res.body)
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", `{"target":"counter#add"}`, bearer, "Content-Encoding: gzip"); res.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(apiError(t, res), `"gzip"`) {
		t.Errorf("a compressed body: %s %s, want 415 that names gzip", res.Status, res.body)
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", `{}`, bearer, "Content-Encoding: identity"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that says that it is not compressed: %s %s, want 400", res.Status, res.body)
	}
	if res := s.get(t, "/api/rooms/home/events", bearer); res.StatusCode != http.StatusMethodNotAllowed || apiError(t, res) == "" {
		t.Errorf("GET = %s %s, want 405 as JSON", res.Status, res.body)
	}
	if n := len(b.taken()); n != 0 {
		t.Errorf("%d events were taken of malformed requests", n)
	}
}

// A thousand events of a kilobyte fit with the token; without it as little as from people.
func TestServer_API_Oversize(t *testing.T) {
	b := &service{}
	s := startAPI(t, b, 0)
	body := func(events, size int) string {
		one := `{"target":"hello#say","fields":{"text":"` + strings.Repeat("x", size) + `"}}`
		return `{"events":[` + strings.Repeat(one+",", events-1) + one + `]}`
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", body(1000, 1000), bearer); res.StatusCode != http.StatusOK {
		t.Fatalf("1,000 events of a kilobyte: %s %.200s, want 200", res.Status, res.body)
	}
	for name, headers := range map[string][]string{"WithToken": {bearer}, "Without": nil, "WrongToken": {bearer + "x"}} {
		size := 100_000
		if name == "WithToken" {
			size = maxBatch
		}
		res := postLarge(t, s, "/api/rooms/home/events", body(1, size), headers...)
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(apiError(t, res), "1048576") {
			t.Errorf("%s, %d bytes: %s %.200s, want 413 that says how many are allowed", name, size, res.Status, res.body)
		}
	}
	if res := postLarge(t, s, "/rooms/home/lamp/set", "on="+strings.Repeat("x", 100_000), bearer); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 100,000 bytes: %s, want 413: the token is for services", res.Status)
	}
	if n := len(b.taken()); n != 1000 {
		t.Errorf("%d events were taken, want 1000", n)
	}
}

// postLarge posts a body that the server may refuse to read. Like curl it reads the answer
// all the same, which net/http does only if that was quicker than the end of the connection.
func postLarge(tb testing.TB, s *server, path, body string, headers ...string) response {
	tb.Helper()
	head := append([]string{"POST " + path + " HTTP/1.1", "Host: " + s.addr, fmt.Sprint("Content-Length: ", len(body))}, headers...)
	return s.raw(tb, strings.Join(head, "\r\n")+"\r\n\r\n"+body)
}

// maxBatch is what a body may have in bytes.
const maxBatch = 1 << 20

// The budget is one of all services, and spends nothing of what it refuses.
func TestServer_API_Rate(t *testing.T) {
	b := &service{}
	s := startAPI(t, b, 1) // 1,000 at once, then one a second
	batch := func(n int) string {
		var events []string
		for i := range n {
			events = append(events, fmt.Sprintf(`{"target":"counter#add","id":"%d"}`, i))
		}
		return `{"events":[` + strings.Join(events, ",") + `]}`
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", batch(990), bearer); res.StatusCode != http.StatusOK {
		t.Fatalf("990 events: %s %s, want 200", res.Status, res.body)
	}
	res := s.do(t, http.MethodPost, "/api/rooms/kitchen/events", batch(900), bearer)
	if wait := res.Header.Get("Retry-After"); res.StatusCode != http.StatusTooManyRequests || len(wait) != 3 || !strings.Contains(apiError(t, res), "more than 1 events a second") {
		t.Errorf("900 more: %s, Retry-After %q, %s; want 429 and some 890 seconds", res.Status, wait, res.body)
	}
	if res := s.do(t, http.MethodPost, "/api/rooms/home/events", batch(5), bearer); res.StatusCode != http.StatusOK {
		t.Errorf("5 events after the refusal: %s %s, want 200: it spent nothing", res.Status, res.body)
	}
	if n := len(b.taken()); n != 995 {
		t.Errorf("%d events were taken, want 995", n)
	}
}
