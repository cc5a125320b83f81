package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/global-presence/presence/core/web/page"
)

// unavailable is a failure that passes by itself.
type unavailable struct {
	err  error
	told bool // the log has it already
}

func (u *unavailable) Error() string { return u.err.Error() }
func (u *unavailable) Unwrap() error { return u.err }

// mistake is a failure of whoever asked, with a sentence for them.
type mistake struct {
	status   int
	sentence string
}

func (m *mistake) Error() string { return m.sentence }

// fail answers with a page that says what went wrong. What err says goes to the log,
// with a number that the person can tell.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	s.secureHeaders(c) // also where err came before the middleware, or without a request
	status, sentence := fiber.StatusInternalServerError, ""
	var known *fiber.Error
	var told *mistake
	var passing *unavailable
	switch {
	case errors.As(err, &told):
		status, sentence = told.status, told.sentence
	case errors.As(err, &known) && known.Code == fiber.StatusBadGateway:
		return nil // what fiber makes of a connection that broke: nobody is there to be told
	case errors.As(err, &known): // its message is fiber's, not for people
		status = known.Code
	case errors.As(err, &passing):
		status = fiber.StatusServiceUnavailable
		c.Set(fiber.HeaderRetryAfter, "1")
	}
	id := ""
	if status >= 500 {
		id = newID()[:8]
		level := slog.LevelError
		if passing != nil && passing.told {
			level = slog.LevelDebug
		}
		s.cfg.Logger.LogAttrs(c.Context(), level, "request failed",
			slog.String("request", id), slog.String("route", c.Route().Path), slog.Int("status", status), slog.Any("err", err))
	}
	if strings.HasPrefix(c.Path(), apiPrefix) {
		return apiRefuse(c, status, apiSentence(status, sentence, id))
	}
	if !takesPage(c) {
		return c.SendStatus(status)
	}
	return s.html(c, status, page.Error(page.Failure{Frame: s.errorFrame(), Status: status, Sentence: sentence, RequestID: id}))
}

// takesPage reports whether whoever asks takes HTML for an answer.
func takesPage(c *fiber.Ctx) bool {
	accept := c.Get(fiber.HeaderAccept)
	return accept == "" || strings.Contains(accept, "html") || strings.Contains(accept, "*/*")
}

// errorFrame has no script: nothing on a page of an error is live.
func (s *Server) errorFrame() page.Frame {
	f := s.frame()
	f.Scripts = nil
	return f
}

// recoverPanic turns a panic of a handler into an error.
func (s *Server) recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Next()
}

// observe measures requests.
func (s *Server) observe(c *fiber.Ctx) error {
	began := time.Now()
	err := c.Next()
	if c.Path() == "/cable" {
		return err
	}
	if err != nil { // here, so that the status is known
		if err = s.fail(c, err); err != nil {
			return err
		}
	}
	route := c.Route().Path
	if route == "/" && c.Path() != "/" {
		route = "none"
	}
	s.seconds.WithLabelValues(route, strconv.Itoa(c.Response().StatusCode())).Observe(time.Since(began).Seconds())
	return nil
}

// newID returns a random name for a request or an event.
func newID() string { return strings.ToLower(rand.Text()) }

// retryAfter is the value of that header: whole seconds, rounded up.
func retryAfter(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }
