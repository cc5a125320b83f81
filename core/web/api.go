package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/global-presence/presence/core/bus"
	"github.com/global-presence/presence/core/state"
	"github.com/global-presence/presence/plugins"
)

// apiPrefix is what addresses for other services begin with. Their answers are JSON.
const apiPrefix = "/api/"

// Sizes in bytes of what a request may carry: of people, and of a service that has shown
// its token. A thousand events have a kilobyte each.
const (
	maxBody    = 64 << 10
	maxAPIBody = 1 << 20
)

// apiTimeout is how long a request waits for its outcomes. It is shorter than the time
// that an answer may take to be written.
const apiTimeout = 15 * time.Second

// backendUser is who events are for that name nobody.
const backendUser = "backend"

// api is what other services are let in by.
type api struct {
	digest *[sha256.Size]byte // of the token; nil where there is none
	budget *rate.Limiter      // of all events together
}

func newAPI(token string, perSecond float64) *api {
	if perSecond <= 0 {
		perSecond = 10_000
	}
	a := &api{budget: rate.NewLimiter(rate.Limit(perSecond), max(maxAPIEvents, int(perSecond)))}
	if token != "" {
		digest := sha256.Sum256([]byte(token))
		a.digest = &digest
	}
	return a
}

// admits reports whether an Authorization header has the token. It takes as long for one
// that is nearly right as for any other.
func (a *api) admits(authorization []byte) bool {
	scheme, token, _ := bytes.Cut(authorization, []byte(" "))
	if a.digest == nil || !bytes.EqualFold(scheme, []byte("Bearer")) {
		return false
	}
	digest := sha256.Sum256(bytes.TrimSpace(token))
	return subtle.ConstantTimeCompare(digest[:], a.digest[:]) == 1
}

// bodyLimit lets more be sent by whoever has shown the token.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if bytes.HasPrefix(h.RequestURI(), []byte(apiPrefix)) && s.api.admits(h.Peek(fiber.HeaderAuthorization)) {
		return fasthttp.RequestConfig{MaxRequestBodySize: maxAPIBody}
	}
	return fasthttp.RequestConfig{}
}

// apiResult is what became of an event of a service:
//
//	{"id":"order-17","status":"busy","error":"That was too quick. Wait a moment.","retryAfter":250}
type apiResult struct {
	// ID is the event's, made here where the service gave none.
	ID     string     `json:"id"`
	Status bus.Status `json:"status"`

	// Error is the sentence, none for ok. RetryAfter is told of busy ones, in milliseconds.
	Error      string `json:"error,omitempty"`
	RetryAfter int64  `json:"retryAfter,omitempty"`
}

// apiEvents takes events from another service. One is answered with its result, and
// {"events":[…]} with {"results":[…]} in the same order.
//
// The status is 200 if all events are ok, and else what is best to do next: 503 or 429
// if sending the very same again may help, with ids of one's own so that nothing happens
// twice; else 500, 403 or 422, the first of these that an event has.
func (s *Server) apiEvents(c *fiber.Ctx) error {
	if err := s.apiAdmits(c); err != nil {
		return err
	}
	room, err := param(c, "room")
	if err == nil {
		err = state.CheckRoom(room)
	}
	if err != nil {
		return apiRefuse(c, fiber.StatusNotFound, "No room can have that name: "+err.Error()+".")
	}
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") { // a megabyte of it may be gigabytes to read
		return apiRefuse(c, fiber.StatusUnsupportedMediaType, fmt.Sprintf("The body has Content-Encoding %.40q; want none, as it is not read compressed.", encoding))
	}
	events, batch, err := parseAPIEvents(c.Request().Body())
	if err != nil {
		return apiRefuse(c, fiber.StatusBadRequest, err.Error())
	}
	now := time.Now()
	taken := s.api.budget.ReserveN(now, len(events))
	if wait := taken.DelayFrom(now); wait > 0 {
		taken.CancelAt(now)
		c.Set(fiber.HeaderRetryAfter, retryAfter(wait))
		return apiRefuse(c, fiber.StatusTooManyRequests, fmt.Sprintf(
			"Services send more than %v events a second together, which is what --api-rate allows. None of these was taken.", float64(s.api.budget.Limit())))
	}
	reqs := make([]bus.Request, len(events))
	for i, e := range events {
		reqs[i] = bus.Request{ID: cmp.Or(e.ID, newID()), Room: room, Target: e.Target, Fields: e.Fields, Person: s.backend(e.User), Backend: true}
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), apiTimeout)
	defer cancel()
	outcomes := s.cfg.Bus.DoAll(ctx, reqs)

	results := make([]apiResult, len(outcomes))
	var wait time.Duration
	for i, o := range outcomes {
		results[i] = apiResult{reqs[i].ID, o.Status, o.Sentence, o.RetryAfter.Milliseconds()}
		wait = max(wait, o.RetryAfter)
	}
	status := apiStatus(outcomes)
	if status == fiber.StatusTooManyRequests || status == fiber.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, retryAfter(wait))
	}
	if !batch {
		return apiAnswer(c, status, results[0])
	}
	return apiAnswer(c, status, struct {
		Results []apiResult `json:"results"`
	}{results})
}

// apiAdmits returns nil for who has shown the token.
func (s *Server) apiAdmits(c *fiber.Ctx) error {
	switch {
	case s.api.digest == nil:
		return &mistake{fiber.StatusNotFound, "This server takes no events from other services: it was started without --api-token (PRESENCE_API_TOKEN)."}
	case s.api.admits(c.Request().Header.Peek(fiber.HeaderAuthorization)):
		return nil
	}
	if err := s.spend(c, costOfForm); err != nil { // so that guessing takes for ever
		return err
	}
	c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="presence"`)
	return &mistake{fiber.StatusUnauthorized, `The header "Authorization: Bearer TOKEN" is missing, or is not the token of this server's --api-token.`}
}

// apiType is a type of events that services may send:
//
//	{"target":"counter#add","feature":"Counter","fields":[{"name":"by","want":"one of 1, -1"}]}
type apiType struct {
	Target  string     `json:"target"`
	Feature string     `json:"feature"` // its title
	Fields  []apiField `json:"fields"`
}

type apiField struct {
	Name     string `json:"name"`
	Want     string `json:"want"`
	Optional bool   `json:"optional,omitempty"`
}

// apiTypes answers with what may be sent, {"events":[…]}.
func (s *Server) apiTypes(c *fiber.Ctx) error {
	if err := s.apiAdmits(c); err != nil {
		return err
	}
	types := []apiType{}
	for _, m := range s.cfg.Bus.Manifests() {
		for _, e := range m.Events {
			if e.Admin {
				continue
			}
			t := apiType{Target: m.Name + "#" + e.Name, Feature: m.Title, Fields: []apiField{}}
			for _, p := range e.Fields {
				t.Fields = append(t.Fields, apiField{p.Name, m.Want(p), p.Optional})
			}
			types = append(types, t)
		}
	}
	return apiAnswer(c, fiber.StatusOK, struct {
		Events []apiType `json:"events"`
	}{types})
}

// backend returns who an event of a service is for.
func (s *Server) backend(user string) plugins.Person {
	user = cmp.Or(user, backendUser)
	return plugins.Person{User: user, Session: "backend-" + user, Region: s.cfg.Region, Edge: s.cfg.Region}
}

// apiStatus is the HTTP status of many outcomes.
func apiStatus(outcomes []bus.Outcome) int {
	for _, status := range []bus.Status{bus.Unavailable, bus.Busy, bus.Failed, bus.Forbidden, bus.Invalid} {
		for _, o := range outcomes {
			if o.Status == status {
				return httpStatus(status)
			}
		}
	}
	return fiber.StatusOK
}

// apiSentence is what a service is told of a failure that has none of its own.
func apiSentence(status int, sentence, request string) string {
	switch {
	case sentence != "":
		return sentence
	case status == fiber.StatusRequestEntityTooLarge:
		return fmt.Sprintf("The body is too large: at most %d bytes with the token, and %d without.", maxAPIBody, maxBody)
	case status == fiber.StatusMethodNotAllowed:
		return "Events are sent with POST to /api/rooms/ROOM/events; GET /api/events lists what may be sent."
	case request != "":
		return fmt.Sprintf("%s (request %s).", utils.StatusMessage(status), request)
	default:
		return utils.StatusMessage(status) + "."
	}
}

// apiRefuse answers {"error":"…"}.
func apiRefuse(c *fiber.Ctx, status int, sentence string) error {
	return apiAnswer(c, status, struct {
		Error string `json:"error"`
	}{sentence})
}

// apiAnswer answers with JSON in which '<', '>' and '&' are as they are.
func apiAnswer(c *fiber.Ctx, status int, v any) error {
	c.Status(status).Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	e := json.NewEncoder(c.Response().BodyWriter())
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
